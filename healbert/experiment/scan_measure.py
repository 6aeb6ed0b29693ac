"""What a damage does to a model's predictions: one draw, against the intact model on the same examples."""


class Intact:
    """What the intact model gives on the evaluation split: what every draw of a damage is compared with.

    Args:
        kind: the `TaskType`.
        metrics: {name: value} of the intact model.
        outputs: its outputs as `Trainer.predict` gives them, in the order of the examples.
    """

    def __init__(self, kind, metrics, outputs):
        self.kind, self.metrics, self.outputs = kind, metrics, outputs
        self.same = self.compare(metrics, outputs)

    def compare(self, metrics, outputs):
        """One draw's figures.

        Returns:
            dict: ``metrics``; ``kl``, as of `TaskType.divergence`; ``changed`` and ``not_finite``, how many
            examples have another prediction or none, and how many have none, as of `TaskType.changed`.
        """
        changed, lost = self.kind.changed(self.outputs, outputs)
        return {
            "metrics": metrics,
            "kl": self.kind.divergence(self.outputs, outputs),
            "changed": int(changed.sum()),
            "not_finite": int(lost.sum()),
        }
