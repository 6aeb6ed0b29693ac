"""What is measured beside predictions, inside the model and by another harness."""

import dataclasses
import pathlib
from dataclasses import field

from ...tasks.types import LANGUAGE_MODELS
from ...utils.errors import UserError, check_choice, refuse_empty

YAML = (".yaml", ".yml")
LEAST = 4  # examples in a trace, below which there is no debiased CKA


@dataclasses.dataclass
class FeatureArguments:
    """What is measured beside the model's predictions."""

    _argument_group_name = "features"

    also_evaluate: str | None = field(
        default=None,
        metadata={"help": f"Score the model as a language model, too: {' or '.join(LANGUAGE_MODELS)}."},
    )
    probe_layers: str | None = field(
        default=None,
        metadata={"help": "Score of a linear probe by depth: all, or layers such as 0,3,6 (0: embeddings)."},
    )
    tsne: bool = field(
        default=False, metadata={"help": "Write the classifier's features, their separation and a t-SNE picture."}
    )
    tsne_samples: int = field(
        default=2000, metadata={"help": "Evaluation examples in the picture (stratified sample, --sample_seed)."}
    )
    tsne_perplexity: float = field(default=30.0, metadata={"help": "Perplexity of t-SNE; below the examples shown."})

    trace_healing: bool = field(
        default=False, metadata={"help": "How far each layer is from what it was, after each evaluation; a picture."}
    )
    trace_samples: int = field(
        default=256, metadata={"help": "Evaluation examples whose hidden states are compared (--sample_seed)."}
    )
    trace_reference: str | None = field(
        default=None, metadata={"help": "Compare with this fine-tuned intact model, too: a folder of --save_model."}
    )

    lm_eval: str | None = field(
        default=None,
        metadata={"help": "Scores of the damaged and healed decoder on these tasks of lm-evaluation-harness."},
    )

    def __post_init__(self):
        self.layers()
        self.lm_eval = ",".join(self.lm_eval_tasks()) or None
        if self.also_evaluate is not None:
            check_choice("--also_evaluate", self.also_evaluate, LANGUAGE_MODELS)
        if self.trace_samples < LEAST:
            raise UserError(f"--trace_samples {self.trace_samples} is too small; use {LEAST} or more")
        refuse_empty(trace_reference=self.trace_reference)
        if self.trace_reference and not self.trace_healing:
            raise UserError("--trace_reference goes with --trace_healing; give both, or leave it out")
        if self.tsne_samples < 2:
            raise UserError(f"--tsne_samples {self.tsne_samples} is too small; use 2 or more")
        if not self.tsne_perplexity > 0:
            raise UserError(f"--tsne_perplexity {self.tsne_perplexity:g} is not above 0; try 30")

    def lm_eval_tasks(self):
        """The tasks of ``lm_eval``, names or YAML files of your own: a list of str, empty where none is asked for."""
        if self.lm_eval is None:
            return []
        names = [name.strip() for name in self.lm_eval.split(",")]
        if not all(names):
            raise UserError(f"--lm_eval '{self.lm_eval}' has an empty name; give tasks with commas between them")
        for name in names:
            if name.endswith(YAML) and not pathlib.Path(name).is_file():
                raise UserError(f"--lm_eval {name} does not exist or is not a file")
        return list(dict.fromkeys(names))

    def lm_eval_files(self):
        """Those of `lm_eval_tasks` that are files."""
        return [name for name in self.lm_eval_tasks() if name.endswith(YAML)]

    def layers(self):
        """The depths to probe: a sorted list, "all", or None."""
        if self.probe_layers in (None, "all"):
            return self.probe_layers
        parts = self.probe_layers.split(",")
        if not all(part.strip().isdecimal() for part in parts):
            raise UserError(f"--probe_layers '{self.probe_layers}' is neither 'all' nor layer numbers such as 0,3,6")
        return sorted({int(part) for part in parts})
