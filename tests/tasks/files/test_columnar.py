"""Parquet and Arrow: types kept, categories decoded."""

import datasets
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from healbert.tasks.files.store import read_file


@pytest.fixture
def read_table(tmp_path):
    """Reads an Arrow table back through a file of the given suffix."""

    def read(table, suffix=".parquet"):
        path = tmp_path / f"t{suffix}"
        if suffix == ".parquet":
            pyarrow.parquet.write_table(table, path)
        else:
            kind = pyarrow.ipc.new_stream if suffix == ".stream.arrow" else pyarrow.ipc.new_file
            with pyarrow.OSFile(str(path), "wb") as sink, kind(sink, table.schema) as writer:
                writer.write_table(table, max_chunksize=2)
        return read_file(path, cache_dir=tmp_path / "cache")[0]

    return read


TYPED = {
    "text": ["a", None, "NA"],
    "whole": [1, None, 3],
    "fraction": [0.5, float("inf"), None],
    "flag": [True, None, False],
    "list": [[1], [], None],
    "struct": [{"a": 1}, None, {"a": 2}],
}


@pytest.mark.parametrize("suffix", [".parquet", ".stream.arrow", ".file.arrow"])
def test_types_are_kept(read_table, suffix):
    rows = read_table(pyarrow.table(TYPED), suffix)
    assert rows[:] == TYPED
    assert [rows.features[name].dtype for name in ("text", "whole", "fraction", "flag")] == [
        *("string", "int64", "float64", "bool"),
    ]


@pytest.mark.parametrize("suffix", [".parquet", ".stream.arrow", ".file.arrow"])
def test_categories_are_decoded_whatever_their_order(read_table, suffix):
    columns = {"text": ["b", "a", "b"], "whole": [7, 3, 7], "gap": ["x", None, "x"]}
    table = pyarrow.table({name: pyarrow.array(values).dictionary_encode() for name, values in columns.items()})
    rows = read_table(table, suffix)
    assert rows[:] == columns
    with pyarrow.memory_map(rows.cache_files[0]["filename"]) as kept:  # else all of it is decoded in memory
        assert [field.type for field in pyarrow.ipc.open_stream(kept).schema] == [
            pyarrow.string(),
            pyarrow.int64(),
            pyarrow.string(),
        ]


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"]])
def test_categorical_column_of_pandas(tmp_path, order):
    frame = pandas.DataFrame({"label": pandas.Categorical(["b", "a"], categories=order)})
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_file(tmp_path / "t.parquet", cache_dir=tmp_path)[0]["label"][:] == ["b", "a"]


def test_names_of_classes_are_kept(tmp_path):
    features = datasets.Features({"label": datasets.ClassLabel(names=["no", "yes"])})
    datasets.Dataset.from_dict({"label": [1, 0]}, features=features).to_parquet(tmp_path / "t.parquet")
    assert read_file(tmp_path / "t.parquet", cache_dir=tmp_path)[0].features == features


def test_many_row_groups(read_table, tmp_path):
    values = [f"text {i}" for i in range(5000)]
    pyarrow.parquet.write_table(pyarrow.table({"text": values}), tmp_path / "t.parquet", row_group_size=7)
    assert read_file(tmp_path / "t.parquet", cache_dir=tmp_path)[0]["text"][:] == values


def test_column_that_is_there_twice(refusal):
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table([["a"], ["b"]], names=["text", "text"]), sink)
    assert "'text' is there twice" in refusal("t.parquet", sink.getvalue().to_pybytes())


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_damaged_file(refusal, name):
    kind = name[2:]
    assert f"cannot be read as {kind}" in refusal(name, "hello")
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table({"text": ["some words"] * 5000})
    if kind == "parquet":
        pyarrow.parquet.write_table(table, sink, compression=None, use_dictionary=False)
    else:
        with pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    whole = sink.getvalue().to_pybytes()
    assert f"cannot be read as {kind}" in refusal(name, whole[: len(whole) // 2])


def test_file_without_rows(refusal):
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table({"text": pyarrow.array([], pyarrow.string())}), sink)
    assert "no examples" in refusal("t.parquet", sink.getvalue().to_pybytes())


def test_type_that_the_datasets_library_does_not_know(refusal):
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table({"x": pyarrow.array([None], pyarrow.month_day_nano_interval())})
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert "type that is not supported" in refusal("t.arrow", sink.getvalue().to_pybytes())
