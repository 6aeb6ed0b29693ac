"""The embedded tasks hold what their sources say: labels that follow from these, and no text in two places."""

import ast
import collections
import keyword
import os
import subprocess
import sys

import pandas
import pytest
from helpers.small import ROOT

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.tasks.embedded import EMBEDDED, embedded_folder
from healbert.tasks.embedded.code_tokens import tagged_lines
from healbert.tasks.embedded.libraries import LIBRARIES, draw, only_once
from healbert.tasks.embedded.prose import paragraphs
from healbert.tasks.embedded.similarity import nearness, pairs_of
from healbert.tasks.load import load_task
from healbert.utils.errors import UserError

OTHERS = sorted(set(EMBEDDED) - {"docstrings"})

SOURCE = b"""# a comment on a line of its own
x = f(1, "two  words", y=None)  # set x
many = (1,
        2, 3, 4, 5)
"a string alone, with words enough"
said = f"hello {x}" + other + 1
short = 1
if a in b: return  b'x' r"\\d" 3.5
"""


def test_words_of_a_line_have_the_kinds_that_python_reads():
    first, second = tagged_lines(SOURCE)
    assert " ".join(f"{word}/{tag}" for word, tag in zip(*first, strict=True)) == (
        'x/B-name =/B-operator f/B-name (/B-operator 1/B-number ,/B-operator "two/B-string words"/I-string '
        ",/B-operator y/B-name =/B-operator None/B-keyword )/B-operator #/O set/O x/O"
    )
    kinds = "keyword name keyword name operator keyword string string number".split()
    assert second == (
        tuple("if a in b : return b'x' r\"\\d\" 3.5".split(" ")),
        tuple(f"B-{kind}" for kind in kinds),
    )


DOCSTRING = """Compute the
distance.

It is that of
Euclid. Of no two points it is below 0.

Parameters
----------
x : array

Notes of no one."""


@pytest.mark.parametrize(
    "docstring, found",
    [
        (DOCSTRING, ["Compute the distance.", "It is that of Euclid. Of no two points it is below 0."]),
        ("Find it.\n\n>>> find(1)\n1\n\nMore.", ["Find it."]),
        ("Find it.\n\n.. math:: x\n\nMore.", ["Find it."]),
        ("Find it.\n\nWith `x` of some form.", ["Find it."]),
        ("Find it.\n\n* One.\n\nMore.", ["Find it."]),
        ("x", []),
    ],
)
def test_prose_ends_where_something_else_begins(docstring, found):
    assert paragraphs(docstring) == found


def test_nearness_is_twice_the_shared_names_over_all():
    module = ("scipy", "stats", "_qmc")
    assert nearness(module, module) == 1
    assert nearness(module, ("scipy", "stats", "_kde")) == 4 / 6
    assert nearness(module, ("scipy", "linalg", "_qmc")) == 2 / 6
    assert nearness(("scipy",), ("scipy", "stats", "_qmc", "x")) == 2 / 5
    assert nearness(module, ("numpy", "stats", "_qmc")) == 0


def test_pairs_are_of_each_kind_in_turn_and_use_no_text_twice():
    modules = [(library, part) for library in "ab" for part in "xy"] * 6
    rows = [(f"text {number}", module) for number, module in enumerate(modules)]
    found = pairs_of(rows, 9)
    assert [near for *_, near in found] == [1, 0.5, 0] * 3
    texts = [text for first, second, _ in found for text in (first, second)]
    assert len(set(texts)) == 18 and set(texts) <= {text for text, _ in rows}
    with pytest.raises(UserError, match="hold only .* pairs of docstrings"):
        pairs_of(rows, 13)


def test_a_text_that_is_in_two_rows_is_in_none():
    rows = {"a": [("one", "x"), ("two", "y")], "b": [("one", "z"), ("three", "w"), ("four", "y")]}
    assert only_once(rows) == {"a": [("two", "y")], "b": [("four", "y"), ("three", "w")]}
    assert only_once(rows, texts=2) == {"a": [], "b": [("three", "w")]}
    with pytest.raises(UserError, match="a holds only 1 usable lines; reinstall it"):
        draw(only_once(rows), 1, 1, "lines")


