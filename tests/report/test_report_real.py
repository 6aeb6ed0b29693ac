"""Real runs of a tiny model, from training to the report; and the command."""

import json
import os
import subprocess
import sys

import pytest
from helpers.small import ROOT

from healbert.arguments.parser import make_arguments
from healbert.experiment.run import run_experiment
from healbert.report.write import make_report

DAMAGES = [(0, "bottom"), (0.25, "bottom"), (0.25, "top"), (0.5, "bottom"), (0.5, "top"), (1, "bottom")]


def healbert(*arguments):
    """Runs `python -m healbert` in a process."""
    return subprocess.run(
        [sys.executable, "-m", "healbert", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="module")
def runs(tiny_bert, csv_files, tmp_path_factory):
    """Eighteen runs: five kinds of damage and none, three seeds; probes and features in those of the first seed."""
    root = tmp_path_factory.mktemp("real") / "runs"
    for seed in range(3):
        inside = {"probe_layers": "all", "tsne": True, "tsne_perplexity": 5} if seed == 0 else {}
        for level, region in DAMAGES:
            arguments = make_arguments(
                model_name_or_path=tiny_bert,
                **csv_files,
                output_dir=str(root / f"{level}-{region}-{seed}"),
                num_train_epochs=2,
                per_device_train_batch_size=8,
                learning_rate=1e-3,
                corrupt_level=level,
                corrupt_region=region,
                seed=seed,
                corrupt_seed=seed,
                use_cpu=True,
                torch_num_threads=1,
                disable_tqdm=True,
                **inside,
            )
            run_experiment(arguments)
    return root


@pytest.mark.slow
def test_real_runs_to_report(runs):
    content, output = make_report(runs)
    (group,) = content.groups  # probes and pictures in some runs do not split them
    assert all("uncommitted" in warning or "collapsed" in warning for warning in content.warnings), content.warnings
    kinds = {"forest", "levels", "recovery", "profiles", "speed", "epochs", "probes", "confusion", "tsne"}
    assert {figure.kind for figure in group.figures} == kinds
    results = json.loads((runs / "0.5-top-1" / "results.json").read_text())
    records = {(record["level"], record["region"]): record for record in group.table("main").records}
    assert f"1:{results['metrics']['healed']['f1_weighted']:.6f}" in records[0.5, "top"]["scores_by_seed"]
    assert (output / "report.html").stat().st_size < 2e6
    assert len(list((output / "figures").glob("*.svg"))) == len(group.figures)


@pytest.mark.slow
def test_command_on_a_single_real_run(runs, tmp_path):
    done = healbert("report", runs / "0.5-top-0", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "Weighted F1 by damage" in done.stdout
    assert done.stdout.strip().endswith(str(tmp_path / "out" / "report.html"))


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    done = healbert("report", tmp_path / "empty")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and "holds no run" in done.stderr and done.stderr.count("\n") == 1
    assert list((tmp_path / "empty").iterdir()) == [], "nothing is left behind"
