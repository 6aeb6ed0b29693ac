"""JSON Lines and JSON documents: types kept, nothing read in two ways."""

import json

import pytest

ROWS = [{"text": "a", "label": 1}, {"text": "b\u2028c\n", "label": 2}]
COLUMNS = {"text": ["a", "b\u2028c\n"], "label": [1, 2]}
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)

GOOD = {
    "lines": ("t.jsonl", LINES, {}),
    "lines, empty ones between": ("t.jsonl", "\n" + LINES.replace("\n", "\n \n"), {}),
    "lines, CRLF": ("t.jsonl", LINES.replace("\n", "\r\n"), {}),
    "lines, byte order mark": ("t.jsonl", "\ufeff" + LINES, {}),
    "lines called json": ("t.json", LINES, {}),
    "ndjson": ("t.ndjson", LINES, {}),
    "list": ("t.json", json.dumps(ROWS), {}),
    "indented list": ("t.json", json.dumps(ROWS, indent=4), {}),
    "columns": ("t.json", json.dumps(COLUMNS), {}),
    "list in a field": ("t.json", json.dumps({"version": {"a": [1]}, "data": ROWS, "end": 1}), {"json_field": "data"}),
    "columns in a field": ("t.json", json.dumps({"data": COLUMNS}), {"json_field": "data"}),
}


@pytest.mark.parametrize("name, content, options", GOOD.values(), ids=GOOD)
def test_the_same_rows_by_every_way(rows_of, name, content, options):
    assert rows_of(name, content, **options) == COLUMNS


def test_list_longer_than_what_is_read_at_once(rows_of):
    rows = [{"text": f"{i} " + "é" * (i % 50), "label": i} for i in range(40_000)]
    assert rows_of("t.json", json.dumps(rows)) == {k: [row[k] for row in rows] for k in ("text", "label")}


def test_one_value_longer_than_what_is_read_at_once(rows_of):
    text = '\\ "quoted" ' * 400_000
    assert rows_of("t.json", json.dumps([{"text": text}, {"text": "b"}]))["text"] == [text, "b"]


def test_types_are_kept(rows_of):
    rows = [
        {"a": True, "b": 1.5, "c": [1], "d": {"e": "x"}, "f": "01"},
        {"a": False, "b": 2, "c": [], "d": None, "f": ""},
    ]
    read = rows_of("t.jsonl", "\n".join(map(json.dumps, rows)))
    assert read == {k: [row[k] for row in rows] for k in rows[0]}
    assert [type(value) for value in read["b"]] == [float, float]


LATE = 20_000  # rows: beyond the first batches


@pytest.mark.parametrize(
    "early, late, values",
    [
        ({"x": 1}, {"x": 2.5}, (1.0, 2.5)),
        ({"x": None}, {"x": "word"}, (None, "word")),
        ({"y": 1}, {"y": 1, "x": "new"}, (None, "new")),
        ({"x": [None]}, {"x": ["a"]}, ([None], ["a"])),
        ({"x": {"a": 1}}, {"x": {"a": 1, "b": 2}}, ({"a": 1, "b": None}, {"a": 1, "b": 2})),
        ({"x": "a"}, {"y": 1}, ("a", None)),
    ],
)
def test_column_that_turns_out_wider_late(rows_of, early, late, values):
    read = rows_of("t.jsonl", (json.dumps(early) + "\n") * LATE + json.dumps(late))["x"]
    assert (read[0], read[-1], len(read)) == (*values, LATE + 1)
    assert type(read[0]) is type(values[0])


