"""Knowledge distillation: the damaged model learns from an intact one."""

import inspect

from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from .full import TrainsAll
from .texts import TEXT_OPTIONS


@register("strategy", "distill")
class Distill(TrainsAll):
    """The loss is ``(1 - weight) * task + weight * distillation``.

    Of logits it is the divergence of the softened predictions, ``T^2 * KL(teacher || student)`` at temperature T, on
    average over the examples (Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2). Of hidden states it is the
    distance of the layers' outputs, over real tokens (as FitNets, Romero et al. 2015, arXiv 1412.6550, with every layer
    as a hint). With ``--heal_text`` it is learnt from the teacher on those texts first, without labels.
    """

    says = "It was fine-tuned with an intact model as its teacher (knowledge distillation)"
    sharded, reads_text = False, "may"
    options = {
        "of": Option("logits", "what is matched", choices=("logits", "hidden")),
        "teacher": Option(
            "finetuned", "the intact model after the task or before", choices=("finetuned", "pretrained")
        ),
        "weight": Option(0.5, "of the distillation's loss; the task's has the rest", least=0, most=1),
        "temperature": Option(2.0, "that softens both predictions, of logits", least=0.01),
        "distance": Option("mse", "between hidden states", choices=("mse", "cosine")),
        **TEXT_OPTIONS,
    }

    def __init__(self, **settings):
        super().__init__(**settings)
        self.of_logits = self.settings["of"] == "logits"
        self.learns_from, self.needs_row = self.settings["teacher"], self.of_logits
        self.needs_classes = "use of=hidden" if self.of_logits else None
        self.asks = {} if self.of_logits else {"output_hidden_states": True}
        if self.of_logits and self.learns_from == "pretrained":
            raise UserError(
                "--healing distill: the pretrained model's head is untrained, so that its logits mean nothing; "
                "choose teacher=finetuned, or of=hidden"
            )

    def bring(self, supplies):
        if not self.of_logits and getattr(supplies.model.config, "is_encoder_decoder", False):
            raise UserError(
                "--healing distill: hidden states of a model with a decoder beside are not matched; use of=logits"
            )
        self.supplies, self.teacher = supplies, supplies.teacher
        self.dropped = _dropped(supplies.receipt)

    def begin(self, trainer):
        self.teacher.to(trainer.args.device)
        if self.of_logits:
            self.logits = _logits_of_all(self.teacher, trainer)  # (examples, classes), by row

    def passes(self, model):
        return [self.teacher] if self.of_logits else []

    def read_text(self, trainer):
        from ..text_stage import train_on_text

        told = None
        if self.supplies.text is not None:
            told = train_on_text(trainer, self.supplies.model, self.supplies, self.settings, self._text_loss)
        if self.of_logits:
            self.teacher = self.supplies.teacher = None  # its logits are known: it need not stay in memory
        return told

    def loss(self, trainer, model, inputs, outputs, loss):
        weight = self.settings["weight"]
        if self.of_logits:
            learnt = soft_divergence(outputs["logits"], self.logits[inputs["row"]], self.settings["temperature"])
        else:
            learnt = self._hidden(outputs, self._ask_teacher(inputs), inputs)
        return (1 - weight) * loss + weight * learnt

    def _text_loss(self, trainer, model, inputs):
        inputs = {name: value for name, value in inputs.items() if name != "row"}
        outputs, teacher = model(**inputs, **self.asks), self._ask_teacher(inputs)
        if self.of_logits:
            return soft_divergence(outputs["logits"], teacher["logits"], self.settings["temperature"])
        return self._hidden(outputs, teacher, inputs)

    def _ask_teacher(self, inputs):
        import torch

        takes = inspect.signature(type(self.teacher).forward).parameters
        given = {name: value for name, value in inputs.items() if name in takes and name != "labels"}
        with torch.no_grad():
            return self.teacher(**given, **self.asks)

    def _hidden(self, outputs, teacher, inputs):
        pairs = matching_layers(len(outputs["hidden_states"]) - 1, len(teacher["hidden_states"]) - 1, self.dropped)
        states = [(outputs["hidden_states"][one], teacher["hidden_states"][other]) for one, other in pairs]
        return hidden_distance(states, real_tokens(inputs), self.settings["distance"])


