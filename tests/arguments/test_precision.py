"""--precision: what auto finds on this machine, and what it has to do with --bf16 and accelerate's own setting."""

import pathlib

import pytest
import torch
from helpers.sweeps import plan

from healbert import UserError, make_arguments
from healbert.utils.machine import multiplies_bf16


def run(**settings):
    return make_arguments(**{"corrupt_level": 0.5, "use_cpu": True} | settings)


def same(one, other):
    return one.identity() == other.identity() and one.name() == other.name()


@pytest.mark.parametrize(("asked", "flags"), [("bf16", {"bf16": True}), ("float32", {}), (None, {})])
def test_a_precision_is_the_run_that_its_flag_asks_for(asked, flags):
    assert same(run(precision=asked), run(**flags))
    assert run(precision=asked).training.bf16 == bool(flags)


@pytest.mark.parametrize("has_it", [True, False])
def test_auto_is_what_the_machine_has(monkeypatch, has_it):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_it})
    found = run(precision="auto")
    assert found.settings()["precision"] == ("bf16" if has_it else "float32")
    assert same(found, run(bf16=has_it))


def test_this_processor_is_told_as_the_kernel_tells_it():
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    flags = next((line for line in lines if line.startswith("flags")), "")
    assert multiplies_bf16(use_cpu=True) == ("avx512_bf16" in flags or "amx_bf16" in flags)


def test_a_sweep_asks_where_its_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    (found,) = plan({"base": {"precision": "auto", "use_cpu": True}, "grid": {"seed": [1]}}, tmp_path).runs
    assert found.settings["precision"] == "bf16"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "float16"}, "precision 'float16' is not known"),
        ({"precision": "float32", "bf16": True}, "--precision says float32 and --bf16 says bf16"),
        ({"precision": "fp16", "bf16": True}, "--precision says fp16 and --bf16 says bf16"),
    ],
)
def test_contradictions_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        run(**settings)


def test_what_accelerate_says_otherwise_is_refused(monkeypatch):
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    with pytest.raises(UserError, match="--precision says float32 and accelerate's --mixed_precision bf16"):
        run(precision="float32")
    assert same(run(precision="bf16"), run())
