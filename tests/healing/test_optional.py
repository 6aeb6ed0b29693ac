"""What Trainer lacks a library for is refused before anything is written."""

import importlib.util

import pytest

from healbert import make_arguments, run_experiment
from healbert.utils.errors import UserError

MISSING = {
    "optimizer": ({"optim": "adamw_bnb_8bit"}, "bitsandbytes", "--optim adamw_bnb_8bit .*bitsandbytes"),
    "kernels": ({"use_liger_kernel": True}, "liger_kernel", "--use_liger_kernel .*pip install liger-kernel"),
}


@pytest.mark.parametrize("settings, library, message", MISSING.values(), ids=MISSING.keys())
def test_library_that_is_not_installed_is_named(run_flags, tmp_path, settings, library, message):
    if importlib.util.find_spec(library):
        pytest.skip(f"{library} is installed")
    with pytest.raises(UserError, match=message):
        run_experiment(make_arguments(**run_flags | settings))
    assert not (tmp_path / "run").exists()


UNUSABLE = {
    "malformed options": ({"optim_args": "foo"}, "--optim_args cannot be used"),
    "a schedule that lacks something": ({"lr_scheduler_type": "cosine_with_min_lr"}, "cosine_with_min_lr .*min_lr"),
    "a schedule that knows it not": ({"lr_scheduler_kwargs": {"cycles": 2}}, "--lr_scheduler_kwargs cannot .*'cycles'"),
    "sharding one process": ({"fsdp": "full_shard"}, "--fsdp needs several processes"),
}


@pytest.mark.parametrize("settings, message", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_setting_that_cannot_be_used_is_named(run_flags, tmp_path, settings, message):
    with pytest.raises(UserError, match=message):
        run_experiment(make_arguments(**run_flags | settings))
    assert not (tmp_path / "run").exists()
