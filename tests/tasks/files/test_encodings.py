"""Bytes become text: encodings, compressed files, files that hold something else."""

import bz2
import gzip
import subprocess

import pyarrow
import pytest

from healbert.tasks.files.options import kind_of
from healbert.tasks.files.source import content_hash
from healbert.utils.errors import UserError

TABLE = "text,label\nplain,x\ncafé “au lait”,y\n"
READ = {"text": ["plain", "café “au lait”"], "label": ["x", "y"]}


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "utf-7"])
def test_encoding_that_is_said(rows_of, encoding):
    assert rows_of("t.csv", TABLE.encode(encoding), encoding=encoding) == READ


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.json"])
def test_every_kind_of_text_takes_an_encoding(rows_of, name):
    contents = {
        "t.csv": "text\né\n",
        "t.tsv": "text\né\n",
        "t.jsonl": '{"text": "é"}',
        "t.json": '[{"text": "é"}]',
    }
    assert rows_of(name, contents[name].encode("cp1252"), encoding="cp1252") == {"text": ["é"]}


LOOKS = {
    "cp1252": (TABLE.encode("cp1252"), "t.csv, line 3: is not UTF-8 (byte 0xe9 at position 4", "--encoding cp1252"),
    "latin-1": (b"text,label\nplain,x\n\x81a,y\n", "line 3", "--encoding latin-1"),
    "shift_jis": ("text,label\nテキスト,x\n".encode("shift_jis"), "line 2: is not UTF-8", "give its --encoding"),
    "damaged UTF-8": ("text,label\né è".encode()[:-1] + b",x\n", "line 2: is not UTF-8", "give its --encoding"),
    "UTF-16 with a mark": (TABLE.encode("utf-16"), "t.csv: is not UTF-8", "looks like UTF-16; give --encoding utf-16"),
    "UTF-16 without one": (TABLE.encode("utf-16-le"), "t.csv: is not UTF-8", "--encoding utf-16-le"),
    "UTF-16, big end first": (TABLE.encode("utf-16-be"), "t.csv: is not UTF-8", "--encoding utf-16-be"),
    "far down": (b"text,label\n" + b"a,x\n" * 90_000 + b"\xe9,x\n", "line 90002: is not UTF-8", "cp1252"),
}


@pytest.mark.parametrize("content, where, hint", LOOKS.values(), ids=LOOKS)
def test_what_the_encoding_looks_like(refusal, content, where, hint):
    message = refusal("t.csv", content)
    assert where in message and hint in message


def test_encoding_that_does_not_fit(refusal):
    assert "cannot be decoded as ascii" in refusal("t.csv", TABLE, encoding="ascii")
    assert "cannot be decoded as utf-16" in refusal("t.csv", TABLE, encoding="utf-16")


def zstd(content):
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".zst": zstd}

CONTENTS = {
    "t.csv": TABLE,
    "t.tsv": TABLE.replace(",", "\t"),
    "t.jsonl": '{"text": "plain", "label": "x"}\n{"text": "café “au lait”", "label": "y"}\n',
    "t.json": '{"text": ["plain", "café “au lait”"], "label": ["x", "y"]}',
}


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", CONTENTS)
def test_compressed_file(rows_of, name, suffix):
    assert rows_of(name + suffix, PACKERS[suffix](CONTENTS[name].encode())) == READ


def test_compressed_file_of_several_members(rows_of):
    packed = gzip.compress(TABLE.encode()) + gzip.compress(b"b,x\n")
    assert rows_of("t.csv.gz", packed)["text"] == [*READ["text"], "b"]


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_file_that_is_cut_short(refusal, suffix):
    content = "text,label\n" + "".join(f"{i * 7919 % 10007},x\n" for i in range(40_000))
    packed = PACKERS[suffix](content.encode())
    assert "cannot be decompressed" in refusal("t.csv" + suffix, packed[: len(packed) // 2])
    assert "cannot be decompressed" in refusal("t.csv" + suffix, content)


HOLDS = {
    "excel": (b"PK\x03\x04", "Excel"),
    "gzip": (gzip.compress(b"a"), ".gz"),
    "zstd": (zstd(b"a"), ".zst"),
    "parquet": (b"PAR1....PAR1", "parquet"),
}


@pytest.mark.parametrize("content, what", HOLDS.values(), ids=HOLDS)
def test_file_that_holds_no_text(refusal, content, what):
    assert what in refusal("t.csv", content)


def test_kinds_of_names():
    found = {name: kind_of(name) for name in ("a.b.CSV.GZ", "x/t.jsonl", "t.txt", "t", "t.gz", ".csv", "csv.txt.gz")}
    assert (found["a.b.CSV.GZ"].name, found["a.b.CSV.GZ"].compression) == ("csv", "gzip")
    assert (found["x/t.jsonl"].name, found["x/t.jsonl"].compression) == ("jsonl", None)
    assert [found[name] for name in ("t.txt", "t", "t.gz", ".csv", "csv.txt.gz")] == [None] * 5


def test_hash_is_that_of_the_bytes(put):
    file = put("t.csv", TABLE)
    before = content_hash(file)
    subprocess.run(["touch", file], check=True)
    assert content_hash(file) == before
    assert content_hash(put("u.csv", TABLE)) == before
    assert content_hash(put("t.csv", TABLE + "c,x\n")) != before


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"no\.csv cannot be read: No such file"):
        content_hash(tmp_path / "no.csv")
