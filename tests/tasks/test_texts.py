"""Text without labels: what is read of a file, what is left out, what is refused."""

import gzip
import json
import pathlib

import pandas
import pytest
from transformers import AutoTokenizer

from healbert import UserError, make_arguments
from healbert.tasks.texts import TextSource, encode_texts

TEXTS = ["a great film", 'it said "no, never"', "ends with a space ", "Ünïcode \u2028 in one line"]


def plain(path):
    path.write_text("\n".join(["", *TEXTS, "   ", "\t"]) + "\n", encoding="utf-8")


def windows(path):
    path.write_bytes("\r\n".join(TEXTS).encode("utf-8-sig"))


def compressed(path):
    path.write_bytes(gzip.compress("\n".join(TEXTS).encode()))


def csv(path):
    pandas.DataFrame({"id": [1, 2, 3, 4], "text": TEXTS, "other": list("abcd")}).to_csv(path, index=False)


def parquet(path):
    pandas.DataFrame({"number": range(5), "sentence": [*TEXTS, None]}).to_parquet(path)


def lines(path):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*TEXTS, ""]))


KINDS = {"t.txt": plain, "w.txt": windows, "t.txt.gz": compressed, "t.csv": csv, "t.parquet": parquet, "t.jsonl": lines}


@pytest.mark.parametrize("name", KINDS)
def test_texts_are_read_as_they_are_written_and_blank_ones_left_out(tmp_path, name):
    KINDS[name](tmp_path / name)
    assert TextSource(str(tmp_path / name), str(tmp_path / "cache")).read() == TEXTS


def with_text(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    return {"healing": "continued_pretraining", "heal_text": str(tmp_path / name)}


REFUSED = {
    "an empty file": ("t.txt", b"", "is empty"),
    "blank lines": ("t.txt", b"\n  \n\t\n", "holds no text, only blank lines"),
    "blank rows": ("t.csv", b"text,label\n,a\n  ,b\n", "holds no text, only blank lines"),
    "no column of text": ("t.csv", b"a,b\n1,2\n", "has no column 'text' and not one column of text alone .*: a, b"),
    "a kind that is not read": ("t.docx", b"x", "ends in '.docx'; use one of .txt, .csv"),
    "another encoding": ("t.txt", "caf\xe9 \xe0 la".encode("latin-1"), r"line 1: is not UTF-8 .*: convert it to UTF-8"),
    "a wide encoding": ("t.csv", "text\na film\n".encode("utf-16"), r"like UTF-16; convert it to UTF-8 \(iconv"),
    "an archive": ("t.txt", b"PK\x03\x04" + b"x" * 50, "holds no text, but looks like a zip"),
}


@pytest.mark.parametrize("name, content, message", REFUSED.values(), ids=REFUSED.keys())
def test_files_that_cannot_be_used_are_refused(tmp_path, name, content, message):
    with pytest.raises(UserError, match=message):
        make_arguments(**with_text(tmp_path, name, content)).sources.text.read()


def test_file_that_is_missing_and_text_that_nobody_reads(tmp_path):
    with pytest.raises(UserError, match="--heal_text .*nothing.txt does not exist"):
        make_arguments(healing="continued_pretraining", heal_text=str(tmp_path / "nothing.txt"))
    with pytest.raises(UserError, match="--healing continued_pretraining,lora needs text .*: give --heal_text FILE"):
        make_arguments(healing="lora,continued_pretraining")
    for healing in ("full", "lora,damaged_only"):
        with pytest.raises(
            UserError, match=f"is for --healing continued_pretraining and distill, not for .*{healing[-3:]}"
        ):
            make_arguments(**with_text(tmp_path, "t.txt", b"x") | {"healing": healing})


def test_content_is_part_of_the_run_and_its_folder_is_not(tmp_path):
    first = make_arguments(**with_text(tmp_path, "t.txt", b"one\n")).name()
    (tmp_path / "copy").mkdir()
    assert make_arguments(**with_text(tmp_path / "copy", "t.txt", b"one\n")).name() == first
    assert make_arguments(**with_text(tmp_path, "t.txt", b"two\n")).name() != first
    assert (
        make_arguments(healing="distill").name()
        != make_arguments(healing="distill", heal_text=str(tmp_path / "t.txt")).name()
    )


def test_a_file_that_changes_after_it_was_looked_at_is_refused(tmp_path):
    source = TextSource(str(tmp_path / "t.txt"))
    pathlib.Path(source.path).write_text("one\n")
    assert source.fingerprint.startswith("files:")
    pathlib.Path(source.path).write_text("another one\n")
    with pytest.raises(UserError, match="changed after this command looked at it"):
        source.read()


def test_texts_become_tokens_and_those_without_any_are_left_out(tiny_bert):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    rows = encode_texts(["a great film", "\u200b", "good " * 50, "?"], tokenizer, 8)
    assert rows["row"] == [0, 1, 2] and [len(ids) for ids in rows["input_ids"]] == [5, 8, 3]
    with pytest.raises(UserError, match="comes to no tokens at all"):
        encode_texts(["\u200b"], tokenizer, 8)
