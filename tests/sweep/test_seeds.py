"""Enough seeds and no more: the rule, what it costs, and that its intervals still cover."""

import json

import numpy as np
import pytest
from helpers.report_runs import Maker
from helpers.sweeps import plan, sweep
from scipy import stats

from healbert.analysis.collect import collect
from healbert.results.plans import read_plans
from healbert.sweep.seeds import LEAST, check_plan, enough, measure, next_seeds, plan_seeds, seeds_for, width_of
from healbert.sweep.until import run_until
from healbert.utils.errors import UserError

WIDTH, MOST = 0.02, 20


def scipys_width(values):
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    return high - low


def test_width_is_that_of_students_interval():
    values = np.random.default_rng(0).normal(0.1, 0.01, 7)
    assert width_of(values) == pytest.approx(scipys_width(values), rel=1e-9)
    assert width_of(np.array([0.05, 0.05])) == 0, "more seeds would be more of the same"
    assert width_of(values[:1]) is None and width_of(values[:0]) is None


def test_enough_needs_the_last_three_intervals_to_be_narrow():
    values = 0.1 + 0.004 * np.array([1, -1, 1, -1, 1, -1, 1, -1])
    widths = [scipys_width(values[:n]) for n in range(2, 9)]  # of 2, 3, ... seeds
    assert enough(values[:LEAST], max(widths[2:5]) + 1e-9) and not enough(values[:LEAST], max(widths[2:5]) - 1e-9)
    assert not enough(values[: LEAST - 1], 10)
    wild = np.append(values[:6], [0.2])  # one seed that is far off makes the interval wide again
    assert not enough(wild, 0.02) and not enough(np.append(wild, values[:1]), 0.02)


@pytest.mark.parametrize("spread, width", [(0.01, 0.02), (0.004, 0.02), (0.03, 0.05)])
def test_number_of_seeds_by_the_t_quantile(spread, width):
    def wide(n):
        return 2 * stats.t.ppf(0.975, n - 1) * spread / np.sqrt(n)

    first = next(n for n in range(4, 100) if wide(n) <= width)
    assert seeds_for(spread, width, 100) == first + 2
    assert seeds_for(spread, width, 5) == 5


def test_rounds_at_most_double_and_end():
    wide = np.array([0.0, 0.2, 0.0, 0.2])
    assert next_seeds(wide, WIDTH, MOST) == 8 and next_seeds(wide, WIDTH, 6) == 6
    assert next_seeds(np.tile(wide, 5), WIDTH, MOST) == MOST
    assert next_seeds(wide[:2], WIDTH, MOST) == LEAST and next_seeds(wide[:0], WIDTH, 4) == 4
    steady = np.array([0.1, 0.1, 0.1, 0.1001])
    assert next_seeds(steady, WIDTH, MOST) == LEAST


def stopped(values):
    """The differences that a study has when it stops, in rounds as `run_until` makes them, from two seeds on."""
    have = 2
    while not enough(values[:have], WIDTH) and have < MOST:
        have = next_seeds(values[:have], WIDTH, MOST)
    return values[:have]


@pytest.mark.parametrize("spread", [0.004, 0.008, 0.014, 0.03])
def test_intervals_cover_under_this_rule(spread):
    """Of 1,500 studies; a t interval without a rule covers 95% of them, give or take 1.1 points."""
    rng, true, covered = np.random.default_rng(5), 0.1, 0
    for _ in range(1500):
        found = stopped(true + spread * rng.standard_normal(MOST))
        covered += abs(found.mean() - true) <= width_of(found) / 2
    assert 0.92 <= covered / 1500 <= 0.97, covered / 1500


# ---------------------------------------------------------------- on runs


def planned(base, folder, **more):
    grid = {"corrupt_level": [0, 0.25, 0.5], "seed": [1, 2]}
    return plan({"base": base | {"corrupt_seed": "same_as_seed"} | more, "grid": grid}, folder)


