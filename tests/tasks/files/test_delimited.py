"""csv and tsv: every row as written, or the line that cannot be."""

import pytest

from healbert.tasks.files.options import ReadOptions
from healbert.tasks.files.store import read_file
from healbert.utils.errors import UserError


def glue_like(stray=(3, 9), delimiter="\t"):
    """Forty rows, unquoted; some texts begin with a quote that is a character like any other."""
    lines = [f"{chr(34) if i in stray else ''}item {i} is here{delimiter}{i % 2}" for i in range(40)]
    return f"sentence{delimiter}label\n" + "\n".join(lines) + "\n"


def test_stray_quotes_in_tsv_are_characters_like_any_other(rows_of):
    rows = rows_of("t.tsv", glue_like())
    assert rows["sentence"] == [f"{chr(34) if i in (3, 9) else ''}item {i} is here" for i in range(40)]
    assert rows["label"] == [str(i % 2) for i in range(40)]


def test_stray_quote_in_csv_is_refused_with_the_line_where_it_opens(refusal):
    message = refusal("t.csv", glue_like(delimiter=","))
    assert message.startswith("t.csv, line 5: a quote opens a field here, and more text follows")
    assert "--quoting none" in message


def test_quoting_none_reads_csv_with_stray_quotes(rows_of):
    rows = rows_of("t.csv", glue_like(delimiter=","), quoting="none")
    assert len(rows["sentence"]) == 40 and rows["sentence"][3] == '"item 3 is here'


def test_quoting_minimal_holds_tsv_to_the_rules(refusal):
    assert refusal("t.tsv", glue_like(), quoting="minimal").startswith("t.tsv, line 5: ")


def test_quotes_escaped_by_backslash_are_refused_in_csv_and_kept_in_tsv(refusal, rows_of):
    content = 'text{0}label\nplain{0}x\n"the \\"real\\" thing"{0}y\n'
    message = refusal("t.csv", content.format(","))
    assert message.startswith("t.csv, line 3") and '\\" does not stand for a quote' in message
    assert rows_of("t.tsv", content.format("\t"))["text"] == ["plain", '"the \\"real\\" thing"']


def test_quote_that_never_closes(refusal, rows_of):
    content = 'text{0}label\na{0}x\n"b{0}y\nc{0}x\n'
    assert refusal("t.csv", content.format(",")).startswith("t.csv, line 3: a quote opens a field here and never")
    assert rows_of("t.tsv", content.format("\t"))["text"] == ["a", '"b', "c"]


SWALLOWED = 'text{0}label\n"one{0}x\ntwo{0}y\nthree"{0}x\n'


@pytest.mark.parametrize("name, delimiter", [("t.csv", ","), ("t.tsv", "\t")])
def test_quotes_that_could_be_read_in_two_ways_are_refused(refusal, rows_of, name, delimiter):
    content = SWALLOWED.format(delimiter)
    message = refusal(name, content)
    assert message.startswith(f"{name}, line 2: a field in quotes runs on to line 4")
    assert "--quoting minimal" in message and "--quoting none" in message
    assert rows_of(name, content, quoting="none")["text"] == ['"one', "two", 'three"']


def test_two_readings_are_settled_by_saying_which(rows_of):
    rows = rows_of("t.csv", SWALLOWED.format(","), quoting="minimal")
    assert rows == {"text": ["one,x\ntwo,y\nthree"], "label": ["x"]}


LETTERS = ["Dear John,\nthanks", "yes, 1\nno", "a\n\nb, c\nd"]


def test_text_of_several_lines_with_a_comma_is_one_text(rows_of):
    content = "text,label\n" + "".join(f'"{text}",{i % 2}\n' for i, text in enumerate(LETTERS * 9))
    assert rows_of("t.csv", content)["text"] == LETTERS * 9


def test_rows_swallowed_by_the_last_column(refusal):
    content = 'label,text\n0,start\n1,"one\n0,two\n1,three"\n0,end\n'
    assert refusal("t.csv", content).startswith("t.csv, line 3: a field in quotes runs on to line 5")


def test_quotes_that_swallow_a_field_of_every_line(refusal, rows_of):
    content = 'text{0}label\n"one{0}x\ntwo{0}y"\n'
    assert "without them every line fits" in refusal("t.csv", content.format(","))
    assert rows_of("t.tsv", content.format("\t")) == {"text": ['"one', "two"], "label": ["x", 'y"']}


