"""How alike two texts are, by the cosine of their embeddings: what retrieval ranks texts by."""

import numpy as np

from ...utils.errors import UserError
from ...utils.registry import register
from ..columns import TEXT_COLUMNS
from .encoding import Sequences, encode_sequences
from .regression import CORRELATION, Regression, pearson, spearman

OWN = CORRELATION | {"task_types": ("retrieval",)}


@register(
    "metric",
    "cosine_spearman",
    title="Spearman of cosines",
    primary=True,
    hub={"metric_type": "spearmanr", "metric_name": "Spearman of cosines"},
    **OWN,
)
def cosine_spearman(predictions, labels):
    """Spearman's rank correlation of the cosines with the figures (scipy); 0 where all cosines are one."""
    return spearman(predictions, labels)


@register(
    "metric",
    "cosine_pearson",
    title="Pearson of cosines",
    hub={"metric_type": "pearsonr", "metric_name": "Pearson of cosines"},
    **OWN,
)
def cosine_pearson(predictions, labels):
    """Pearson's correlation of the cosines with the figures (scipy); 0 where all cosines are one."""
    return pearson(predictions, labels)


@register("task_type", "retrieval")
class Retrieval(Regression):
    """Labels are figures, brought to 0 to 1; the cosine of the two texts' embeddings learns them by squared error."""

    auto_class = "AutoModel"
    hub_task = "feature-extraction"
    problem_type = None
    per_text, own_head = False, True
    pools, one_sequence = True, False

    def find_columns(self, raw, task, data):
        texts, label = super().find_columns(raw, task, data)
        if len(texts) != 2:
            raise UserError(
                f"a task of type retrieval compares two texts, and '{texts[0]}' is one; name both with "
                "--text_column_names FIRST,SECOND"
            )
        return texts, label

    def prepare(self, raw, task, columns):
        splits, names = super().prepare(raw, task, columns)
        figures = np.array(splits["train"]["label"])
        low, high = figures.min(), figures.max()
        span = high - low or 1.0  # one figure alone is refused by `check`
        for split, rows in splits.items():
            if "label" in rows.column_names:
                scaled = (np.array(rows["label"]) - low) / span
                splits[split] = rows.remove_columns("label").add_column("label", scaled)
        return splits, names

    def outputs(self, label_names):
        return []

    def encode(self, rows, tokenizer, data):
        def texts(batch):
            return list(zip(*(batch[column] for column in TEXT_COLUMNS), strict=True))

        return encode_sequences(texts, tokenizer, data, pair=False), list(TEXT_COLUMNS)

    def collator(self, tokenizer):
        return Sequences(tokenizer)

    def probe(self):
        return None
