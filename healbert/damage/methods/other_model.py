"""Values of another model: the one that the architecture's own initialiser makes, or a donor."""

from ...utils.draws import seed_of
from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from ..own_values import own_values

ALL = {"norms": "method", "biases": "method", "others": "method"}


def _initial(job):
    """{name of a hit: the initial values that the architecture gives it}, as drawn by the damage's seed."""
    places = {id(place.parameter): place for place in reversed(job.stack.places)}
    found = {}
    for hit in job.changed:
        values = own_values(places[id(hit.parameter)], seed_of(job.spec.seed, hit.path))
        if values is None:
            raise UserError(f"{job.spec.method}: the architecture gives {hit.path} no initial values of its own")
        found[hit.name] = hit.of(values)
    return found


@register("method", "pretrain_init", prepare=_initial, **ALL)
def pretrain_init(original, module, generator, name, context):
    """What the architecture's own initialiser gives: the values that pretraining began with, of another draw."""
    return context[name]


def _of_donor(job):
    """{name of a hit: the donor's values}.

    Raises:
        UserError: naming what the donor has not, or in another shape.
    """
    donor, found = job.donor, {}
    wrong = [h.path for h in job.changed if h.path not in donor or donor[h.path].shape != h.parameter.shape]
    if wrong:
        have = f"shape {tuple(donor[wrong[0]].shape)}" if wrong[0] in donor else "nothing of this name"
        raise UserError(
            f"--corrupt_donor does not fit: of {len(wrong)} of the {len(job.changed)} tensors that are hit it has none "
            f"of the same shape, such as {wrong[0]} (it has {have}); give a model of the same architecture and size"
        )
    for hit in job.changed:
        found[hit.name] = hit.of(donor[hit.path].detach().cpu().float())
    return found


@register("method", "donor", prepare=_of_donor, donor=True, **ALL)
def donor(original, module, generator, name, context):
    """The values of another model, or of another checkpoint of the same one (``--corrupt_donor``)."""
    return context[name]


def _mixed(job, weight, towards):
    if towards == "donor":
        return _of_donor(job)
    return _initial(job)


@register(
    "method",
    "interpolate",
    options={
        "weight": Option(0.5, "share of the other values; 0 changes nothing", least=0, most=1),
        "towards": Option("init", "initial values, or those of --corrupt_donor", choices=("init", "donor")),
    },
    strength="weight",
    prepare=_mixed,
    **ALL,
)
def interpolate(original, module, generator, name, context, weight, towards):
    """A weighted mean of what is there and other values: initial ones, or a donor's (a merge of two models)."""
    return original.lerp_(context[name], weight)