class Study:
    """Makes up runs in the place of training: of damage 0.25 they scatter by ``narrow``, of 0.5 by ``wide``."""

    def __init__(self, root, narrow=0.001, wide=0.02, fails=()):
        self.root, self.spread, self.fails, self.rounds = root, {0.0: 0.0, 0.25: narrow, 0.5: wide}, fails, []

    def run(self, part, until=None):
        self.rounds.append([run.name for run in part.runs if run.state == "todo"])
        for run in part.runs:
            settings = run.arguments.settings()
            level, seed = settings["corrupt_level"], settings["seed"]
            if run.look() == "todo":
                self._make(run, settings, level, seed, "failed" if (level, seed) in self.fails else "completed")
                run.look()
        part.write(self.root, until)

    def _make(self, run, settings, level, seed, status):
        score = 0.8 - level / 10 + self.spread[level] * np.random.default_rng([seed, 5]).standard_normal()
        more = {
            name: settings[name] for name in ("model_name_or_path", "train_file", "validation_file", "corrupt_seed")
        }
        maker = Maker(self.root / ".made", datasets={"own": (["no", "yes"], 40)})
        folder = maker.run("own", level, "bottom", settings["learning_rate"], seed, status, **more, task_name=None)
        results = json.loads((folder / "results.json").read_text())
        if status == "completed":
            results["metrics"]["healed"]["f1_weighted"] = score
        (folder / "results.json").write_text(json.dumps(results))
        folder.rename(run.folder)


def seeds_of(grown):
    found = {}
    for run in grown.runs:
        found.setdefault(run.damage, set()).add(run.seeds[0])
    return {damage: sorted(seeds) for damage, seeds in found.items()}


def until(study, own, width=0.03, most=12):
    lines = []
    return run_until(own, study.root, width, most, study.run, told=lines.append), lines


def test_seeds_go_to_the_damage_that_lacks_them(base, tmp_path):
    study = Study(tmp_path)
    grown, _ = until(study, planned(base, tmp_path))
    found = seeds_of(grown)
    assert found["bottom 25%"] == [1, 2, 3, 4, 5, 6]
    assert found["bottom 50%"] == found["intact"] and len(found["bottom 50%"]) > LEAST
    assert all(drawn == own for run in grown.runs for own, *draws in [run.seeds] for drawn in draws)
    pairs = measure(tmp_path, grown)
    assert all(enough(pair.values, 0.03) or len(pair.values) == 12 for pair in pairs)
    (told,) = read_plans(tmp_path)
    assert told["until"] == {"width": 0.03, "max_seeds": 12} and len(told["runs"]) == len(grown.runs)
    assert "0.5" in study.rounds[1][0] or "0-" in study.rounds[1][0]


def test_the_widest_comes_first(base, tmp_path):
    study = Study(tmp_path, narrow=0.04, wide=0.005)
    study.run(planned(base, tmp_path))
    pairs = measure(tmp_path, planned(base, tmp_path))
    assert [pair.label.split(", ")[1] for pair in pairs] == ["bottom 25%", "bottom 50%"]
    assert pairs[0].width > pairs[1].width


def test_it_ends_at_the_most_seeds_and_says_so(base, tmp_path):
    grown, lines = until(Study(tmp_path, wide=0.1), planned(base, tmp_path), most=7)
    assert seeds_of(grown)["bottom 50%"] == [1, 2, 3, 4, 5, 6, 7]
    assert any("still wide" in line and "bottom 50%" in line and "it has 7 seeds" in line for line in lines)


def test_seeds_that_fail_are_no_reason_for_ever_more(base, tmp_path):
    fails = {(0.5, seed) for seed in range(3, 50)}
    grown, lines = until(Study(tmp_path, fails=fails), planned(base, tmp_path))
    assert seeds_of(grown)["bottom 50%"] == [1, 2, 3, 4, 5, 6]
    assert any("its last seeds ended without a score" in line for line in lines)


