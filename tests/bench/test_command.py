"""`healbert bench` as a user types it: its files, and one clear line for every mistake."""

import json
import subprocess
import sys

import pytest
from helpers.small import ROOT, run_module, to_flags
from matplotlib.image import imread

from healbert import UserError
from healbert.cli.bench import bench

OF_FILES = {"bench.json", "bench.md", "roofline.svg", "roofline.png"}


@pytest.fixture
def flags(tiny_bert, csv_files):
    given = {"model_name_or_path": tiny_bert, **csv_files, "max_seq_length": 32}
    return to_flags(given | {"per_device_train_batch_size": 8, "torch_num_threads": 1, "healing": "bias_only"})


@pytest.mark.slow
def test_a_bench_of_a_run_and_of_a_reference(flags, tmp_path):
    folder = tmp_path / "out"
    done = run_module(
        "bench", *flags, "--steps", 2, "--against", "grouped", "--json", "--output_dir", folder, timeout=500
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == json.loads((folder / "bench.json").read_text())
    shown = [(one["trainer"], one["precision"]) for one in found["measurements"]]
    names = [(name, precision) for name in ("healbert", "grouped") for precision in ("float32", "bfloat16")]
    assert shown == names
    assert {path.name for path in folder.iterdir()} == OF_FILES
    for precision, product in found["machine"]["products"].items():
        ours, other = (one for one in found["measurements"] if one["precision"] == precision)
        rate = ours["flops"] / ours["seconds"]
        assert ours["share_of_peak"] == pytest.approx(rate / product["flops_per_second"])
        assert ours["flops"] < other["flops"], "biases alone have no products of gradients of weights"
    assert found["machine"]["threads"] == 1 and found["machine"]["copied_bytes_per_second"] > 1e8
    assert imread(folder / "roofline.png").std() > 0.01
    page = (folder / "bench.md").read_text()
    assert "| grouped bfloat16 |" in page and "peak memory" in page
    assert_refused_in_place(done.args, folder)


def assert_refused_in_place(command, folder):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    with pytest.raises(UserError, match=r"holds bench\.json.*new or empty"):
        bench(command[4:])
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


REFUSED = {
    "unknown flag": (["--stps", "3"], ["--stps"]),
    "unknown task": (["--task_name", "sst3"], ["sst3", "did you mean"]),
    "no steps": (["--steps", "0"], ["--steps", "1 or more"]),
    "unknown reference": (["--against", "stok"], ["--against", "stok", "did you mean 'stock'"]),
    "features": (["--healing", "linear_probe"], ["linear_probe", "features"]),
    "frozen layers once": (["--healing", "damaged_only", "--reuse_frozen"], ["--reuse_frozen"]),
    "a teacher to be trained": (["--healing", "distill"], ["distill", "--teacher"]),
    "price alone": (["--price", "2"], ["--price needs a --sweep"]),
    "assignments alone": (["--set", "seed=1"], ["--set needs a --sweep"]),
    "no price": (["--sweep", "x.yaml", "--price", "-1"], ["--price", "-1"]),
    "sweep and flags": (["--sweep", "x.yaml", "--task_name", "sst2"], ["--task_name", "--set"]),
    "sweep and reference": (["--sweep", "x.yaml", "--against", "stock"], ["--against", "--sweep"]),
    "no sweep file": (["--sweep", "{root}/x.yaml"], ["x.yaml", "does not exist"]),
    "sweep as settings": (["{root}/sweep.yaml"], ["sweep.yaml", "describes a sweep"]),
    "sweep of unknown runs": (["--sweep", "{root}/sweep.yaml"], ["sed", "did you mean 'seed'"]),
    "folder in place of a file": (["--output_dir", "{root}/sweep.yaml"], ["--output_dir", "sweep.yaml"]),
    "folder with other things": (["--output_dir", "{root}"], ["--output_dir", "holds sweep.yaml"]),
}


@pytest.mark.parametrize("flags, named", REFUSED.values(), ids=REFUSED)
def test_mistakes_are_refused(flags, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_text("base: {use_cpu: true}\ngrid: {sed: [1, 2]}\n")
    with pytest.raises(UserError) as refused:
        bench([flag.format(root=tmp_path) for flag in flags])
    assert [name for name in named if name not in str(refused.value)] == []
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.yaml"]


@pytest.mark.slow
def test_what_is_found_out_while_measuring_is_one_line_too(flags, tmp_path):
    done = run_module("bench", *flags, "--text_column_names", "txet", "--output_dir", tmp_path / "out", timeout=300)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, len(errors), "Traceback" in done.stderr) == (2, 1, False), done.stderr
    assert "txet" in errors[0] and not (tmp_path / "out").exists()


def test_help_is_quick(tmp_path):
    code = """
import sys
from healbert.cli.bench import bench
try:
    bench(["--help"])
finally:
    print({"torch", "matplotlib", "transformers"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "set()"), done.stderr
    assert "--against" in done.stdout and "flags of a run" in done.stdout
