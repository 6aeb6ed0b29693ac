"""Settings that vary together, and a damage that is drawn anew with each seed."""

import pathlib

import pytest
from helpers.sweeps import plan, varying

from healbert.sweep.sweep_file import check_size, read_sweep
from healbert.utils.errors import UserError

SAME = "same_as_seed"
DAMAGED = {"corrupt_level": 0.5}


def test_lists_of_zip_vary_together_and_cross_the_grid(base, tmp_path):
    sweep = {"base": base | DAMAGED, "grid": {"learning_rate": [1e-4, 1e-3]}}
    sweep["zip"] = {"seed": [1, 2, 3], "corrupt_seed": [7, 8, 9]}
    found = varying(plan(sweep, tmp_path), "learning_rate", "seed", "corrupt_seed")
    assert found == [(rate, seed, seed + 6) for rate in (1e-4, 1e-3) for seed in (1, 2, 3)]
    check_size(read_sweep(sweep), 6)
    with pytest.raises(UserError, match="describes 6 runs"):
        check_size(read_sweep(sweep), 5)


def test_zip_alone_is_a_sweep(base, tmp_path):
    found = plan({"base": base | DAMAGED, "zip": {"seed": [1, 2], "corrupt_region": ["top", "bottom"]}}, tmp_path)
    assert varying(found, "seed", "corrupt_region") == [(1, "top"), (2, "bottom")]


def test_exclude_takes_from_zip(base, tmp_path):
    sweep = {"base": base, "zip": {"seed": [1, 2], "corrupt_level": [0.5, 1]}, "exclude": [{"seed": 2}]}
    assert varying(plan(sweep, tmp_path), "seed", "corrupt_level") == [(1, 0.5)]


@pytest.mark.parametrize(
    "assignment, expected",
    [
        ("seed=5", [(5, 1), (5, 2)]),
        ("seed=[5, 6]", [(5, 1), (6, 2)]),
    ],
)
def test_set_goes_into_zip(base, tmp_path, assignment, expected):
    sweep = {"base": base | DAMAGED, "zip": {"seed": [1, 2], "corrupt_seed": [1, 2]}}
    assert varying(plan(sweep, tmp_path, assignment), "seed", "corrupt_seed") == expected


@pytest.mark.parametrize("where", ["base", "grid", "include"])
def test_damage_has_the_seed_of_its_run(base, tmp_path, where):
    seeds = {"corrupt_level": [0, 0.5], "seed": [3, 4]}
    sweep = {
        "base": {"base": base | {"corrupt_seed": SAME}, "grid": seeds},
        "grid": {"base": base, "grid": seeds | {"corrupt_seed": [SAME]}},
        "include": {"base": base, "include": [seeds | {"corrupt_seed": SAME}]},
    }[where]
    found = plan(sweep, tmp_path)
    plain = plan(
        {"base": base, "grid": {"corrupt_level": [0, 0.5]}, "zip": {"seed": [3, 4], "corrupt_seed": [3, 4]}}, tmp_path
    )
    assert varying(found, "seed", "corrupt_seed") == [(3, 3), (4, 4), (3, 3), (4, 4)]
    assert {run.name for run in found.runs} == {run.name for run in plain.runs}, "what counts is what it comes to"
    assert not found.doubt()


def test_without_a_seed_it_is_the_default(base, tmp_path):
    found = plan({"base": base | {"corrupt_seed": SAME}, "grid": {"corrupt_level": [0.5, 1]}}, tmp_path)
    assert varying(found, "seed", "corrupt_seed") == [(42, 42), (42, 42)]


@pytest.mark.parametrize(
    "grid, doubted",
    [
        ({"corrupt_level": [0, 0.5], "seed": [1, 2, 3]}, True),
        ({"corrupt_level": [0], "seed": [1, 2, 3]}, False),
        ({"corrupt_level": [0, 0.5], "seed": [1]}, False),
        ({"corrupt_level": [0.5], "seed": [1, 2], "corrupt_seed": [0, 1]}, False),
    ],
    ids=["shared", "no damage", "one seed", "crossed"],
)
def test_one_draw_for_several_seeds_is_doubted(base, tmp_path, grid, doubted):
    found = plan({"base": base, "grid": grid}, tmp_path).doubt()
    assert bool(found) == doubted and (not doubted or "3 seeds share one draw" in found and SAME in found)


def test_the_doubt_is_one_line_of_a_dry_run(write_sweep, tmp_path, monkeypatch, capsys):
    from healbert.cli.sweep import _sweep

    path = write_sweep(grid={"corrupt_level": [0.5], "seed": [1, 2]})
    none = dict.fromkeys(("output_dir", "workers", "plan_seeds"))
    more = {"retry_failed": False, "save_model": False, "engine": "local", "slurm": [], "max_runs": 10}
    more |= {"run_launcher": "python", "until_width": None}
    options = none | more | {"dry_run": True, "processes_per_run": 1}
    monkeypatch.chdir(tmp_path)
    for given, lines in ([], 1), (["corrupt_seed=same_as_seed"], 0):
        _sweep(file=str(path), set=given, **options)
        shown = capsys.readouterr().err.splitlines()
        assert len([line for line in shown if line.startswith("warning: 2 seeds share one draw")]) == lines
    assert not (pathlib.Path(tmp_path) / "runs").exists()


@pytest.mark.parametrize(
    "sweep, message",
    [
        ({"zip": {"seed": [1, 2], "corrupt_seed": [1]}}, r"different lengths \('seed' has 2, 'corrupt_seed' has 1\)"),
        ({"grid": {"seed": [1]}, "zip": {"seed": [1]}}, "'seed' stands in grid and in zip"),
        ({"base": {"seed": 1}, "zip": {"seed": [1]}}, "'seed' stands in base and in zip"),
        ({"zip": {}}, "section 'zip' of the sweep is empty"),
        ({"grid": {"seed": [1]}, "zip": None}, "section 'zip' of the sweep is empty"),
        ({"zip": ["seed"]}, "section 'zip' of .* does not hold 'flag: value' lines"),
        ({"zip": {"seed": 1}}, r"zip: 'seed' is no list of values; write \[1\]"),
        ({"zip": {"seed": []}}, "zip: 'seed' is an empty list"),
        ({"zip": {"sed": [1]}}, "zip: unknown setting 'sed'.*seed"),
        ({"grid": {"seed": [SAME]}}, "grid: 'same_as_seed' is a value of corrupt_seed alone"),
        ({"base": {"data_seed": SAME}, "grid": {"seed": [1]}}, "base: 'same_as_seed' is a value of corrupt_seed alone"),
        ({"grid": {"seed": [1]}, "exclude": [{"corrupt_seed": SAME}]}, "exclude: 'same_as_seed' names no seed"),
    ],
)
def test_refused(sweep, message):
    with pytest.raises(UserError, match=message):
        read_sweep(sweep)