def test_an_interrupted_round_goes_on(base, tmp_path):
    class Killed(Exception):
        pass

    class Interrupted(Study):
        def _make(self, run, settings, level, seed, status):
            if (level, seed) == (0.5, 4):
                raise Killed
            super()._make(run, settings, level, seed, status)

    whole = until(Study(tmp_path / "whole"), planned(base, tmp_path / "whole"))[0]
    with pytest.raises(Killed):
        until(Interrupted(tmp_path / "cut"), planned(base, tmp_path / "cut"))
    again = Study(tmp_path / "cut")
    grown = until(again, planned(base, tmp_path / "cut"))[0]
    assert {run.name for run in grown.runs} == {run.name for run in whole.runs}
    assert not again.rounds[0], "the runs of the file are done"
    done = until(Study(tmp_path / "cut"), planned(base, tmp_path / "cut"))[0]
    assert {run.name for run in done.runs} == {run.name for run in whole.runs}, "nothing is forgotten"


def test_seeds_beforehand(base, tmp_path):
    own = planned(base, tmp_path)
    with pytest.raises(UserError, match="--plan_seeds goes by finished runs, and .* holds none"):
        plan_seeds(own, tmp_path, WIDTH, MOST)
    Study(tmp_path).run(own)
    told = dict(line.split(": ", 1) for line in plan_seeds(own, tmp_path, WIDTH, MOST).splitlines())
    few, many = (next(told[name] for name in told if level in name) for level in ("25%", "50%"))
    assert few.startswith("2 seeds, interval") and f"about {LEAST} for 0.02" in few
    values = measure(tmp_path, own)[0].values
    expected = seeds_for(np.std(values, ddof=1), WIDTH, MOST)
    assert f"about {f'{MOST} or more' if expected >= MOST else max(expected, LEAST)} for 0.02" in many


@pytest.mark.parametrize(
    "change, message",
    [
        ({"corrupt_seed": 0}, "needs another draw of the damage with each seed.*write corrupt_seed: same_as_seed"),
        ({"corrupt_level": 0.5}, "compares with the intact model; add corrupt_level 0"),
    ],
)
def test_sweeps_that_seeds_cannot_be_added_to(base, tmp_path, change, message):
    sections = {"base": base | {"corrupt_seed": "same_as_seed", "corrupt_level": 0} | change, "grid": {"seed": [1, 2]}}
    if "corrupt_seed" in change:
        sections["base"]["corrupt_level"] = 0.5
    with pytest.raises(UserError, match=f"--until_width {message}"):
        check_plan(plan(sections, tmp_path), "--until_width")


@pytest.mark.parametrize("seed, refused", [({}, False), ({"seed": 7}, True)])
def test_several_damages_in_a_row_are_drawn_by_the_runs_seed(base, tmp_path, seed, refused):
    damages = [[{"level": 0}], [{"level": 0.5}, {"layers": "1", "method": "gaussian_noise", **seed}]]
    sections = {"base": base | {"corrupt_seed": "same_as_seed"}, "grid": {"seed": [0, 1], "corruptions": damages}}
    if refused:
        with pytest.raises(UserError, match="needs another draw of the damage with each seed"):
            check_plan(plan(sections, tmp_path), "--until_width")
    else:
        check_plan(plan(sections, tmp_path), "--until_width")


@pytest.mark.slow
def test_on_the_command_line(write_sweep, tmp_path):
    path = write_sweep(base={"corrupt_seed": "same_as_seed"}, grid={"corrupt_level": [0, 0.5], "seed": [1, 2]})
    options = ("--until_width", "2", "--workers", "1")
    status, output = sweep(path, tmp_path / "runs", *options)
    assert status == 0, output
    assert "1 of 1 intervals are wider than 2, or were until now: 8 more runs" in output
    assert "12 runs in " in output and "12 completed" in output
    assert len(collect(tmp_path / "runs").runs) == 12
    status, again = sweep(path, tmp_path / "runs", *options)
    assert status == 0 and "12 completed" in again and "[1/" not in again
    status, told = sweep(path, tmp_path / "runs", "--plan_seeds", "2")
    assert status == 0 and "6 seeds, interval" in told
    assert sweep(path, tmp_path / "runs", "--until_width", "0")[0] == 2
