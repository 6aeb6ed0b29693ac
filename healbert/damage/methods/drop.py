"""Layers taken out of the model."""

from ...utils.registry import register


@register("method", "drop_layers", drops=True)
def drop_layers(original, module, generator):
    """The layers that are hit are taken out: the model is shorter, and saves and loads so (see `damage.shorter`)."""
    raise AssertionError("layers are dropped whole, not tensor by tensor")
