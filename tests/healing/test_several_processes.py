"""Strategies over two processes: what does not train yet stays as it is there, too, and what does is trained."""

import subprocess
import sys

import pytest
import torch
from helpers.healing import STILL, damaged_state
from helpers.runs import read
from helpers.small import ROOT, to_flags
from safetensors.torch import load_file

from healbert import make_arguments

pytestmark = pytest.mark.slow


def hit(name):
    return name.startswith(("bert.encoder.layer.0.", "bert.encoder.layer.1."))


def above(name):
    return name.startswith("bert.pooler.")


# --healing and its options -> what differs of the saved model but its head; a second phase would come after 6 steps.
CASES = {
    ("gradual_unfreezing", "every=100"): above,
    ("gradual_unfreezing", "every=1"): lambda name: True,
    ("two_phase", "share=1"): hit,
    ("two_phase,mixout", "two_phase.share=0.5"): lambda name: True,
    ("lora,damaged_only", "lora.keep=adapter"): lambda name: False,
    ("distill", "temperature=3"): lambda name: True,
    ("distill,damaged_only", "distill.of=hidden"): hit,
    ("continued_pretraining,damaged_only", "continued_pretraining.mask_share=0.2"): hit,
}


@pytest.mark.parametrize("healing, options", CASES, ids=str)
def test_frozen_parts_stay_over_two_processes(run_flags, text_file, healing, options):
    more = {"healing": healing, "healing_options": options, "weight_decay": 0.5, "save_model": True, "max_steps": 12}
    more |= {"heal_text": text_file} if healing.startswith(("continued", "distill,")) else {}
    settings = run_flags | more | {"per_device_train_batch_size": 4, "disable_tqdm": True}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*launch, str(ROOT / "run_corrupt_glue.py"), *to_flags(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    before, after = damaged_state(make_arguments(**settings)), load_file(f"{settings['output_dir']}/model.safetensors")
    found = {name for name, value in after.items() if not torch.equal(value, before[name])}
    expected = {n for n in after if CASES[healing, options](n) or n.startswith("classifier.")}
    assert found <= expected and found >= {name for name in expected if not name.endswith(STILL)}
    assert read(settings["output_dir"])["healing"]["steps"] == 12
