"""What a damage does to a model's predictions: one draw, against the intact model on the same examples."""

import numpy as np


class Intact:
    """What the intact model gives on the evaluation split: what every draw of a damage is compared with.

    Args:
        kind: the `TaskType`.
        metrics: {name: value} of the intact model.
        outputs: its outputs as `Trainer.predict` gives them, in the order of the examples.
    """

    def __init__(self, kind, metrics, outputs):
        self.kind, self.metrics = kind, metrics
        self.predictions, self._log_p = np.asarray(kind.predictions(outputs)), _log_softmax(kind.logits(outputs))
        self.same = self.compare(metrics, outputs)

    def compare(self, metrics, outputs):
        """One draw's figures.

        Returns:
            dict: ``metrics``; ``kl``, the mean over examples of KL(intact || damaged) in nats, None where the type has
            no class probabilities or one of them is not finite; ``changed``, how many examples have another prediction
            than the intact model's, or none (logits that are not finite); ``not_finite``, how many have none.
        """
        lost = ~_finite(outputs)  # (examples,)
        other = np.asarray(self.kind.predictions(outputs)) != self.predictions
        other = other.reshape(len(other), -1).any(axis=1)
        return {
            "metrics": metrics,
            "kl": None if lost.any() else _kl(self._log_p, _log_softmax(self.kind.logits(outputs))),
            "changed": int((other | lost).sum()),
            "not_finite": int(lost.sum()),
        }


def _finite(outputs):
    """Whether all of an example's outputs are finite: (examples,)."""
    first = outputs[0] if isinstance(outputs, tuple) else outputs
    return np.isfinite(first).reshape(len(first), -1).all(axis=1)


def _log_softmax(logits):
    """(examples, classes), in float64; None of None."""
    from scipy.special import log_softmax

    return None if logits is None else log_softmax(np.asarray(logits, np.float64), axis=-1)


def _kl(log_p, log_q):
    """The mean over examples of sum p (log p - log q), in nats."""
    if log_p is None:
        return None
    found = float((np.exp(log_p) * (log_p - log_q)).sum(axis=-1).mean())
    return max(found, 0.0) if np.isfinite(found) else None  # rounding may leave it a little below 0
