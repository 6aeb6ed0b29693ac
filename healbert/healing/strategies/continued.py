"""Pretraining that goes on for a while, on text without labels, before the task."""

from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from .full import TrainsAll
from .texts import TEXT_OPTIONS


@register("strategy", "continued_pretraining")
class ContinuedPretraining(TrainsAll):
    """Language modelling on ``--heal_text`` first, masked or causal as the architecture does it, then the task.

    The head of the language model is the checkpoint's, or new where there is none; it is left behind.
    """

    says = "All of its parameters were trained on text without labels (language modelling), then fine-tuned"
    sharded, reads_text = False, "must"
    options = {
        "mask_share": Option(0.15, "of the tokens that are masked, of encoders", least=0.01, most=0.9),
        **TEXT_OPTIONS,
    }

    def bring(self, supplies):
        from ..language_model import kind_of_language_model

        self.supplies, self.kind = supplies, kind_of_language_model(supplies.model)
        if self.kind == "causal":
            supplies.text = _with_targets(supplies.text)

    def read_text(self, trainer):
        from ..language_model import text_loss, with_language_head
        from ..text_stage import train_on_text

        supplies, settings = self.supplies, self.settings
        loss = text_loss(self.kind, supplies.tokenizer, settings["mask_share"], self.seed)
        language, known = with_language_head(supplies.model, self.kind, supplies.source, self.seed)
        told = train_on_text(trainer, language, supplies, settings, loss)
        return {"objective": self.kind, "head": "checkpoint" if known else "new"} | told


def _with_targets(text):
    """The texts of which a decoder can predict a token: those of two tokens or more."""
    from ..samplers import token_lengths

    long = [row for row, length in enumerate(token_lengths(text)) if length > 1]
    if not long:
        raise UserError("--heal_text has no text of two tokens or more, of which the second can be predicted")
    return text.select(long)