BAD_LINES = {
    "cut short": ('{"text": "a"}\n{"text"', 2, ["no valid JSON", "position 8"]),
    "list": ('{"text": "a"}\n["b"]\n', 2, ["must be an object", '["b"]']),
    "number": ("3\n", 1, ["must be an object"]),
    "duplicate key": ('{"text": "a"}\n{"text": "a", "text": "b"}', 2, ["'text'", "twice"]),
    "duplicate key inside": ('{"d": {"e": 1, "e": 2}}', 1, ["'e'", "twice"]),
    "NaN": ('{"x": 1}\n\n{"x": NaN}', 3, ["NaN is not JSON"]),
    "Infinity": ('{"x": -Infinity}', 1, ["-Infinity is not JSON"]),
    "number beyond floats": ('{"x": 1.5}\n{"x": 1e400}', 2, ["'x'", "too large"]),
    "number beyond 64 bits": ('{"x": 1}\n{"x": 18446744073709551616}', 2, ["'x'", "64 bits"]),
    "text among numbers": ('{"x": 1}\n{"x": "1"}', 2, ["'x'", '"1" (text)', "number in rows before"]),
    "true among numbers": ('{"x": 1.5}\n{"x": true}', 2, ["'x'", "true/false"]),
    "number among text, late": ('{"x": "a"}\n' * LATE + '{"x": 1}', LATE + 1, ["'x'", "1 (number)", "text in rows"]),
    "list among numbers": ('{"x": 1}\n{"x": [1]}', 2, ["'x'", "[1] (list)"]),
    "half a surrogate pair": ('{"x": "a"}\n{"x": "\\ud800"}', 2, ["'x'", "surrogate"]),
    "object without fields": ("{}\n{}", 1, ["no fields"]),
    "list over several lines": ('[\n{"x": 1}\n]', 1, ["called .json"]),
}


@pytest.mark.parametrize("content, line, named", BAD_LINES.values(), ids=BAD_LINES)
def test_bad_line_is_named(refusal, content, line, named):
    message = refusal("t.jsonl", content)
    assert message.startswith(f"t.jsonl, line {line}: ")
    for part in named:
        assert part in message


BAD_DOCUMENTS = {
    "cut short": ('[{"x": 1},\n{"x": 2', 2, {}, ["no valid JSON"]),
    "comma missing": ('[{"x": 1}\n{"x": 2}]', 2, {}, ["expecting ','"]),
    "comma at the end": ('[{"x": 1},\n{"x": 2},\n]', 3, {}, ["no valid JSON"]),
    "wrong far down": ("[" + '{"x": 1},\n' * 30_000 + '{"x" 2}]', 30_001, {}, ["no valid JSON"]),
    "text after the list": ('[{"x": 1}]\n[]', 2, {}, ["more text follows"]),
    "row that is no object": ('[{"x": 1},\n2]', 2, {}, ["must be an object"]),
    "duplicate key": ('[{"x": 1},\n{"x": 1, "x": 2}]', 2, {}, ["'x'", "twice"]),
    "list in a field": ('{"data": [{"x": 1}]}', 1, {}, ["--json_field data"]),
    "field that is not there": ('{"data": [{"x": 1}]}', 1, {"json_field": "rows"}, ["'rows'", "found: data"]),
    "field twice": ('{"data": [],\n"data": [{"x": 1}]}', 2, {"json_field": "data"}, ["'data'", "twice"]),
    "field of a list": ("[]", 1, {"json_field": "rows"}, ["no object"]),
    "columns of two lengths": ('{"a": [1, 2], "b": [1]}', 1, {}, ["a: 2, b: 1"]),
    "columns as pandas writes them": ('{"a": {"0": 1}, "b": {"0": 2}}', 1, {}, ["orient='records'"]),
    "object": ('{"a": 1}', 1, {}, ["--json_field"]),
    "text": ('"a"', 1, {}, ["neither a list"]),
    "mixed kinds": ('[{"x": 1},\n{"x": "a"}]', 2, {}, ["'x'", "text"]),
    "lines called json": ('{"x": 1}\n{"x": 2}\n{"x"}', 3, {}, ["no valid JSON"]),
}


@pytest.mark.parametrize("content, line, options, named", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_bad_document_is_named(refusal, content, line, options, named):
    message = refusal("t.json", content, **options)
    assert message.startswith(f"t.json, line {line}: ")
    for part in named:
        assert part in message


@pytest.mark.parametrize(
    "name, content", [("t.json", "[]"), ("t.json", " "), ("t.jsonl", "\n"), ("t.json", '{"a": []}')]
)
def test_file_without_rows(refusal, name, content):
    assert "no examples" in refusal(name, content)


@pytest.mark.parametrize(
    "name, content", [("t.jsonl", '{{"a": 1}}\n{{"a": {}}}\n'), ("t.json", '[{{"a": 1}},\n{{"a": {}}}]')]
)
def test_a_number_with_more_digits_than_python_reads(refusal, name, content):
    assert "line 2: a whole number has more digits than can be read" in refusal(name, content.format("1" * 5000))


def test_values_that_are_nested_too_deep_to_keep(refusal):
    nested = "[" * 500 + "]" * 500
    assert "holds values that cannot be kept" in refusal("t.jsonl", f'{{"a": {nested}}}\n')
