"""Names of runs last: these were recorded, and must never change.

A new flag at its default, a new field in the results, a new entry in a table, a move of code: none of them renames a
run. If a test here fails, do not record the name anew. Either the change must not touch the identity, or it alters
figures, and then a version of meaning is raised (healbert/arguments/versions.py) and the names of what it
concerns move into a new table beside this one.
"""

import pytest
from helpers.arguments import run

# What is asked for -> the end of the run's name.
RECORDED = {
    "default": ({"corrupt_level": 0}, "68d5463d3463"),
    "bottom 50%": ({}, "c28405f42fe8"),
    "top 25%": ({"corrupt_level": 0.25, "corrupt_region": "top"}, "acac67411515"),
    "bottom 100%": ({"corrupt_level": 1}, "e843272fd337"),
    "top 100%": ({"corrupt_level": 1, "corrupt_region": "top"}, "e843272fd337"),
    "parameters": ({"corrupt_level": 0.3, "corrupt_unit": "parameter"}, "7748acf178d7"),
    "embeddings and pooler": ({"corrupt_embeddings": True, "corrupt_pooler": True, "corrupt_seed": 3}, "d8d5b609a667"),
    "linear probe": ({"healing": "linear_probe"}, "fcfcc8fe7956"),
    "mean pooling, probes": ({"pooling": "mean", "probe_layers": "all"}, "aef572ca5b47"),
    "sst2 by the paper": ({"task_name": "sst2", "model_name_or_path": "google-bert/bert-base-uncased"}, "3b9665888bf0"),
    "bf16": ({"bf16": True}, "6e3ee2e5475c"),
    "learning rate and seed": ({"learning_rate": 1e-5, "seed": 7}, "1bfe2db448df"),
    "training": ({"max_steps": 10, "weight_decay": 0.01, "lr_scheduler_type": "cosine"}, "ccf156bb5d25"),
}

# Recorded when draws began to break ties by their seed ("sampling" of version 2); its name was d3de9da2e250.
RECORDED_SAMPLING_2 = {
    "samples, dev": ({"max_train_samples": 50, "selection": "dev", "sample_seed": 2}, "cbb0d0152cfe"),
}


# Recorded when training began to use fast paths ("training" of version 2), of which dropout's was none by default.
WITHOUT_DROPOUT = {"fast_paths": "clipping,packed,vocabulary"}
RECORDED_TRAINING_2 = {
    "default": ({"corrupt_level": 0, **WITHOUT_DROPOUT}, "7fee2b010a50"),
    "bottom 50%": (WITHOUT_DROPOUT, "a95502d973c7"),
    "some fast paths": ({"fast_paths": "packed, dropout"}, "eeaec9146217"),
    "distilled": ({"healing": "distill", **WITHOUT_DROPOUT}, "6b378bf65ff9"),
}

# Recorded when all of them became the default.
RECORDED_ALL_FAST_PATHS = {
    "default": ({"corrupt_level": 0}, "cb06e5110a7e"),
    "bottom 50%": ({}, "9904d0413eeb"),
    "all fast paths": ({"fast_paths": "all"}, "9904d0413eeb"),
}

# The others were recorded before training had fast paths: a run without them has still that name, and so has a linear
# probe, which trains without them whatever is asked for.
PLAIN = {"fast_paths": "none"}


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch):
    # The embedded texts are read from installed libraries, and are others with other versions of these.
    monkeypatch.setattr("healbert.tasks.source.embedded_key", lambda task: "recorded")
    monkeypatch.delenv("ACCELERATE_MIXED_PRECISION", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)


def end(arguments, **options):
    return arguments.name(**options).rpartition("-")[2]


ALL = RECORDED | RECORDED_SAMPLING_2


@pytest.mark.parametrize("settings, recorded", ALL.values(), ids=ALL.keys())
def test_a_recorded_name_stays(settings, recorded, hub_is_empty):
    assert end(run(**PLAIN, **settings)) == recorded


@pytest.mark.parametrize("settings, recorded", ALL.values(), ids=ALL.keys())
def test_fast_paths_rename_what_trains_with_them(settings, recorded, hub_is_empty):
    assert (end(run(**settings)) == recorded) == (settings.get("healing") == "linear_probe")


LATER = {"training 2": RECORDED_TRAINING_2, "all fast paths": RECORDED_ALL_FAST_PATHS}


@pytest.mark.parametrize(
    "settings, recorded",
    [pytest.param(*entry, id=f"{name}, {of}") for of, table in LATER.items() for name, entry in table.items()],
)
def test_a_recorded_name_of_a_run_with_fast_paths_stays(settings, recorded):
    assert end(run(**settings)) == recorded


def test_the_recorded_name_of_two_processes_stays():
    assert end(run(**PLAIN), processes=2) == "f4b8f8b31ee5"


def test_the_recorded_name_of_own_files_stays(tmp_path):
    for name in ("train", "validation"):
        (tmp_path / f"{name}.csv").write_text("text,label\na good film,good\na bad film,bad\n")
    files = {f"{name}_file": str(tmp_path / f"{name}.csv") for name in ("train", "validation")}
    assert end(run(**PLAIN, **files)) == "f0efd1d839a9"


def test_the_recorded_name_of_a_plugin_stays(tmp_path):
    path = tmp_path / "recorded.py"
    path.write_text(
        "import healbert\n\n\n@healbert.register('region', 'recorded')\ndef recorded(stack, spec):\n    return [1, 3]\n"
    )
    assert end(run(**PLAIN, plugin=str(path), corrupt_region="recorded")) == "10022bd97448"


@pytest.fixture
def hub_is_empty(tmp_path, monkeypatch):
    # A model of the Hub has no known commit then, so that its name stands for it.
    import huggingface_hub.constants as constants

    from healbert.hub.reach import resolve_commit

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "no-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    resolve_commit.cache_clear()
    yield
    resolve_commit.cache_clear()