def _dropped(receipt):
    """The layers that the damage took out: a set of indices."""
    gone = any(tensor.get("rule") == "dropped" for tensor in receipt.tensors)
    return frozenset(receipt.summary["layers_hit"]) if gone else frozenset()


def _logits_of_all(teacher, trainer):
    """The teacher's logits of the training split: a tensor (examples, classes) on the trainer's device."""
    import numpy as np
    import torch

    from ...tasks.types.encoding import logits_of
    from ..trainer import HealingTrainer

    rows = trainer.train_dataset
    asked = HealingTrainer(
        model=teacher, args=trainer.args, eval_dataset=rows, data_collator=trainer.data_collator, compute_metrics=None
    )
    found = logits_of(asked.predict(rows).predictions)
    if not np.isfinite(found).all():
        raise UserError("--healing distill: the teacher's logits are not finite, so that nothing can be learnt of them")
    return torch.from_numpy(found).float().to(trainer.args.device)


def soft_divergence(student, teacher, temperature):
    """``T^2 * KL(softmax(teacher / T) || softmax(student / T))``, on average over the examples: a scalar tensor.

    Args:
        student, teacher: logits, tensors (examples, classes).
        temperature: T, above 0. T^2 makes up for gradients that shrink with it (arXiv 1503.02531).
    """
    from torch.nn import functional

    softened = functional.log_softmax(student.float() / temperature, dim=-1)
    target = functional.log_softmax(teacher.float() / temperature, dim=-1)
    return temperature**2 * functional.kl_div(softened, target, reduction="batchmean", log_target=True)


def matching_layers(student, teacher, dropped):
    """Which hidden states match: a list of (student's, teacher's); 0 would be the embeddings.

    A layer matches the one that it was before the damage: of layers that ``drop_layers`` left, each keeps its number.

    Args:
        student, teacher: how many layers each has.
        dropped: indices of the layers that the damage took out, from 0.

    Raises:
        UserError: if the numbers do not go together.
    """
    kept = [index for index in range(teacher) if index not in dropped]
    if len(kept) != student:
        raise UserError(
            f"the teacher has {teacher} layers and the model {student + len(dropped)} before its damage; hidden states "
            "are matched layer by layer: name another --teacher, or use of=logits"
        )
    return [(place + 1, index + 1) for place, index in enumerate(kept)]


def real_tokens(inputs):
    """1.0 for each real token, 0.0 for padding: tensor (batch, tokens)."""
    mask = inputs.get("attention_mask")
    return inputs["input_ids"].new_ones(inputs["input_ids"].shape).float() if mask is None else mask.float()


def hidden_distance(pairs, real, distance):
    """The distance of hidden states, on average over layers and real tokens: a scalar tensor.

    Args:
        pairs: list of (student's, teacher's) states of a layer, tensors (batch, tokens, hidden).
        real: 1.0 for each real token, tensor (batch, tokens).
        distance: "mse" (mean over hidden of the squared difference) or "cosine" (1 - cosine similarity).

    Raises:
        UserError: if the states of a layer differ in shape.
    """
    from torch.nn.functional import cosine_similarity

    total = 0.0
    for student, teacher in pairs:
        student, teacher = student.float(), teacher.float()
        if student.shape != teacher.shape or student.shape[:2] != real.shape:
            raise UserError(
                f"hidden states of shape {tuple(student.shape)} do not match the teacher's {tuple(teacher.shape)}, one "
                "for each token; name another --teacher, or use of=logits"
            )
        apart = (
            ((student - teacher) ** 2).mean(-1) if distance == "mse" else 1 - cosine_similarity(student, teacher, -1)
        )
        total = total + (apart * real).sum() / real.sum()
    return total / len(pairs)