# As they are on this machine.


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The folders of the tasks, each made by a process with another order of sets."""
    cache = tmp_path_factory.mktemp("cache")
    code = "import sys; from healbert.tasks.embedded import *; "
    code += "[embedded_folder(name, EMBEDDED[name], sys.argv[1]) for name in sys.argv[2:]]"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, cache, *OTHERS], check=True, env=environment, timeout=600)
    assert len(list(cache.iterdir())) == len(OTHERS), "nothing is left beside them"
    return {name: embedded_folder(name, EMBEDDED[name], str(cache)) for name in OTHERS}


@pytest.fixture(scope="module")
def frames(folders):
    return {
        name: {split: pandas.read_parquet(folder / f"{split}.parquet") for split in ("train", "validation")}
        for name, folder in folders.items()
    }


def texts_of(frame):
    return [
        " ".join(value) if not isinstance(value, str) else value
        for name in ("text", "other", "summary", "tokens")
        if name in frame
        for value in frame[name]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_no_text_is_twice(frames, name):
    texts = collections.Counter(text for frame in frames[name].values() for text in texts_of(frame))
    assert texts.most_common(1)[0][1] == 1 and all(text == " ".join(text.split()) for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_another_process_draws_the_same(frames, name):
    for split, rows in EMBEDDED[name].splits().items():
        frame = frames[name][split]
        kept = [tuple(v if isinstance(v, (str, float)) else tuple(v) for v in row) for row in frame.values.tolist()]
        assert [tuple(row) for row in rows] == kept


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_task_has_the_sizes_and_columns_of_its_type(folders, name):
    task = load_task(DataArguments(task_name=name), ModelArguments(cache_dir=str(folders[name].parent)))
    per_library, held = EMBEDDED[name].settings[1:3]
    times = len(LIBRARIES)
    expected = (960, 300) if name == "docstring_similarity" else (per_library * times, held * times)
    assert (len(task.splits["train"]), len(task.splits["evaluation"])) == expected
    assert task.splits["train"]["label"] is not None


@pytest.mark.slow
def test_tags_of_lines_are_true_of_their_words(frames):
    """By other means than `tokenize`: what is a keyword, an identifier, a literal."""
    rows = pandas.concat(frames["code_tokens"].values())
    seen = collections.Counter()
    for words, tags in zip(rows["tokens"], rows["tags"], strict=True):
        entities = []
        for word, tag in zip(words, tags, strict=True):
            if tag[:2] == "I-":
                assert tag == "I-string" and entities[-1][0] == "string"
                entities[-1][1].append(word)
            else:
                entities.append((tag[2:], [word]))
        for kind, parts in entities:
            seen[kind] += 1
            assert IS[kind](" ".join(parts)), (kind, parts)
    assert seen.pop("") > 10, "words of comments are rare"
    assert set(seen) == {"keyword", "name", "number", "operator", "string"} and min(seen.values()) > 100, seen


IS = {
    "": lambda word: True,  # of a comment
    "keyword": keyword.iskeyword,
    "name": lambda word: word.isidentifier() and not keyword.iskeyword(word),
    "number": lambda word: isinstance(ast.literal_eval(word), (int, float, complex)),
    "operator": lambda word: not any(letter.isalnum() or letter in "\"'_" for letter in word),
    "string": lambda word: isinstance(ast.literal_eval(word), (str, bytes)),
}


@pytest.mark.slow
def test_nearness_has_a_third_of_each_kind(frames):
    for split, size in (("train", 960), ("validation", 300)):
        near = frames["docstring_similarity"][split]["nearness"]
        assert ((near == 1).sum(), (near == 0).sum(), near.between(0, 1, "neither").sum()) == (size / 3,) * 3
