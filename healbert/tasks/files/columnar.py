"""Parquet, Arrow, and what `datasets.save_to_disk` wrote: the types are kept."""

from .batching import BATCH_BYTES, FIRST_ROWS

KEPT_METADATA = b"huggingface"  # names of classes


def read(source, write):
    """Reads a parquet or Arrow file; categorical columns become columns of their values.

    Args:
        source: a `Source`.
        write: see the package.

    Raises:
        UserError: if the file is damaged, or two columns have one name.
    """
    import pyarrow

    try:
        with source.bytes() as stream:
            opened = _parquet(stream) if source.kind.name == "parquet" else _arrow(stream)
            write_batches(source, write, *opened)
    except (pyarrow.ArrowException, OSError) as error:
        raise source.error(f"cannot be read as {source.kind.name}: {error}") from error


def _parquet(stream):
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(stream)
    rows = file.metadata.num_rows
    size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
    return file.schema_arrow, file.iter_batches(max(FIRST_ROWS, rows * BATCH_BYTES // max(1, size)))


def _arrow(stream):
    """The stream format, which the datasets library writes, or the file format."""
    import pyarrow

    try:
        file = pyarrow.ipc.open_stream(stream)
        return file.schema, file
    except pyarrow.ArrowInvalid:
        stream.seek(0)
        file = pyarrow.ipc.open_file(stream)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))


def write_batches(source, write, schema, batches):
    """Writes record batches with their categorical columns decoded, since each file numbers categories its own way."""
    import pyarrow

    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise source.error(f"the column '{twice[0]}' is there twice; rename one")
    kept = {key: value for key, value in (schema.metadata or {}).items() if key == KEPT_METADATA}
    plain = pyarrow.schema([pyarrow.field(field.name, _plain(field.type)) for field in schema], metadata=kept)
    write(plain, (_decoded(batch, plain) for batch in batches if batch.num_rows))


def _plain(kind):
    from pyarrow import types

    return kind.value_type if types.is_dictionary(kind) else kind


def _decoded(batch, schema):
    import pyarrow

    columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pyarrow.record_batch(columns, schema)
