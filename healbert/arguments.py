"""The command line: dataclasses, the parser, and defaults < task recipe < YAML < flags."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import re
from dataclasses import field

import yaml
from transformers import HfArgumentParser, TrainingArguments

from .corruption import METHODS, REGIONS, UNITS, CorruptionSpec
from .errors import UserError, check_choice, did_you_mean
from .tasks import EMBEDDED_TASK, REGRESSION_TASKS, TASKS

EMBEDDED_MODEL = "embedded"
SELECTIONS = ("best_eval", "dev")
FILE_EXTENSIONS = ("csv", "tsv", "json", "jsonl", "parquet")

# Every default that differs from transformers.TrainingArguments.
TRAINING_DEFAULTS = {
    "eval_strategy": "epoch",
    "greater_is_better": True,
    "learning_rate": 2e-5,
    "load_best_model_at_end": True,
    "logging_nan_inf_filter": False,
    "logging_strategy": "epoch",
    "metric_for_best_model": "f1_weighted",
    "num_train_epochs": 10,
    "per_device_eval_batch_size": 64,
    "per_device_train_batch_size": 32,
    "save_strategy": "epoch",
    "save_total_limit": 1,
    "train_sampling_strategy": "group_by_length",
}

# What a cell is made of: measured after every epoch, best epoch kept. These cannot be changed.
FIXED = ("eval_strategy", "save_strategy", "load_best_model_at_end", "metric_for_best_model", "greater_is_better")

# Settings that cannot change a result: where things lie, what is logged, how many workers prepare the data.
NOT_IDENTITY = frozenset(
    (
        "cache_dir",
        "token",
        "preprocessing_num_workers",
        "overwrite_cache",
        "overwrite_output_dir",
        "save_model",
        "torch_num_threads",
        "output_dir",
        "run_name",
        "project",
        "report_to",
        "do_train",
        "do_eval",
        "do_predict",
        "disable_tqdm",
        "resume_from_checkpoint",
        "debug",
        "log_level",
        "log_level_replica",
        "log_on_each_node",
        "logging_strategy",
        "logging_first_step",
        "logging_steps",
        "logging_nan_inf_filter",
        "include_num_input_tokens_seen",
        "skip_memory_metrics",
        "dataloader_num_workers",
        "dataloader_pin_memory",
        "dataloader_persistent_workers",
        "dataloader_prefetch_factor",
        "dataloader_multiprocessing_context",
        "dataloader_in_order",
        "ddp_backend",
        "ddp_timeout",
        "ddp_bucket_cap_mb",
        "local_rank",
        "save_on_each_node",
        "enable_jit_checkpoint",
        "save_only_model",
        "save_steps",
        "save_total_limit",
        "eval_steps",
        "restore_callback_states_from_checkpoint",
        "ignore_data_skip",
        "push_to_hub",
        "hub_token",
        "hub_private_repo",
        "hub_model_id",
        "hub_strategy",
        "hub_always_push",
        "hub_revision",
        "trackio_space_id",
        "trackio_bucket_id",
        "trackio_static_space_id",
    )
)


@dataclasses.dataclass
class ModelArguments:
    """Which model to load."""

    _argument_group_name = "model"

    model_name_or_path: str = field(
        default=EMBEDDED_MODEL,
        metadata={
            "help": "Hub id or folder of a pretrained model; 'embedded' is all-MiniLM-L6-v2 as an installed package."
        },
    )
    config_name: str | None = field(default=None, metadata={"help": "Configuration, if it is not the model's."})
    tokenizer_name: str | None = field(default=None, metadata={"help": "Tokenizer, if it is not the model's."})
    cache_dir: str | None = field(default=None, metadata={"help": "Where models and datasets from the Hub are kept."})
    model_revision: str = field(default="main", metadata={"help": "Branch, tag or commit of the model on the Hub."})
    token: str | None = field(
        default=None, metadata={"help": "Hub token for gated and private repositories (else HF_TOKEN, or your login)."}
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run model code from the Hub. Only for repositories whose code you have read."}
    )


@dataclasses.dataclass
class DataArguments:
    """Which texts to train and evaluate on."""

    _argument_group_name = "data"

    task_name: str | None = field(
        default=None, metadata={"help": f"One of: {', '.join(TASKS)}. Default: {EMBEDDED_TASK}."}
    )
    dataset_name: str | None = field(
        default=None, metadata={"help": "Hub id, or a folder that datasets.load_dataset opens, in place of a task."}
    )
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of --dataset_name."})
    data_root: str | None = field(
        default=None, metadata={"help": "Take DIR/<last part of the Hub id> in place of the Hub's dataset."}
    )
    train_file: str | None = field(
        default=None, metadata={"help": f"A file of your own to train on: {', '.join(FILE_EXTENSIONS)}."}
    )
    validation_file: str | None = field(default=None, metadata={"help": "The file that scores are reported on."})
    test_file: str | None = field(
        default=None,
        metadata={"help": "A further file, scored once by the chosen epoch; evaluated if no --validation_file."},
    )
    text_column_names: str | None = field(
        default=None, metadata={"help": "Text column, or two with a comma between them for sentence pairs."}
    )
    label_column_name: str | None = field(default=None, metadata={"help": "Label column. Default: label."})
    max_seq_length: int = field(default=128, metadata={"help": "Longer texts are cut to this many tokens."})
    pad_to_max_length: bool = field(
        default=False, metadata={"help": "Pad every text to max_seq_length, not to the longest of its batch."}
    )
    max_train_samples: int | None = field(
        default=None, metadata={"help": "Train on so many examples (stratified sample, --sample_seed)."}
    )
    max_eval_samples: int | None = field(
        default=None, metadata={"help": "Evaluate on so many examples (stratified sample, --sample_seed)."}
    )
    sample_seed: int = field(
        default=0, metadata={"help": "Seed of the samples above and of the part held out by --selection dev."}
    )
    preprocessing_num_workers: int | None = field(default=None, metadata={"help": "Processes that tokenize."})
    overwrite_cache: bool = field(default=False, metadata={"help": "Tokenize again instead of using the cache."})

    def __post_init__(self):
        for name in ("max_seq_length", "max_train_samples", "max_eval_samples", "preprocessing_num_workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"--{name} {value} is too small; use 1 or more, or leave it out")
        self._check_source()

    def _check_source(self):
        given = [n for n in ("task_name", "dataset_name", "train_file") if getattr(self, n) is not None]
        if len(given) > 1:
            raise UserError(f"--{given[0]} and --{given[1]} exclude each other; give one of them")
        if not given and (self.validation_file or self.test_file):
            raise UserError("--train_file is missing; --validation_file and --test_file go with it")
        if not given:
            self.task_name = EMBEDDED_TASK
        if self.task_name in REGRESSION_TASKS:
            raise UserError(f"task '{self.task_name}' is a regression; only classification tasks are supported")
        if self.task_name is not None:
            check_choice("task", self.task_name, TASKS)
        if self.train_file and not (self.validation_file or self.test_file):
            raise UserError("--train_file needs a --validation_file (or --test_file) to report scores on")
        if self.data_root and not pathlib.Path(self.data_root).expanduser().is_dir():
            raise UserError(f"--data_root {self.data_root} is not a folder")
        for name in ("train_file", "validation_file", "test_file"):
            _check_data_file(name, getattr(self, name))


def _check_data_file(name, value):
    if value is None:
        return
    path = pathlib.Path(value)
    if not path.is_file():
        raise UserError(f"--{name} {value} does not exist or is not a file")
    if path.suffix[1:].lower() not in FILE_EXTENSIONS:
        raise UserError(f"--{name} {value} ends in '{path.suffix}'; use one of {', '.join(FILE_EXTENSIONS)}")
    if path.stat().st_size == 0:
        raise UserError(f"--{name} {value} is empty")


@dataclasses.dataclass
class CorruptionArguments:
    """What to damage, and how."""

    _argument_group_name = "corruption"

    corrupt_level: float = field(default=0.0, metadata={"help": "Fraction of the encoder to damage, 0 to 1."})
    corrupt_region: str = field(
        default="bottom", metadata={"help": f"Which end of the encoder: {' or '.join(REGIONS)}."}
    )
    corrupt_method: str = field(default="kaiming_uniform", metadata={"help": f"One of: {', '.join(METHODS)}."})
    corrupt_unit: str = field(
        default="layer", metadata={"help": f"Whole layers, or tensors up to the level: {' or '.join(UNITS)}."}
    )
    corrupt_seed: int = field(default=0, metadata={"help": "Seed of the random values."})
    corrupt_embeddings: bool = field(default=False, metadata={"help": "Damage the embeddings too."})
    corrupt_pooler: bool = field(default=False, metadata={"help": "Damage the pooler too, where there is one."})

    def __post_init__(self):
        self.spec()

    def spec(self):
        """The `CorruptionSpec` that these flags describe."""
        return CorruptionSpec(**{f.name.removeprefix("corrupt_"): getattr(self, f.name) for f in _fields(self)})


@dataclasses.dataclass
class CellArguments:
    """How the best epoch is chosen, and what a run keeps."""

    _argument_group_name = "run"

    selection: str = field(
        default="best_eval",
        metadata={
            "help": "best_eval: report the epoch with the best weighted F1 on the evaluation split (the paper's way). "
            "dev: choose it on a stratified part of train, then score the evaluation split once."
        },
    )
    dev_fraction: float = field(default=0.1, metadata={"help": "Part of train held out by --selection dev."})
    save_model: bool = field(default=False, metadata={"help": "Keep the healed model in the results folder."})
    overwrite_output_dir: bool = field(
        default=False, metadata={"help": "Run again even if the results folder holds a finished cell."}
    )
    torch_num_threads: int | None = field(
        default=None, metadata={"help": "CPU threads per process. Default: the machine's cores shared out."}
    )

    def __post_init__(self):
        check_choice("selection", self.selection, SELECTIONS)
        if not 0 < self.dev_fraction < 1:
            raise UserError(f"--dev_fraction {self.dev_fraction:g} is not between 0 and 1; try 0.1")
        if self.torch_num_threads is not None and self.torch_num_threads < 1:
            raise UserError(f"--torch_num_threads {self.torch_num_threads} is too small; use 1 or more")


@dataclasses.dataclass
class Arguments:
    """All settings of one cell, validated."""

    model: ModelArguments
    data: DataArguments
    corruption: CorruptionArguments
    cell: CellArguments
    training: TrainingArguments

    def settings(self):
        """Every resolved setting by its flag's name; no tokens. What ``--print_config`` shows."""
        flat = self.training.to_dict()
        for part in (self.model, self.data, self.corruption, self.cell):
            flat.update(dataclasses.asdict(part))
        return {k: v for k, v in sorted(flat.items()) if k not in ("token", "hub_token")}

    def identity(self):
        """The settings that can change a result, the number of processes among them."""
        kept = {k: v for k, v in self.settings().items() if k not in NOT_IDENTITY}
        if self.corruption.corrupt_level == 0:  # no damage: nothing else of it matters
            kept = {k: v for k, v in kept.items() if not k.startswith("corrupt_")} | {"corrupt_level": 0.0}
        elif self.corruption.corrupt_level == 1:  # all of the bottom is all of the top
            del kept["corrupt_region"]
        return kept | {"world_size": self.training.world_size, "mixed_precision": self.training.mixed_precision}

    def name(self):
        """A readable folder name that differs whenever `identity` does."""
        text = json.dumps(self.identity(), sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        data, damage = self.data, self.corruption
        source = data.task_name or data.dataset_name or pathlib.Path(data.train_file).stem
        end = "" if damage.corrupt_level in (0, 1) else f"-{damage.corrupt_region}"
        parts = [_last_part(self.model.model_name_or_path), _last_part(source), f"{damage.corrupt_level:g}{end}"]
        parts += [f"lr{self.training.learning_rate:g}", f"seed{self.training.seed}", digest]
        return re.sub(r"[^\w.\-]+", "_", "-".join(parts))


def _last_part(name):
    return pathlib.PurePath(name.rstrip("/")).name or name


def _fields(arguments):
    return dataclasses.fields(arguments)


class _Parser(HfArgumentParser):
    def error(self, message):
        raise UserError(f"{message.removeprefix('argument ')} (see --help)")


GROUPS = (ModelArguments, DataArguments, CorruptionArguments, CellArguments, TrainingArguments)


def build_parser():
    """The parser of `run_corrupt_glue.py`: our flags in four groups, then all of TrainingArguments."""
    TrainingArguments._argument_group_name = "training (transformers.TrainingArguments)"
    parser = _Parser(
        GROUPS,
        usage="run_corrupt_glue.py [CONFIG.yaml] [--flag value ...]",
        description="Damage a pretrained transformer, heal it by fine-tuning, report what came back. "
        "A YAML or JSON file as first argument gives defaults that flags override.",
        allow_abbrev=False,
    )
    parser.add_argument("--print_config", action="store_true", help="Print the resolved settings as YAML and stop.")
    parser.set_defaults(**TRAINING_DEFAULTS)
    return parser


def parse_arguments(argv):
    """Turns a command line into validated arguments.

    Args:
        argv: list of strings, without the program's name; the first may be a YAML or JSON file.

    Returns:
        tuple: (`Arguments`, whether ``--print_config`` was given).

    Raises:
        UserError: for anything that cannot be used, before a model or dataset is touched.
    """
    parser = build_parser()
    argv = list(argv)
    if argv and not argv[0].startswith("-"):
        argv = to_argv(read_config(argv.pop(0)), known_flags(parser)) + argv
    task = parser.parse_known_args(argv)[0]
    recipe = TASKS[task.task_name or EMBEDDED_TASK].recipe if _uses_table(task) else {}
    namespace, unknown = parser.parse_known_args(to_argv(recipe, known_flags(parser)) + argv)
    if unknown:
        flag = unknown[0].split("=")[0]
        near = did_you_mean(flag, [f"--{name}" for name in known_flags(parser)]) if flag.startswith("-") else ""
        raise UserError(f"unknown argument '{unknown[0]}'{near} (see --help)")
    return _instantiate(namespace), namespace.print_config


def make_arguments(**settings):
    """`Arguments` from Python: the same names, defaults and checks as the command line."""
    parser = build_parser()
    return parse_arguments(to_argv(settings, known_flags(parser)))[0]


def _uses_table(namespace):
    own = namespace.dataset_name or namespace.train_file
    return not own and (namespace.task_name or EMBEDDED_TASK) in TASKS


def known_flags(parser):
    """The names of all settings, without dashes."""
    return {action.dest for action in parser._actions if action.dest != "help"}


def read_config(path):
    """The settings in a YAML or JSON file: a dict from flag names to values."""
    path = pathlib.Path(path)
    if path.suffix not in (".yaml", ".yml", ".json"):
        raise UserError(f"'{path}' is no flag and no .yaml or .json file; flags start with --")
    if not path.is_file():
        raise UserError(f"configuration file {path} does not exist")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"configuration file {path} cannot be read: {error}") from error
    if not isinstance(settings, dict):
        raise UserError(f"configuration file {path} does not hold 'flag: value' lines")
    return settings