def test_well_formed_quotes(rows_of):
    content = 'text,label\n"a, ""b""\nc",x\n"",y\n say "hi" ,"z"\n'
    assert rows_of("t.csv", content) == {"text": ['a, "b"\nc', "", ' say "hi" '], "label": ["x", "y", "z"]}


def test_long_text_with_quoted_line_ends_is_one_field(rows_of):
    text = "line\r\nof, text\n" * 60_000
    assert rows_of("t.csv", f'text,label\n"{text}",x\n')["text"] == [text]


def test_everything_is_text_as_written(rows_of):
    words = ["01", "1", "1E1", "1.0", "NA", "null", "None", "nan", "", " x ", "true", "False", "-0", "1_000", "٣"]
    rows = rows_of("t.csv", "text,label\n" + "".join(f"t,{word}\n" for word in words))
    assert rows["label"] == words


def test_labels_that_turn_into_words_late_are_text_from_the_first(rows_of):
    labels = [str(i % 7) for i in range(12_000)] + ["A13"]
    assert rows_of("t.csv", "text,label\n" + "".join(f"t,{label}\n" for label in labels))["label"] == labels


GOOD = {"text": ["a", "b"], "label": ["x", "y"]}

LINES = {
    "LF": b"text,label\na,x\nb,y\n",
    "no final line end": b"text,label\na,x\nb,y",
    "CRLF": b"text,label\r\na,x\r\nb,y\r\n",
    "CR only": b"text,label\ra,x\rb,y\r",
    "CR only, no final line end": b"text,label\ra,x\rb,y",
    "empty lines": b"\n\ntext,label\n\na,x\n\n\nb,y\n\n",
    "empty lines, CRLF": b"text,label\r\n\r\na,x\r\nb,y\r\n\r\n",
    "byte order mark": b"\xef\xbb\xbftext,label\na,x\nb,y\n",
    "byte order mark and quotes": b'\xef\xbb\xbf"text","label"\n"a","x"\nb,y\n',
    "white space around names": b" text , label\t\na,x\nb,y\n",
}


@pytest.mark.parametrize("content", LINES.values(), ids=LINES)
@pytest.mark.parametrize("quoting", [None, "minimal", "none"])
def test_line_ends_and_header(rows_of, content, quoting):
    if quoting == "none":
        content = content.replace(b'"', b"")
    assert rows_of("t.csv", content, quoting=quoting) == GOOD


def test_carriage_return_inside_a_text(refusal, rows_of):
    found = refusal("t.csv", "text,label\na,x\nb\rc,y\n")
    assert "line 3: a carriage return" in found and "put the text in double quotes" in found
    assert rows_of("t.csv", 'text,label\n"b\rc",y\n')["text"] == ["b\rc"]
    assert rows_of("t.tsv", "text\tlabel\nb\rc\ty\n")["text"] == ["b\rc"]


def test_carriage_return_where_quotes_may_mean_something(refusal):
    assert "line 2: a carriage return" in refusal("t.tsv", 'text\tlabel\nb\rc\ty\n"d ""e"""\tx\n')


@pytest.mark.parametrize("content, line", [("text,label\na,x\r\nb,y\n", 2), ("text,label\na,x\n\nb,y\r\n", 4)])
@pytest.mark.parametrize("quoting", [None, "none"])
def test_mixed_line_ends_are_refused(refusal, content, line, quoting):
    assert f"t.csv, line {line}: the line ends with" in refusal("t.csv", content, quoting=quoting)
    assert "line 2: the line ends with" in refusal("t.csv", "text,label\ra,x\n\r", quoting=quoting)


def test_carriage_return_and_line_feed_inside_quotes_are_text(rows_of):
    assert rows_of("t.csv", 'text,label\n"a\r\nb",x\n')["text"] == ["a\r\nb"]


@pytest.mark.parametrize("content", ["text\n\na\n", "text\na\n\n", "\ntext\na\n\nb"])
def test_empty_line_in_a_file_of_one_column(refusal, rows_of, content):
    line = len(content[: content.rindex("\n\n")].split("\n")) + 1
    assert f"line {line}: an empty line" in refusal("t.csv", content)
    assert rows_of("t.csv", 'text\n""\na\n') == {"text": ["", "a"]}


def test_nul_bytes_in_texts_are_kept(rows_of):
    assert rows_of("t.csv", "text,label\ngood\0film\0,x\n")["text"] == ["good\0film\0"]


