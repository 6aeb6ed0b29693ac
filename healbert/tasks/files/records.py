"""JSON objects become columns; the types are those of JSON and the same from the first row to the last."""

import json
import math

from .batching import record_batches

KIND_NAMES = {bool: "true/false", int: "number", float: "number", str: "text", list: "list", dict: "object"}


class RecordError(Exception):
    """An object that cannot be read exactly; the message says why."""


class _WiderError(Exception):
    """A column turned out to hold more than was seen before; ``schema`` has room for it."""

    def __init__(self, schema):
        super().__init__()
        self.schema = schema


def decoder():
    """A `json.JSONDecoder` that refuses what others read in two ways, and what is not JSON."""
    return json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _object(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordError(f"the field '{twice}' stands there twice")
    return found


def _no_constant(name):
    raise RecordError(f"{name} is not JSON; write null, or leave the row out")


def write_records(source, write, records):
    """Writes objects as rows.

    The columns and their types are known only once all rows were seen: where a batch needs a wider type (numbers
    with a fraction after whole ones, text after nulls, a new field), the file is read again from its beginning.

    Args:
        source: the `Source`.
        write: see the package.
        records: function that yields (line, object) from the file's beginning.

    Raises:
        UserError: naming the line, if a row is no object, or a column holds values of several kinds.
    """
    import pyarrow

    schema = pyarrow.schema([])
    while schema is not None:
        schema = _try_schema(source, write, records(), schema)


def _try_schema(source, write, records, schema):
    """Writes the rows with a schema; returns a wider one if they need it, else None."""
    import pyarrow

    try:
        write(schema, record_batches(records, lambda some: _batch(source, some, schema)))
    except _WiderError as wider:
        return wider.schema
    except pyarrow.ArrowException as error:  # objects in objects, dozens deep
        raise source.error(f"holds values that cannot be kept ({error})") from error
    return None


def _batch(source, records, schema):
    import pyarrow

    for line, row in records:
        if not isinstance(row, dict):
            raise source.error(f"an example must be an object with named fields, not {json.dumps(row)[:40]}", line)
    rows = [row for _, row in records]
    names = list(dict.fromkeys([*schema.names, *(name for row in rows for name in row)]))
    if not names:
        raise source.error("the object has no fields", records[0][0])
    fields = {field.name: field.type for field in schema}
    wanted = fields.get
    columns = [_column(source, records, name, wanted(name, pyarrow.null())) for name in names]
    wider = pyarrow.schema([(name, column.type) for name, column in zip(names, columns, strict=True)])
    if wider != schema:
        raise _WiderError(wider)
    return pyarrow.record_batch(columns, schema)


def _column(source, records, name, known):
    """One column of a batch as an Arrow array: of the type ``known``, or of a wider one that it needs."""
    import pyarrow

    values = [row.get(name) for _, row in records]
    _check_kinds(source, records, name, values, known)
    try:
        array = pyarrow.array(values)
        if array.type == known:
            return array
        both = [pyarrow.schema([(name, kind)]) for kind in (known, array.type)]
        wide = pyarrow.unify_schemas(both, promote_options="permissive").field(0).type
        return array.cast(wide) if pyarrow.types.is_null(array.type) else pyarrow.array(values, type=wide)
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise source.error(*_culprit(records, name, known, error)) from error


def _check_kinds(source, records, name, values, known):
    """One column, one kind. Arrow would take true for 1 among numbers with a fraction."""
    kinds = {KIND_NAMES[kind] for kind in set(map(type, values)) if kind is not type(None)}
    before = _kind_of_type(known)
    if len(kinds | ({before} if before else set())) > 1:
        before = before or next(KIND_NAMES[type(value)] for value in values if value is not None)
        for (line, _), value in zip(records, values, strict=True):
            if value is not None and KIND_NAMES[type(value)] != before:
                raise source.error(
                    f"the field '{name}' holds {json.dumps(value)[:40]} ({KIND_NAMES[type(value)]}), "
                    f"but {before} in rows before; a column must hold values of one kind",
                    line,
                )
    if float in set(map(type, values)) and not all(map(math.isfinite, filter(None, values))):
        line = next(line for line, row in records if row.get(name) in (math.inf, -math.inf))
        raise source.error(f"the field '{name}' holds a number that is too large", line)


def _kind_of_type(known):
    from pyarrow import types

    tests = {
        "true/false": types.is_boolean,
        "number": lambda kind: types.is_integer(kind) or types.is_floating(kind),
        "text": types.is_string,
        "list": types.is_list,
        "object": types.is_struct,
    }
    return next((kind for kind, test in tests.items() if test(known)), None)


def _culprit(records, name, known, error):
    """The message for the first row whose value does not go with those before it, and its line."""
    import pyarrow

    values = []
    for line, row in records:
        values.append(row.get(name))
        try:
            pyarrow.array(values)
        except UnicodeEncodeError:
            return f"the field '{name}' holds half of a surrogate pair (\\ud800 to \\udfff), which is no text", line
        except OverflowError:
            return f"the field '{name}' holds a whole number beyond 64 bits", line
        except pyarrow.ArrowException as here:
            return f"the field '{name}' holds values that do not go together ({here})", line
    return f"the field '{name}' holds values that do not go with those before ({error})", records[0][0]
