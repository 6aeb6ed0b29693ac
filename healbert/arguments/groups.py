"""The flags of ours, in groups; each is explained once, in its help."""

import dataclasses
import pathlib
from dataclasses import field

from ..cell import SELECTIONS
from ..corruption import METHODS, REGIONS, UNITS, CorruptionSpec
from ..errors import UserError, check_choice
from ..fingerprints import EMBEDDED_MODEL
from ..healing import HEALING
from ..tasks import EMBEDDED_TASK, REGRESSION_TASKS, TASKS

POOLINGS = ("cls", "mean")
FILE_EXTENSIONS = ("csv", "tsv", "json", "jsonl", "parquet")


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
    pooling: str = field(
        default="cls",
        metadata={
            "help": "cls: the architecture's own head (its first token; for decoders the last real one). "
            "mean: average of the last hidden states over real tokens, dropout, a linear layer."
        },
    )
    token: str | None = field(
        default=None, metadata={"help": "Hub token for gated and private repositories (else HF_TOKEN, or your login)."}
    )
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run model code from the Hub. Only for repositories whose code you have read."}
    )

    def __post_init__(self):
        check_choice("pooling", self.pooling, POOLINGS)


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
    data_revision: str | None = field(
        default=None, metadata={"help": "Branch, tag or commit of the dataset on the Hub. Default: its main branch."}
    )
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
        if self.sample_seed < 0:
            raise UserError(f"--sample_seed {self.sample_seed} is negative; use 0 or more")
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
        if self.data_revision and (self.train_file or self.data_root or self.task_name == EMBEDDED_TASK):
            raise UserError(f"--data_revision {self.data_revision} goes with a dataset of the Hub; leave it out")
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
        return CorruptionSpec(
            **{f.name.removeprefix("corrupt_"): getattr(self, f.name) for f in dataclasses.fields(self)}
        )


@dataclasses.dataclass
class CellArguments:
    """How the model is healed, how the best epoch is chosen, and what a run keeps."""

    _argument_group_name = "run"

    healing: str = field(
        default="full",
        metadata={"help": f"One of: {', '.join(HEALING)}. A linear probe trains the classification layer alone."},
    )
    selection: str = field(
        default="best_eval",
        metadata={
            "help": "best_eval: report the epoch with the best weighted F1 on the evaluation split (the paper's way). "
            "dev: choose it on a stratified part of train, then score the evaluation split once."
        },
    )
    dev_fraction: float = field(default=0.1, metadata={"help": "Part of train held out by --selection dev."})
    save_model: bool = field(
        default=False, metadata={"help": "Keep the healed model in the results folder; implied by --push_to_hub."}
    )
    intact_results: str | None = field(
        default=None, metadata={"help": "Folder of the intact cell (level 0) whose scores the model card shows beside."}
    )
    overwrite_output_dir: bool = field(
        default=False, metadata={"help": "Run again even if the results folder holds a finished cell."}
    )
    torch_num_threads: int | None = field(
        default=None, metadata={"help": "CPU threads per process. Default: the machine's cores shared out."}
    )

    def __post_init__(self):
        check_choice("healing", self.healing, HEALING)
        check_choice("selection", self.selection, SELECTIONS)
        if not 0 < self.dev_fraction < 1:
            raise UserError(f"--dev_fraction {self.dev_fraction:g} is not between 0 and 1; try 0.1")
        if self.torch_num_threads is not None and self.torch_num_threads < 1:
            raise UserError(f"--torch_num_threads {self.torch_num_threads} is too small; use 1 or more")


@dataclasses.dataclass
class FeatureArguments:
    """What is measured inside the model, beside its predictions."""

    _argument_group_name = "features"

    probe_layers: str | None = field(
        default=None,
        metadata={"help": "Weighted F1 of a linear probe by depth: all, or layers such as 0,3,6 (0: embeddings)."},
    )
    tsne: bool = field(
        default=False, metadata={"help": "Write the classifier's features, their separation and a t-SNE picture."}
    )
    tsne_samples: int = field(
        default=2000, metadata={"help": "Evaluation examples in the picture (stratified sample, --sample_seed)."}
    )
    tsne_perplexity: float = field(default=30.0, metadata={"help": "Perplexity of t-SNE; below the examples shown."})

    def __post_init__(self):
        self.layers()
        if self.tsne_samples < 2:
            raise UserError(f"--tsne_samples {self.tsne_samples} is too small; use 2 or more")
        if not self.tsne_perplexity > 0:
            raise UserError(f"--tsne_perplexity {self.tsne_perplexity:g} is not above 0; try 30")

    def layers(self):
        """The depths to probe: a sorted list, "all", or None."""
        if self.probe_layers in (None, "all"):
            return self.probe_layers
        parts = self.probe_layers.split(",")
        if not all(part.strip().isdecimal() for part in parts):
            raise UserError(f"--probe_layers '{self.probe_layers}' is neither 'all' nor layer numbers such as 0,3,6")
        return sorted({int(part) for part in parts})
