"""Which texts to train and evaluate on."""

import dataclasses
import pathlib
from dataclasses import field

from ...tasks.columns import named_columns
from ...tasks.embedded import EMBEDDED
from ...tasks.files.options import QUOTINGS, ReadOptions, kind_of, known_kinds
from ...tasks.table import EMBEDDED_TASK, TASKS
from ...tasks.types import TASK_TYPES
from ...utils.errors import UserError, check_choice

AT_LEAST_ONE = (
    *("max_seq_length", "max_train_samples", "max_eval_samples", "preprocessing_num_workers"),
    *("max_summary_length", "num_beams"),
)
OF_FILES = ("delimiter", "encoding", "quoting", "json_field")


@dataclasses.dataclass
class DataArguments:
    """Which texts to train and evaluate on."""

    _argument_group_name = "data"

    task_name: str | None = field(
        default=None, metadata={"help": f"One of: {', '.join(TASKS)}. Default: {EMBEDDED_TASK}."}
    )
    task_type: str | None = field(
        default=None,
        metadata={"help": f"One of: {', '.join(TASK_TYPES)}. Default: the task's own; guessed for files of your own."},
    )
    dataset_name: str | None = field(
        default=None, metadata={"help": "Hub id, or a folder that datasets.load_dataset opens, in place of a task."}
    )
    dataset_config_name: str | None = field(default=None, metadata={"help": "Configuration of --dataset_name."})
    data_revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the dataset on the Hub. Default: its main branch."}
    )
    data_root: str | None = field(
        default=None, metadata={"help": "Take DIR/<last part of the Hub id> in place of the Hub's dataset."}
    )
    train_file: str | None = field(default=None, metadata={"help": f"A file of your own to train on: {known_kinds()}."})
    validation_file: str | None = field(default=None, metadata={"help": "The file that scores are reported on."})
    validation_fraction: float | None = field(
        default=None,
        metadata={"help": "Without --validation_file: evaluate on so much of --train_file (--sample_seed)."},
    )
    test_file: str | None = field(
        default=None,
        metadata={"help": "A further file, scored once by the chosen epoch; evaluated if no --validation_file."},
    )
    delimiter: str | None = field(
        default=None, metadata={"help": "Between the fields of csv or tsv files: a character, or tab, semicolon, ..."}
    )
    encoding: str | None = field(
        default=None, metadata={"help": "Of text files, for example cp1252 or utf-16. Default: utf-8."}
    )
    quoting: str | None = field(
        default=None,
        metadata={"help": f"Of csv or tsv files: {' or '.join(QUOTINGS)} (a quote is a character like any other)."},
    )
    json_field: str | None = field(
        default=None, metadata={"help": "Field of a JSON object that holds the list of examples."}
    )
    text_column_names: str | None = field(
        default=None,
        metadata={"help": "Text column, or two with a comma between them for pairs; or a JSON list of them."},
    )
    label_column_name: str | None = field(default=None, metadata={"help": "Label column. Default: label."})
    max_seq_length: int = field(default=128, metadata={"help": "Longer texts are cut to this many tokens."})
    pad_to_max_length: bool = field(
        default=False, metadata={"help": "Pad every text to max_seq_length, not to the longest of its batch."}
    )
    max_summary_length: int = field(
        default=64, metadata={"help": "Tokens of a summary, at most, in training and when it is written."}
    )
    num_beams: int = field(default=1, metadata={"help": "Beams with which summaries are written."})
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
        if self.sample_seed < 0:
            raise UserError(f"--sample_seed {self.sample_seed} is negative; use 0 or more")
        for name in AT_LEAST_ONE:
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
        if self.task_name is not None:
            check_choice("task", self.task_name, TASKS)
        if self.task_type is not None:
            check_choice("task type", self.task_type, TASK_TYPES)
        if self.data_revision and (self.train_file or self.data_root or self.task_name in EMBEDDED):
            raise UserError(f"--data_revision {self.data_revision} goes with a dataset of the Hub; leave it out")
        self._check_evaluation()
        if self.data_root and not pathlib.Path(self.data_root).expanduser().is_dir():
            raise UserError(f"--data_root {self.data_root} is not a folder")
        for name in ("train_file", "validation_file", "test_file"):
            _check_data_file(name, getattr(self, name))
        self._check_reading()

    def _check_evaluation(self):
        fraction = self.validation_fraction
        if fraction is not None and not 0 < fraction < 1:
            raise UserError(f"--validation_fraction {fraction:g} is not above 0 and below 1")
        if fraction is not None and (not self.train_file or self.validation_file):
            other = "--validation_file" if self.train_file else "datasets, which have splits"
            raise UserError(f"--validation_fraction goes with --train_file alone, not with {other}; leave it out")
        if self.train_file and not (self.validation_file or self.test_file or fraction):
            raise UserError(
                "--train_file needs a --validation_file (or --validation_fraction, or --test_file) to report scores on"
            )

    def _check_reading(self):
        named_columns(self.text_column_names)
        options = ReadOptions(*(getattr(self, name) for name in OF_FILES))
        if options.given and not (self.train_file or self.dataset_name or self.data_root):
            raise UserError(f"--{options.given[0]} is for files of your own; task '{self.task_name}' needs none")


def _check_data_file(name, value):
    if value is None:
        return
    path = pathlib.Path(value)
    if not path.is_file():
        raise UserError(f"--{name} {value} does not exist or is not a file")
    if kind_of(path) is None:
        raise UserError(f"--{name} {value} ends in '{path.suffix}'; use one of {known_kinds()}")
    if path.stat().st_size == 0:
        raise UserError(f"--{name} {value} is empty")
