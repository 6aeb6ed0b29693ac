"""Parameters that stand in several places: what cannot be hit alone is refused."""

from ..utils.errors import UserError

ADVICE = "use level 0 or 1, or --corrupt_unit parameter"


def require_alone(stack, indices, asked):
    """Refuses a choice of layers that would hit others as well.

    Args:
        stack: the `LayerStack`.
        indices: the layers that are to be hit.
        asked: what was asked for, in words.

    Raises:
        UserError: if a chosen layer is applied again after layers that are not chosen, or shares parameters with
            what is not chosen.
    """
    chosen = set(indices)
    if len(chosen) == len(stack.layers):
        return
    if list(stack.order) != sorted(stack.order):
        raise UserError(
            f"{asked} cannot be applied: the model applies its {len(stack.layers)} layers "
            f"{stack.repeats} times, all of them each time, so that no part of it holds some of them alone; {ADVICE}"
        )
    hit = {id(p): path for index in indices for path, p in stack.layer_parameters(index)}
    for place in stack.places:
        layer = stack.layer_of(place.path)
        if id(place.parameter) in hit and layer not in chosen:
            where = "the model outside its layers" if layer is None else f"layer {layer}"
            raise UserError(
                f"{asked} cannot be applied: {where} shares parameters with the layers that it would hit, "
                f"such as {hit[id(place.parameter)]}; {ADVICE}"
            )
