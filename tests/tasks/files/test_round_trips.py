"""Random tables written by the usual writers are read back exactly, or refused with an error that names the file."""

import collections
import csv
import json
import os
import pathlib
import tempfile

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from healbert.tasks.files.options import ReadOptions
from healbert.tasks.files.store import read_file
from healbert.utils.errors import UserError

WORDS = [
    "NA",
    "null",
    "None",
    "nan",
    "NaN",
    "",
    "01",
    "1",
    "1.0",
    "1E1",
    "-0",
    "0x1F",
    "true",
    "False",
    "inf",
    "2020-01-01",
]
PIECES = [
    '"',
    '""',
    ",",
    "\n",
    "\r\n",
    "\r",
    "\t",
    ";",
    "\\",
    "\\n",
    "'",
    " ",
    "\u2028",
    "é",
    "e\u0301",
    "日本",
    "😀",
    "\0",
    "#",
]

texts = st.one_of(
    st.sampled_from(WORDS),
    st.lists(st.sampled_from([*PIECES, *WORDS, "word", "another one"]), max_size=6).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)

names = st.one_of(
    st.sampled_from(["text", "label", "sentence", "a,b", 'the "text"', "x;y", "naïve", "NA", "1", "id"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8),
)


@st.composite
def tables(draw, values=texts):
    """{name: values} with one to four columns and one to eight rows."""
    columns = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    count = draw(st.integers(1, 8))
    return {name: draw(st.lists(values, min_size=count, max_size=count)) for name in columns}


@st.composite
def typed_tables(draw):
    """The same, with columns of one type each, and gaps."""
    numbers = st.integers(-(2**53), 2**53)
    kinds = [
        texts,
        numbers,
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
        st.lists(numbers, max_size=2),
    ]
    columns = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    count = draw(st.integers(1, 8))
    return {
        name: draw(st.lists(st.none() | draw(st.sampled_from(kinds)), min_size=count, max_size=count))
        for name in columns
    }


def with_csv(**dialect):
    def write(table, path):
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file, **dialect).writerows([table, *zip(*table.values(), strict=True)])

    return write


def with_pandas(write, **options):
    return lambda table, path: getattr(pandas.DataFrame(table, dtype=object), write)(path, **options)


def unquoted(table, path):
    lines = ["\t".join(row) for row in (table, *zip(*table.values(), strict=True))]
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())


def rows_of(table):
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def json_lines(table, path):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows_of(table)), "utf-8", newline="")


def with_pyarrow(table, path):
    pyarrow.parquet.write_table(pyarrow.table(table), path)


DELIMITED = {
    "csv": ("t.csv", with_csv(), {}),
    "csv, LF": ("t.csv", with_csv(lineterminator="\n"), {}),
    "csv, all quoted": ("t.csv", with_csv(quoting=csv.QUOTE_ALL), {}),
    "csv, semicolon": ("t.csv", with_csv(delimiter=";"), {"delimiter": ";"}),
    "csv of pandas": ("t.csv", with_pandas("to_csv", index=False), {}),
    "csv.gz of pandas": ("t.csv.gz", with_pandas("to_csv", index=False), {}),
    "csv of pandas, UTF-16": ("t.csv", with_pandas("to_csv", index=False, encoding="utf-16"), {"encoding": "utf-16"}),
    "tsv": ("t.tsv", with_csv(delimiter="\t"), {}),
    "tsv of pandas": ("t.tsv", with_pandas("to_csv", index=False, sep="\t"), {}),
    "csv, said to be quoted": ("t.csv", with_csv(), {"quoting": "minimal"}),
}

TYPED = {
    "jsonl": ("t.jsonl", json_lines),
    "json": ("t.json", lambda table, path: path.write_text(json.dumps(rows_of(table), indent=1), "utf-8")),
    "json of columns": ("t.json", lambda table, path: path.write_text(json.dumps(table), "utf-8")),
    "parquet": ("t.parquet", with_pyarrow),
}

PANDAS = {
    "jsonl of pandas": ("t.jsonl", with_pandas("to_json", orient="records", lines=True)),
    "json of pandas": ("t.json", with_pandas("to_json", orient="records")),
    "jsonl.gz of pandas": ("t.jsonl.gz", with_pandas("to_json", orient="records", lines=True)),
    "parquet of pandas": ("t.parquet", with_pandas("to_parquet", index=False)),
}

thorough = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check(tables, name, write, most_refused, expected=lambda table: table, **options):
    """Writes and reads many tables; at most a share of them may be refused."""
    counts = collections.Counter()

    @thorough
    @given(tables)
    def property_holds(table):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / name
            write(table, path)
            counts["all"] += 1
            try:
                rows, found = read_file(path, ReadOptions(**options), folder)
            except UserError as error:
                assert str(error).startswith(str(path))
                counts["refused"] += 1
                return
            assert rows[:] == expected(table)
            assert found.rows == len(next(iter(table.values())))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)  # three hundred waits for the disk would test the disk
        # Else it draws constants of whatever modules are loaded, and how many are refused depends on the tests before.
        patch.setattr(providers, "_get_local_constants", lambda: providers.Constants())
        patch.setattr(providers, "CONSTANTS_CACHE", type(providers.CONSTANTS_CACHE)(1024))
        property_holds()
    assert counts["all"] >= 300
    assert counts["refused"] <= most_refused * counts["all"], counts


@pytest.mark.slow
@pytest.mark.parametrize("name, write, options", DELIMITED.values(), ids=DELIMITED)
def test_delimited(name, write, options):
    check(tables(), name, write, 0.2, **options)


@pytest.mark.parametrize("name, write", TYPED.values(), ids=TYPED)
def test_typed(name, write):
    check(typed_tables(), name, write, 0.05)


@pytest.mark.parametrize("name, write", PANDAS.values(), ids=PANDAS)
def test_pandas(name, write):
    check(tables(), name, write, 0.05)


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\n\r"), max_size=12) | st.sampled_from(
    WORDS
)


def test_tsv_without_quoting():
    """What a line holds is read as it stands."""
    check(tables(plain), "t.tsv", unquoted, 0.2, quoting="none")