def test_field_longer_than_the_limit_of_the_csv_module(rows_of):
    import csv

    limit = csv.field_size_limit()
    assert rows_of("t.csv", f"text,label\n{'a' * 3_000_000},x\n")["text"] == ["a" * 3_000_000]
    assert csv.field_size_limit() == limit


MALFORMED = {
    "more fields than headers": ("text,label\nnice, really,1\nbad, so bad,0\n", 2, ["3 fields", "so has every line"]),
    "one row with a comma": ("text,label\na,x\nb, c,y\nd,x\n", 3, ["3 fields", "text, label", "double quotes"]),
    "too few fields": ("text,label\na,x\n\nb\n", 4, ["1 field,", "has 2"]),
    "row after a text of three lines": ('text,label\n"a\n\nb, c",x\nd\n', 5, ["1 field,"]),
    "trailing comma below": ("text,label\na,x,\nb,y,\n", 2, ["end with a comma that the header lacks"]),
    "trailing comma everywhere": ("text,label,\na,x,\nb,y,\n", 1, ["the header ends with a comma"]),
    "index without a name": (",text,label\n0,a,x\n1,b,y\n", 1, ["has no name", "index=False"]),
    "index that was read back": ("Unnamed: 0,text,label\n0,a,x\n", 1, ["'Unnamed: 0'", "index=False"]),
    "index that the header lacks": ("text,label\n0,a,x\n1,b,y\n", 2, ["counts the rows", "index=False"]),
    "name missing in the middle": ("text,,label\na,b,x\n", 1, ["column 2 of 3 has no name"]),
    "duplicate names": ("text,label,text\na,x,b\n", 1, ["'text'", "twice"]),
    "duplicate but for white space": ("text,label, text\na,x,b\n", 1, ["'text'", "twice"]),
    "semicolons": ("text;label\na;x\n", 1, ["looks separated by semicolon", "--delimiter semicolon"]),
    "semicolons, commas in texts": ("text;label\na, b;x\n", 1, ["--delimiter semicolon"]),
    "tabs": ("text\tlabel\na\tx\n", 1, ["--delimiter tab"]),
    "ragged far down": ("text,label\n" + "a,x\n" * 50_000 + "b\n" + "a,x\n" * 10, 50_002, ["1 field,"]),
}


@pytest.mark.parametrize("content, line, named", MALFORMED.values(), ids=MALFORMED)
def test_malformed_table_is_answered_for_what_it_is(refusal, content, line, named):
    message = refusal("t.csv", content)
    assert message.startswith(f"t.csv, line {line}: ")
    for part in named:
        assert part in message


def test_comma_separated_tsv(refusal):
    assert "--delimiter comma" in refusal("t.tsv", "text,label\na,x\n")


@pytest.mark.parametrize("delimiter", [";", "semicolon"])
def test_delimiter(rows_of, delimiter):
    assert rows_of("t.csv", "text;label\na;x\nb;y\n", delimiter=delimiter) == GOOD


def test_delimiter_that_is_said_is_not_doubted(rows_of):
    assert rows_of("t.csv", "a;b\nx\n", delimiter=",") == {"a;b": ["x"]}


@pytest.mark.parametrize(
    "content, said", [("", "the file is empty"), ("\n\n", "empty"), ("text,label\n", "no examples")]
)
def test_file_without_rows(refusal, content, said):
    assert said in refusal("t.csv", content)


BAD_OPTIONS = [({"delimiter": "ab"}, "--delimiter"), ({"delimiter": '"'}, "--delimiter"), ({"quoting": "all"}, "none")]


@pytest.mark.parametrize(
    "options, named", [*BAD_OPTIONS, ({"encoding": "utf-5"}, "cp1252"), ({"encoding": "hex"}, "hex")]
)
def test_option_that_cannot_be_used(options, named):
    with pytest.raises(UserError, match=named):
        ReadOptions(**options)


def test_quoting_in_force_is_said_also_from_the_cache(put, tmp_path):
    files = [put("t.tsv", glue_like()), put("u.tsv", "text\tlabel\na\tx\n")]
    for _ in range(2):
        said = [read_file(file, cache_dir=tmp_path / "cache")[1].describe() for file in files]
        assert [(one["file"], one["rows"], one["quoting"]) for one in said] == [
            ("t.tsv", 40, "none"),
            ("u.tsv", 1, "minimal"),
        ]