def to_argv(settings, known):
    """The flags that a dict of settings stands for; None means unset.

    Raises:
        UserError: for a key that is no flag, with the nearest one.
    """
    argv = []
    for key, value in settings.items():
        if key not in known:
            raise UserError(f"unknown setting '{key}'{did_you_mean(key, known)}")
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        if values:
            argv += [f"--{key}", *(json.dumps(v) if isinstance(v, dict) else str(v) for v in values)]
    return argv


def _instantiate(namespace):
    values = vars(namespace)
    for name in FIXED:
        if values[name] != TRAINING_DEFAULTS[name]:
            raise UserError(
                f"--{name} {values[name]} is not supported: a cell is evaluated and kept by weighted F1 after each "
                f"epoch; leave it at {TRAINING_DEFAULTS[name]}"
            )
    if not (math.isfinite(namespace.learning_rate) and namespace.learning_rate >= 0):
        raise UserError(f"--learning_rate {namespace.learning_rate} is not a number of 0 or more")
    if not namespace.num_train_epochs > 0:
        raise UserError(f"--num_train_epochs {namespace.num_train_epochs:g} trains nothing; use more than 0")
    for name in ("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps"):
        if values[name] < 1:
            raise UserError(f"--{name} {values[name]} is too small; use 1 or more")
    ours = [group(**_pick(values, group)) for group in GROUPS[:-1]]
    try:
        training = TrainingArguments(**_pick(values, TrainingArguments))
    except ValueError as error:
        raise UserError(str(error)) from error
    if training.device.type == "cpu":
        training.dataloader_pin_memory = False  # torch warns each time otherwise
    arguments = Arguments(*ours, training)
    if values["output_dir"] is None:
        training.output_dir = os.path.join("runs", arguments.name())
    return arguments


def _pick(values, group):
    return {f.name: values[f.name] for f in dataclasses.fields(group) if f.init}
