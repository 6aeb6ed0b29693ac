"""How the model is healed, how the best epoch is chosen, and what a run keeps."""

import dataclasses
from dataclasses import field

from ...healing.fast import DEFAULT, FAST_PATHS, fast_path_names
from ...healing.strategies import STRATEGIES, make_strategy, strategy_names
from ...results.schema import SELECTIONS
from ...tasks.texts import check_text_file
from ...utils.errors import UserError, check_choice, refuse_empty
from ...utils.options import list_options


@dataclasses.dataclass
class RunArguments:
    """How the model is healed, how the best epoch is chosen, and what a run keeps."""

    _argument_group_name = "run"

    healing: str = field(
        default="full",
        metadata={
            "help": f"What trains, and how, one of: {', '.join(STRATEGIES)}; or several with commas between them "
            "(lora,damaged_only)."
        },
    )
    healing_options: str | None = field(
        default=None,
        metadata={
            "help": "Options of --healing, name=value with commas; of several strategies lora.rank=8. "
            f"{list_options(STRATEGIES)}"
        },
    )
    reuse_frozen: bool = field(
        default=False,
        metadata={"help": "Pass frozen layers at the bottom once, without dropout; every epoch takes what they gave."},
    )
    fast_paths: str = field(
        default=DEFAULT,
        metadata={"help": f"Less work in a step: all, none, or of {', '.join(FAST_PATHS)}."},
    )
    teacher: str | None = field(
        default=None,
        metadata={"help": "Classifier that distill learns from (folder or Hub id). Default: the intact run's model."},
    )
    heal_text: str | None = field(
        default=None,
        metadata={"help": "Text to train on before the task: .txt, or a file with a column text (see docs)."},
    )
    selection: str = field(
        default="best_eval",
        metadata={
            "help": "best_eval: report the epoch with the best score on the evaluation split, as in the paper. "
            "dev: choose it on a stratified part of train."
        },
    )
    dev_fraction: float = field(default=0.1, metadata={"help": "Part of train held out by --selection dev."})
    save_model: bool = field(
        default=False, metadata={"help": "Keep the healed model in the results folder; implied by --push_to_hub."}
    )
    intact_results: str | None = field(
        default=None, metadata={"help": "Folder of the intact run (level 0) whose scores the model card shows beside."}
    )
    overwrite_output_dir: bool = field(
        default=False, metadata={"help": "Run again even if the results folder holds a finished run."}
    )
    precision: str | None = field(
        default=None,
        metadata={
            "help": "float32, bf16, fp16; auto: bf16 where this device multiplies it in hardware, else float32. "
            "Default: float32, or what --bf16, --fp16 or accelerate launch say."
        },
    )
    torch_num_threads: int | None = field(
        default=None, metadata={"help": "CPU threads per process. Default: the machine's cores shared out."}
    )
    plugin: list[str] | None = field(
        default=None,
        metadata={
            "help": "Python files or modules that register damage methods, tasks, ... of your own.",
            "action": "extend",  # those of a configuration file stay when the command line adds one
        },
    )

    def __post_init__(self):
        self.healing = ",".join(strategy_names(self.healing))  # the same ones in another order are the same run
        self.fast_paths = fast_path_names(self.fast_paths)
        self._check_supplies(self.strategy())
        check_choice("selection", self.selection, SELECTIONS)
        if not 0 < self.dev_fraction < 1:
            raise UserError(f"--dev_fraction {self.dev_fraction:g} is not between 0 and 1; try 0.1")
        if self.torch_num_threads is not None and self.torch_num_threads < 1:
            raise UserError(f"--torch_num_threads {self.torch_num_threads} is too small; use 1 or more")

    def _check_supplies(self, strategy):
        """Refuses a teacher or texts that nothing uses, and the lack of what is needed."""
        refuse_empty(teacher=self.teacher, heal_text=self.heal_text)
        if self.reuse_frozen and (self.heal_text is not None or strategy.asks):
            raise UserError(
                "--reuse_frozen passes frozen layers once, which neither --heal_text nor of=hidden can do; leave it out"
            )
        if self.teacher is not None and strategy.learns_from is None:
            raise UserError(f"--teacher goes with --healing distill, not with {self.healing}; leave it out")
        if self.teacher is not None and strategy.learns_from == "pretrained":
            raise UserError("--teacher names the teacher, and so does teacher=pretrained; leave one out")
        if self.heal_text is None and strategy.reads_text == "must":
            raise UserError(f"--healing {self.healing} needs text without labels: give --heal_text FILE")
        if self.heal_text is None:
            return
        if strategy.reads_text is None:
            readers = " and ".join(name for name, entry in STRATEGIES.items() if entry.reads_text)
            raise UserError(f"--heal_text is for --healing {readers}, not for {self.healing}; leave it out")
        check_text_file(self.heal_text)

    @property
    def needs_intact(self):
        """Whether the intact run of the same settings is its teacher."""
        return self.teacher is None and self.strategy().learns_from == "finetuned"

    def strategy(self):
        """The `Strategy` that these flags describe."""
        return make_strategy(self.healing, self.healing_options)

    def check(self, training):
        """Refuses settings that healing cannot train with.

        Args:
            training: `transformers.TrainingArguments`.

        Raises:
            UserError: naming the setting.
        """
        self.strategy().adjusted(training)
        if self.reuse_frozen:
            from ...healing.frozen import check_settings

            check_settings(training)
