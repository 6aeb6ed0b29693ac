"""The notebooks of docs/ run from top to bottom on real runs, and are kept without outputs."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers.small import ROOT

from healbert import load_results
from healbert.arguments.parser import make_arguments
from healbert.experiment.run import run_experiment

NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
DAMAGES = [(0, "bottom"), (0.5, "bottom"), (0.5, "top"), (1, "bottom")]
# What the figure shows: {region: [(level, mean), ...]}.
DRAWN = """
import json as _json
print("drawn:", _json.dumps({
    bars.get_label(): line.get_xydata().tolist()
    for axis in figure.axes for bars in axis.containers for line in [bars.lines[0]]
}))
"""


def code_of(path):
    """The cells of code, in order, as one script."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in (cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        assert cell["outputs"] == [] and cell["execution_count"] is None
        compile("".join(cell["source"]), str(path), "exec")


@pytest.mark.slow
def test_the_notebook_of_results_shows_what_the_runs_say(tiny_bert, csv_files, tmp_path):
    for seed in (0, 1):
        for level, region in DAMAGES:
            flags = {"model_name_or_path": tiny_bert, **csv_files, "num_train_epochs": 1, "learning_rate": 1e-3}
            flags |= {"corrupt_level": level, "corrupt_region": region, "seed": seed, "corrupt_seed": seed}
            folder = tmp_path / "runs/study" / f"{level}-{region}-{seed}"
            settings = {"use_cpu": True, "torch_num_threads": 1, "disable_tqdm": True}
            run_experiment(make_arguments(**flags, **settings, output_dir=str(folder)))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    script = code_of(ROOT / "docs/examples/results.ipynb") + DRAWN
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300, env=env, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    said, _, drawn = done.stdout.partition("drawn: ")
    table = load_results(tmp_path / "runs/study")
    for region, points in json.loads(drawn).items():
        own = table[table.corrupt_region.isna() | (table.corrupt_region == region)]
        means = own.groupby("corrupt_level")["healed_f1_weighted"].mean()
        assert np.allclose(points, [(100 * level, mean) for level, mean in means.items()])
    assert set(json.loads(drawn)) == {"bottom", "top"}
    assert [f"({letter}) " in said for letter in ("a", "b, bottom", "b, top", "c")] == [True] * 4
    assert sum(said.count(f"    {word}") for word in ("Supported", "Contradicted", "Equivalent", "Inconclusive")) >= 4
