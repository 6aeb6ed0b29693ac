"""What a checkpoint holds of a model's weights: all of the encoder, and of the head all, some or none."""

from transformers import AutoModel

from ..utils.errors import UserError
from .wrappers import outside_base


def drawn_weights(model, report, name):
    """The names of the weights of the model's base that the checkpoint lacks, and may lack: they are drawn.

    These are a pooler's, and those of a head that stands among the weights of the base.

    Args:
        model: a transformers model.
        report: what `from_pretrained` says of the checkpoint.
        name: what the user called it.

    Raises:
        UserError: if it lacks others.
    """
    lacking, encoder, head = _lacking(report), set(model.base_model.state_dict()), _beside_base(model, report)
    lacking = [key if key in encoder else key.removeprefix(f"{model.base_model_prefix}.") for key in sorted(lacking)]
    drawn = {key for key in lacking if key in encoder and (key.startswith("pooler.") or key in head)}
    missing = [key for key in lacking if key in encoder - drawn]
    if missing:
        raise UserError(
            f"model '{name}' lacks {len(missing)} weights of {type(model).__name__}, the first {missing[0]}; "
            "it is not a checkpoint of this architecture"
        )
    return drawn


def head_was(model, report):
    """What the checkpoint has of the model's head: "own", "other" (of another size) or "missing"."""
    head = {name for name, _ in outside_base(model)} | _beside_base(model, report)
    if head & {entry[0] for entry in report["mismatched_keys"]}:
        return "other"
    return "missing" if head & {*report["missing_keys"]} else "own"


def _lacking(report):
    return {*report["missing_keys"], *(entry[0] for entry in report["mismatched_keys"])}


def _beside_base(model, report):
    """Of a model which is its own base (T5 for questions), the names of the weights that the base alone has not.

    None are looked for where the checkpoint holds all weights.
    """
    import torch

    if not _lacking(report) or model.base_model is not model or type(model.config) not in AutoModel._model_mapping:
        return set()
    with torch.device("meta"):
        base = set(AutoModel.from_config(model.config).state_dict())
    names = set(model.state_dict())
    return names - base if base <= names else set()
