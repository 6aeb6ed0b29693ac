"""What a run looks at beside predictions: probes by depth, features behind the classes, another harness's scores."""

import numpy as np

from ..damage.receipt import layers_touched
from ..damage.series import select_all
from ..damage.shorter import depth_after
from ..damage.spans import read_spans
from ..models.layers import find_layers
from ..probing.feature_file import FeatureFile
from ..probing.features import read_features
from ..probing.probes import check_layers, probe_by_depth
from ..probing.separation import separation
from ..probing.trace_picture import draw_trace
from ..probing.tsne import draw_stages
from .harness import Harness
from .loading import choose_pictured
from .tracing import make_trace, traced


class Inside:
    """Probes (``--probe_layers``), pictured features (``--tsne``) and scores of lm-evaluation-harness (``--lm_eval``).

    They are of a model at each stage of its run.

    Args:
        arguments: `Arguments`.
        task: a tokenized `TaskData`; tokenizer: its tokenizer.
        model: the model, which is damaged and healed in place.

    Raises:
        UserError: if a layer does not exist, the examples of the picture cannot be drawn, or there is no such task.
    """

    def __init__(self, arguments, task, tokenizer, model):
        self.arguments, self.task, self.tokenizer, self.model = arguments, task, tokenizer, model
        wanted = arguments.features.layers()
        depth = depth_after(model, arguments.spec)  # the model is looked at when it is damaged
        self.layers = check_layers(wanted, depth) if wanted is not None else []
        self.place = self._place()
        self.pictured = choose_pictured(task, arguments) if arguments.features.tsne else None
        self.probes, self.features, self.scores = {}, {}, {}
        self.harness = Harness(arguments, tokenizer) if arguments.features.lm_eval else None
        self.trace = make_trace(arguments, task, tokenizer, model) if arguments.features.trace_healing else None
        self.entries = []  # of the trace, but for those of evaluations, which the trainer's log keeps

    def read(self, rows):
        """What the classification layer sees of tokenized rows: numpy (examples, features).

        Raises:
            UserError: if the strategy needs features that give the model's logits, and these do not.
        """
        exact = self.arguments.run.strategy().fixed_features  # it trains on these in place of the texts
        return read_features(self.model, self.arguments, rows, self.tokenizer, exact=exact)[0]

    def look(self, stage):
        """Probes and reads the model as it is now."""
        if self.layers:
            kind, splits = self.task.type, self.task.splits
            parts = (self.model, self.arguments, splits, self.tokenizer, self.layers)
            self.probes[stage] = probe_by_depth(*parts, kind.primary_score, kind.primary_metric, kind.probe())
        if self.pictured is not None:
            self.features[stage] = self.read(self.pictured)
        if self.harness is not None:
            self.scores[stage] = self.harness.score(self.model)

    def compare(self, stage, epoch, step):
        """Where the layers of the model are now, for the trace."""
        if self.trace is not None:
            self.entries.append(self.trace.measure(self.model, stage, epoch, step))

    def same_as(self, stage, earlier):
        """Notes that features are those of an earlier stage; probes would be, too, and are not repeated."""
        if earlier in self.features:
            self.features[stage] = self.features[earlier]

    def write(self, metrics, log, output_dir, is_first_process):
        """Writes the pictures and features.npz, and returns the part of the results: probes, scores, features, trace.

        Args:
            metrics: {stage: {metric: value}}.
            log: the trainer's log.
            output_dir: a path.
            is_first_process: whether this process writes.
        """
        found = {"probes": self.probes} if self.layers else {}
        found |= {"lm_eval": self.harness.describe() | self.scores} if self.harness is not None else {}
        if self.trace is not None:
            first, *last = self.entries
            found["trace"] = self.trace.describe([first, *traced(log), *last])
            if is_first_process:
                draw_trace(output_dir / "trace.png", found["trace"])
        if not self.features:
            return found
        file = self._file(metrics)
        if is_first_process:
            file.write(output_dir / "features.npz")
            draw_stages(output_dir / "tsne.png", file)
        measured = {stage: separation(values, file.labels) for stage, values in self.features.items()}
        dimensions = int(self.features["damaged"].shape[1])
        return found | {"features": {"examples": len(file.labels), "dimensions": dimensions, **measured}}

    def _place(self):
        damage = self.arguments.corruption
        if damage.corruptions:
            stack, hit, _ = select_all(self.model, damage.specs())
            return len(layers_touched(stack, list(hit.values()))) / len(stack.layers), "several damages"
        named = f"layers {damage.corrupt_layers}"
        if damage.corrupt_invert and damage.corrupt_level != 0:
            stack, hit, _ = select_all(self.model, damage.specs())
            level = f"{damage.corrupt_region} {100 * (damage.corrupt_level or 0):g}%"
            but = named if damage.corrupt_layers is not None else level
            return len(layers_touched(stack, list(hit.values()))) / len(stack.layers), f"all but {but}"
        if damage.corrupt_layers is None or damage.corrupt_level == 0:
            return damage.corrupt_level, damage.corrupt_region if damage.corrupt_level else ""
        return len(read_spans(damage.corrupt_layers)) / len(find_layers(self.model).layers), named

    def _file(self, metrics):
        arguments, kind = self.arguments, self.task.type
        level, region = self.place
        return FeatureFile(
            stages=self.features,
            scores={stage: metrics[stage][kind.primary_metric] for stage in self.features},
            metric=kind.describe_metrics()[kind.primary_metric]["title"],
            labels=np.asarray(self.pictured["label"]),
            ids=np.asarray(self.pictured["id"]),
            label_names=self.task.label_names,
            task=self.task.name,
            level=level,
            region=region,
            perplexity=arguments.features.tsne_perplexity,
            seed=arguments.data.sample_seed,
        )
