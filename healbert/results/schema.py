"""What is on disk: names of files and of stages, and how a results.json names its metrics."""

import json
import math
import pathlib
import re

SCHEMA_VERSION = 2  # of results.json; earlier ones are still read, see upgrade.py
STATUSES = ("completed", "diverged", "failed")
LOG_NAME = "log.txt"  # what a sweep's worker printed
STAGES = ("damaged", "healed", "last", "dev", "test")
LANGUAGE_STAGES = ("intact", "damaged", "healed")  # of what --also_evaluate says
SELECTIONS = ("best_eval", "dev")  # how the best epoch is chosen
SETTINGS_COPY = ".settings"  # proves a folder ours where settings.json was lost; no .json
TEACHERS = ".teachers"  # beside runs: intact models that others learn from
LOCK = ".lock"  # in a run's folder, held by the process that is at work on it
DAMAGED = ".damaged"  # beside the runs of a sweep: scores of damaged models from which several of them start
TEXT_STAGE = "text_stage"  # in a run's folder while it is going: checkpoints of training on --heal_text
# settings.json is written before training, so that a restart knows what the folder is of.
RUN_FILES = (
    "results.json",
    "settings.json",
    SETTINGS_COPY,
    "corruption.json",
    "predictions.parquet",
    "predictions_dev.parquet",
    "predictions_test.parquet",
    "features.npz",
    "tsne.png",
    "trace.png",
    "trainer_state.json",
    LOG_NAME,
)
# What a model is kept in. Exact names: a file that only looks alike, such as vocab_notes.docx, is somebody's own.
MODEL_FILES = (
    "model.safetensors",
    "adapter_config.json",
    "adapter_model.safetensors",
    "model.safetensors.index.json",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "training_args.bin",
)
SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")  # of a model that is kept in several files
CHECKPOINT = re.compile(r"(damaged-)?checkpoint-(\d+)")  # a damaged one was set aside


def count_teachers(directory):
    """How many finished intact runs lie in a folder of runs for those to learn from."""
    return sum(1 for _ in (pathlib.Path(directory) / TEACHERS).glob("*/results.json"))


def is_teacher(run):
    """Whether a run lies where those are kept that others learn from; ``run`` is its path."""
    return TEACHERS in pathlib.PurePath(run).parts[:-1]


# Of a classification, which is all that there was before `task.baseline` said it.
USUAL_BASELINE = {"name": "majority", "says": "always answering the commonest class"}


def baseline_of(results):
    """What ``task.majority`` of a run is: {"name": a word for tables, "says": in words}."""
    found = (results.get("task") or {}).get("baseline") or {}
    return {name: found.get(name) or usual for name, usual in USUAL_BASELINE.items()}


def metrics_of(results):
    """{name: {"title", "greater_is_better", "range", "chance"}} of a run, the primary metric first; {} if unknown."""
    return (results.get("task") or {}).get("metrics") or {}


def primary_of(results):
    """The primary metric of a run: (name, what ``task.metrics`` says of it); (None, {}) of a run that has no task."""
    name = (results.get("task") or {}).get("primary_metric")
    return name, metrics_of(results).get(name, {})


def language_scores(results):
    """What ``--also_evaluate`` found: (name of the metric, its title, {stage: score or None}); None of other runs."""
    found = results.get("language_model")
    if not found:
        return None
    name = found["primary_metric"]
    return name, found["metrics"][name]["title"], {stage: (found[stage] or {}).get(name) for stage in LANGUAGE_STAGES}


def primary_score(results, stage):
    """The primary metric of ``metrics.<stage>``, or None."""
    found = (results.get("metrics") or {}).get(stage) or {}
    return found.get(primary_of(results)[0])


BUILT_IN_REGIONS = ("bottom", "top", "middle", "ends", "alternate", "random")  # level 1 of each is all of the encoder


def region_that_counts(level, region):
    """The region of a damage; "" where it means nothing: of no damage, and of everything, from either end.

    A plugin's region may choose its own layers whatever the level, so level 1 of it is not all of the encoder.

    Args:
        level: fraction of the encoder, 0 to 1, as asked for.
        region: the name that was asked for.
    """
    return "" if level == 0 or (level == 1 and region in BUILT_IN_REGIONS) else region


def place_of(config, corruption=None):
    """Where a run's damage lies: (level, region), the region "" where it means nothing.

    Layers that were named one by one, and those of several damages, are a level and a region where these name the same;
    else the region says which they are, and the level which share of the layers.

    Args:
        config: settings by their flags' names.
        corruption: of a run's results, where there are any.
    """
    level, layers = config.get("corrupt_level"), config.get("corrupt_layers")
    several = config.get("corruptions") is not None
    if not several and (layers is None or level == 0):
        return float(level or 0), region_that_counts(level or 0, str(config.get("corrupt_region")))
    hit, total = (corruption or {}).get("layers_hit"), (corruption or {}).get("num_layers")
    if not hit or not total:  # a run that failed too soon to say, or damages that lie outside the layers
        return 0.0, "several damages" if several else f"layers {layers}"
    share = len(hit) / total
    if share == 1:
        return 1.0, ""
    ends = {"bottom": list(range(len(hit))), "top": list(range(total - len(hit), total))}
    named = f"layers {','.join(map(str, hit))}" if several else f"layers {layers}"
    return share, next((region for region, same in ends.items() if same == hit), named)


def damages_of(corruption):
    """The damages of a run, one after another: a list of what each one's spec said; of an intact run an empty list.

    Args:
        corruption: of a run's results.
    """
    found = corruption.get("corruptions") or [corruption]
    return [damage for damage in found if damage["level"] != 0]


def methods_of(config):
    """The methods of a run's damages, in words: "zero", or "gaussian_noise, then zero".

    Args:
        config: settings by their flags' names.
    """
    listed = config.get("corruptions")
    if listed is None:
        return str(config.get("corrupt_method"))
    return ", then ".join(str(entry.get("method", "kaiming_uniform")) for entry in json.loads(listed))


def is_damage(name):
    """Whether a setting says what is damaged, and how."""
    return (
        name.startswith("corrupt_")
        and name != "corrupt_only"
        or name in ("keep_norms", "corruptions", "match_severity")
    )


def error_message(results):
    """Why a run failed, or None."""
    error = results.get("error")
    return error.get("message") if isinstance(error, dict) else None


def source_name(config):
    """What a run's texts are called: the task, the dataset, or the training file without its folder and ending.

    Args:
        config: settings by their flags' names.
    """
    file = config.get("train_file")
    return config.get("task_name") or config.get("dataset_name") or (pathlib.Path(str(file)).stem if file else "")


def is_number(value):
    """Whether a value that was read is a finite number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


class NewerSchema(ValueError):
    """A file is of a later HealBERT, and is to be left as it is."""
