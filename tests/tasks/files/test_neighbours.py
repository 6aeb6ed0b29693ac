"""Files that are nearly right: the line says what they are."""

import pytest

from healbert.tasks.files.options import ReadOptions
from healbert.tasks.files.store import read_file
from healbert.utils.errors import UserError

DEEP = "[" * 100_000
OBJECT = '{"text": "a", "label": "x"}'

NEARLY = {
    "deep list": ("t.json", DEEP, {}, "t.json, line 1: .*nested too deep"),
    "deep field": ("t.json", f'{{"data": {DEEP}', {"json_field": "data"}, "t.json, line 1: .*nested too deep"),
    "deep line": ("t.jsonl", f'{OBJECT}\n{{"text": {DEEP}\n', {}, "t.jsonl, line 2: .*nested too deep"),
    "list in a field of a field": (
        "t.json",
        f'{{"data": {{"train": [{OBJECT}]}}}}',
        {"json_field": "data"},
        "inside the field 'data', in its field 'train'; write that list to a file",
    ),
    "UTF-32": ("t.csv", "text,label\na,x\n".encode("utf-32"), {}, "looks like UTF-32; give --encoding utf-32"),
    "Excel's own line": ("t.csv", "sep=,\ntext,label\na,x\n", {}, "line 1: Excel's line 'sep='"),
    "Excel's own line with a semicolon": ("t.csv", "sep=;\ntext;label\na;x\n", {}, "line 1: Excel's line 'sep='"),
    "blank header": ("t.csv", "   \ntext,label\na,x\n", {}, "line 1: the line, which is to hold the column names"),
}


@pytest.mark.parametrize("name, content, options, message", NEARLY.values(), ids=NEARLY)
def test_a_file_that_is_nearly_right_is_named(tmp_path, name, content, options, message):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message):
        read_file(tmp_path / name, ReadOptions(**options), tmp_path / "cache")


def test_utf_32_is_read_when_it_is_named(tmp_path):
    (tmp_path / "t.csv").write_bytes("text,label\né,x\n".encode("utf-32"))
    rows, _ = read_file(tmp_path / "t.csv", ReadOptions(encoding="utf-32"), tmp_path / "cache")
    assert rows[:] == {"text": ["é"], "label": ["x"]}
