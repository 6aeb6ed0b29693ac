"""Input without bounds is refused at once, with one line."""

import time

import pytest

from healbert import UserError
from healbert.arguments.yaml_text import load_yaml
from healbert.sweep.run import prepare
from healbert.sweep.sweep_file import check_size, read_sweep

LAUGHS = "a0: &a0 [1, 2]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], y{n}: 1}}\n" for n in range(1, 10)
)
CHAIN = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 3000))
EXPLODING = {
    "laughs": LAUGHS,
    "merges": MERGES,
    "chain": CHAIN,
    "itself": "base: &b {learning_rate: *b}\n",
    "nested": "base: " + "[" * 5000 + "]" * 5000,
}


@pytest.mark.parametrize("name", EXPLODING)
def test_exploding_yaml_is_refused_at_once(tmp_path, name):
    (tmp_path / "sweep.yaml").write_text(EXPLODING[name])
    begin = time.process_time()
    with pytest.raises(UserError, match="deep|multiply") as caught:
        read_sweep(tmp_path / "sweep.yaml")
    assert time.process_time() - begin < 2 and len(str(caught.value)) < 400


def test_aliases_of_a_reasonable_size_are_read():
    assert load_yaml("a: &a [1, 2]\nb: {c: *a}\n") == {"a": [1, 2], "b": {"c": [1, 2]}}
    assert load_yaml("") is None


def test_too_many_runs_are_refused_before_they_are_expanded(tmp_path):
    thousand = list(range(1000))
    sweep = {"grid": {"seed": thousand, "corrupt_seed": thousand, "corrupt_level": [0, 0.25] * 5}}
    begin = time.process_time()
    with pytest.raises(UserError, match="describes 10,000,000 runs, more than --max_runs 100,000"):
        prepare(sweep, tmp_path)
    assert time.process_time() - begin < 2


def test_runs_of_include_count():
    sweep = read_sweep({"base": {}, "grid": {"seed": [1, 2]}, "include": [{"seed": [3, 4, 5], "corrupt_level": 1}]})
    check_size(sweep, 5)
    with pytest.raises(UserError, match="describes 5 runs"):
        check_size(sweep, 4)


@pytest.mark.parametrize("text", ["grid: {1: [1]}", "base: {2.5: 1}\ngrid: {seed: [1]}"])
def test_keys_that_are_numbers_are_named(tmp_path, text):
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(UserError, match="unknown setting"):
        read_sweep(tmp_path / "sweep.yaml")
