"""The plan of a sweep in its folder: what it says, and that nothing in its place stops anything."""

import json

import pytest
from helpers.report_runs import Maker

from healbert.analysis.collect import collect
from healbert.cli.ls import ls
from healbert.report.warnings import warnings
from healbert.results.plans import count_finished, plan_path, planned_runs, read_plans, write_plan

NAME = "model-sst2-0.5-bottom-lr2e-05-seed{}-{:012x}"


def entries(seeds):
    return [{"name": NAME.format(s, s), "dataset": "sst2", "damage": "bottom 50%", "seed": s} for s in seeds]


def study(root, seeds, status="completed"):
    """Runs under the names of a sweep's."""
    maker = Maker(root, datasets={"sst2": (["no", "yes"], 50)})
    for seed in seeds:
        maker.run("sst2", 0.5, seed=seed, status=status).rename(root / NAME.format(seed, seed))


def test_what_is_missing_is_known(tmp_path, capsys):
    study(tmp_path, [1, 2])
    write_plan(plan_path(tmp_path, "study.yaml"), "study.yaml", entries([1, 2, 3, 4, 5]))
    found = collect(tmp_path)
    assert "2 of 5 planned runs are finished." in warnings(found, [])
    assert found.planned[f"{3:012x}"]["damage"] == "bottom 50%"
    ls([str(tmp_path)])
    assert capsys.readouterr().out.splitlines()[-1] == "2 of 5 planned runs are finished"
    ls([str(tmp_path), "--json"])
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_plan_replaces_the_guess(tmp_path):
    study(tmp_path, [1, 2])
    Maker(tmp_path / "more", datasets={"sst2": (["no", "yes"], 50)}).run("sst2", 1, seed=1)
    guessed = [line for line in warnings(collect(tmp_path), []) if line.startswith("Not a full grid")]
    assert guessed
    (tmp_path / "more" / "run-00000").rename(tmp_path / NAME.format(9, 9))
    (tmp_path / "more").rmdir()
    write_plan(plan_path(tmp_path, 1), "s", entries([1, 2, 9]))
    assert not [line for line in warnings(collect(tmp_path), []) if "grid" in line or "planned" in line]


def test_failed_runs_are_not_finished_and_diverged_ones_are(tmp_path):
    study(tmp_path, [1])
    study(tmp_path, [2], status="failed")
    study(tmp_path, [3], status="diverged")
    write_plan(plan_path(tmp_path, 1), "s", entries([1, 2, 3]))
    assert "2 of 3 planned runs are finished." in warnings(collect(tmp_path), [])


def test_plans_of_several_sweeps_add_up_and_a_changed_one_is_replaced(tmp_path):
    one, other = plan_path(tmp_path, ["a.yaml", []]), plan_path(tmp_path, ["b.yaml", []])
    write_plan(one, "a.yaml", entries([1, 2, 3]))
    write_plan(one, "a.yaml", entries([1, 2]))
    written = one.stat().st_mtime_ns
    write_plan(one, "a.yaml", entries([1, 2]))
    assert one.stat().st_mtime_ns == written, "the same plan is not written again"
    write_plan(other, "b.yaml", entries([2, 4]))
    found = read_plans(tmp_path)
    assert len(found) == 2 and len(planned_runs(found)) == 3
    assert count_finished(planned_runs(found), [f"deeper/{NAME.format(4, 4)}", "another-name-abc"]) == (
        "1 of 3 planned runs are finished"
    )
    assert count_finished({}, ["x"]) == ""


def test_runs_that_were_asked_for_in_other_words_count(tmp_path):
    write_plan(plan_path(tmp_path, 1), "s", entries([1]))
    assert count_finished(planned_runs(read_plans(tmp_path)), [f"in-other-words-{1:012x}"]).startswith("1 of 1")


def test_plans_of_folders_below_are_found(tmp_path):
    study(tmp_path / "a", [1])
    study(tmp_path / "b", [2])
    for name, seeds in (("a", [1, 3]), ("b", [2])):
        write_plan(plan_path(tmp_path / name, 1), name, entries(seeds))
    assert "2 of 3 planned runs are finished." in warnings(collect(tmp_path), [])
    assert collect(tmp_path / "a" / NAME.format(1, 1)).plans == []


GOOD = {"healbert_sweep": {"schema": 1}, "sweep": "s", "runs": entries([1, 2])}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"\xff\xfe",
        b"null",
        json.dumps(GOOD)[:60].encode(),
        json.dumps(GOOD | {"runs": 7}).encode(),
        json.dumps(GOOD | {"runs": [{"name": 7}]}).encode(),
        json.dumps(GOOD | {"runs": ["x"]}).encode(),
        json.dumps(GOOD | {"healbert_sweep": {"schema": 99}}).encode(),
        json.dumps(GOOD | {"healbert_sweep": 1}).encode(),
        json.dumps(GOOD | {"until": {"width": "x", "max_seeds": 2}}).encode(),
        json.dumps(GOOD | {"until": [1]}).encode(),
    ],
)
def test_a_damaged_plan_stops_nothing(tmp_path, content, capsys):
    study(tmp_path, [1])
    plan_path(tmp_path, 1).write_bytes(content)
    assert collect(tmp_path).plans == []
    assert not [line for line in warnings(collect(tmp_path), []) if "planned" in line]
    ls([str(tmp_path)])
    assert "planned" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"my notes", b'{"runs": []}', b""])
def test_what_is_not_ours_stays(tmp_path, content):
    path = plan_path(tmp_path, 1)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is no plan of a sweep and stays as it is"):
        write_plan(path, "s", entries([1]))
    assert path.read_bytes() == content


def test_a_folder_in_its_place_stops_nothing(tmp_path):
    study(tmp_path, [1])
    plan_path(tmp_path, 1).mkdir()
    assert collect(tmp_path).plans == []


def test_the_rule_of_added_seeds_is_said(tmp_path):
    study(tmp_path, [1])
    until = {"width": 0.02, "max_seeds": 20}
    write_plan(plan_path(tmp_path, 1), "s", entries([1]), until)
    (line,) = [line for line in warnings(collect(tmp_path), []) if line.startswith("Seeds were added")]
    assert "no wider than 0.02 (at most 20 seeds)" in line and "by its width alone" in line


def test_the_rule_is_not_forgotten_by_the_same_sweep_without_it(tmp_path):
    path, until = plan_path(tmp_path, 1), {"width": 0.02, "max_seeds": 20}
    write_plan(path, "s", entries([1, 2, 3]), until)
    write_plan(path, "s", entries([1, 2]))
    (plan,) = read_plans(tmp_path)
    assert plan["until"] == until and len(plan["runs"]) == 3
    write_plan(path, "s", entries([1, 4]), until | {"width": 0.1})
    (plan,) = read_plans(tmp_path)
    assert plan["until"]["width"] == 0.1 and len(plan["runs"]) == 2
