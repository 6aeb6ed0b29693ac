"""Whole heads of attention, or neurons of the feed-forward network, set to zero."""

import re

import torch

from ...utils.errors import UserError
from ...utils.options import Option
from ...utils.registry import register
from ..components import COMPONENTS
from ..hits import output_dimension
from .draws import generator_of

ATTENTION = re.compile(r"(.*?\.\w*(?:attn|attention)s?)\.", re.IGNORECASE)  # the path up to a module of attention
HEADS = ("num_attention_heads", "num_heads", "n_heads", "n_head")  # what it calls the number of its heads


def _prepare(job, structure, share, by):
    """{name of a hit: mask of what becomes 0}."""
    units = [_heads, _neurons][structure == "neurons"]
    hit = {id(one.parameter): one for one in job.hit if one.rows is None}
    masks = {}
    for index in range(len(job.stack.layers)):
        for number, parts in enumerate(units(job.stack, index)):
            inside = [part for part in parts if id(part.parameter) in hit]
            if not inside:
                continue
            if len(inside) < len(parts):
                missing = next(part.path for part in parts if id(part.parameter) not in hit)
                raise UserError(f"structured_prune of {structure} must hit all of them, and {missing} is not hit")
            if not parts[0].rows.numel():
                continue
            place = f"{structure} of layer {index}" + (f", attention {number}" if number else "")
            gone = _chosen(parts, share, by, generator_of(job.spec.seed, place))
            for part in parts:
                masks[hit[id(part.parameter)].name] = part.mask(gone)
    if not masks:
        raise UserError(f"structured_prune finds no {structure} in what is hit")
    return masks


class _Part:
    """One parameter and where each unit lies in it: ``rows`` of shape (units, indices) along ``dimension``."""

    def __init__(self, path, parameter, dimension, rows):
        self.path, self.parameter, self.dimension, self.rows = path, parameter, dimension, rows

    def squares(self):
        """The sum of squares of each unit."""
        values = self.parameter.detach().cpu().float().square()
        lines = values.movedim(self.dimension, 0).reshape(values.shape[self.dimension], -1).sum(1)
        return lines[self.rows].sum(1)

    def mask(self, gone):
        shape = [1] * self.parameter.ndim
        shape[self.dimension] = -1
        lines = torch.zeros(self.parameter.shape[self.dimension], dtype=torch.bool)
        lines[self.rows[gone].flatten()] = True
        return lines.view(shape).expand(self.parameter.shape)


def _chosen(parts, share, by, generator):
    units = len(parts[0].rows)
    count = round(share * units)
    if by == "random":
        return torch.randperm(units, generator=generator)[:count]
    return torch.stack([part.squares() for part in parts]).sum(0).argsort(stable=True)[:count]


def _found(stack, component, index):
    """(place, hit) of what a component has in one layer."""
    places = {id(place.parameter): place for place in stack.layer_places(index)}
    hits = [hit for hit in COMPONENTS[component](stack) if id(hit.parameter) in places]
    if any(hit.parameter.ndim > 2 for hit in hits):
        raise UserError(f"structured_prune is not known for {hits[0].path}, which holds several maps in one tensor")
    return [(places[id(hit.parameter)], hit) for hit in hits]


def _inputs(found, units):
    """Of the map that a unit feeds: its inputs, evenly divided among the units."""
    parts = []
    for place, hit in found:
        if hit.parameter.ndim == 2:
            dimension = 1 - output_dimension(hit.parameter, place.owner)
            rows = torch.arange(hit.parameter.shape[dimension]).view(units, -1)
            parts.append(_Part(hit.path, hit.parameter, dimension, rows))
    return parts


def _outputs(found, units, blocks=1):
    """Of the maps that make a unit: their outputs, evenly divided; in ``blocks``, where a weight holds a gate too."""
    parts = []
    for place, hit in found:
        dimension = output_dimension(hit.parameter, place.owner)
        rows = torch.tensor(hit.rows if hit.rows is not None else range(hit.parameter.shape[dimension]))
        parts.append(_Part(hit.path, hit.parameter, dimension, rows.view(blocks, units, -1).transpose(0, 1).flatten(1)))
    return parts


def _heads(stack, index):
    """The parts of the heads, for each attention of a layer: a decoder may also have one that reads the encoder."""
    found = {word: _by_attention(_found(stack, word, index)) for word in ("query", "key", "value", "attention_output")}
    return [
        _heads_of(stack, index, **{word: parts.get(where, []) for word, parts in found.items()})
        for where in found["query"]
    ]


def _by_attention(found):
    parts = {}
    for place, hit in found:
        where = ATTENTION.match(place.path)
        parts.setdefault(where and where[1], []).append((place, hit))
    return parts


def _heads_of(stack, index, query, key, value, attention_output):
    heads = _number_of_heads(stack, index, query[0][0])
    sizes = {_size(*one) for one in query}
    taken = {
        hit.parameter.shape[1 - output_dimension(hit.parameter, place.owner)]
        for place, hit in attention_output
        if hit.parameter.ndim == 2
    }
    if sizes != taken or any(size % heads for size in sizes):
        raise UserError(
            f"structured_prune of heads is not known for {query[0][1].path}: {heads} heads, queries of "
            f"{_listed(sizes)}, and an output map that takes {_listed(taken)}; prune neurons (structure=neurons)"
        )
    # Keys and values with fewer outputs are shared by several heads: they stay.
    own = [one for one in (*key, *value) if _size(*one) in sizes]
    return [*_joined(_outputs([*query, *own], heads)), *_inputs(attention_output, heads)]


def _number_of_heads(stack, index, place):
    """As the module says that is nearest around the query, within the layer; else as the configuration does."""
    for module in reversed(place.chain):
        found = next((getattr(module, name) for name in HEADS if isinstance(getattr(module, name, None), int)), None)
        if found or module is stack.layers[index]:
            break
    return found or stack.base.config.get_text_config().num_attention_heads


def _size(place, hit):
    """How many outputs of a map are a component's."""
    return len(hit.rows) if hit.rows is not None else hit.parameter.shape[output_dimension(hit.parameter, place.owner)]


def _listed(sizes):
    return " and ".join(map(str, sorted(sizes))) or "nothing"


def _joined(parts):
    """Parts of one parameter (a fused weight) as one."""
    found = {}
    for part in parts:
        known = found.get(id(part.parameter))
        rows = part.rows if known is None else torch.cat([known.rows, part.rows], dim=1)
        found[id(part.parameter)] = _Part(part.path, part.parameter, part.dimension, rows)
    return list(found.values())


def _neurons(stack, index):
    """The parts of the neurons of a layer, as one list in a list."""
    last, first = _found(stack, "ffn_out", index), _found(stack, "ffn_in", index)
    maps = [(place, hit) for place, hit in last if hit.parameter.ndim == 2]
    if not maps or not first:
        return []
    place, hit = maps[0]
    units = hit.parameter.shape[1 - output_dimension(hit.parameter, place.owner)]
    sizes = [one.parameter.shape[output_dimension(one.parameter, where.owner)] for where, one in first]
    made = [part for pair, size in zip(first, sizes, strict=True) for part in _outputs([pair], units, size // units)]
    return [[*made, *_inputs(maps, units)]]


@register(
    "method",
    "structured_prune",
    options={
        "structure": Option("heads", "what becomes 0 as a whole", choices=("heads", "neurons")),
        "share": Option(0.5, "share of them in each layer", least=0, most=1),
        "by": Option("magnitude", "the smallest ones, or random ones", choices=("magnitude", "random")),
    },
    norms="keep",
    biases="method",
    others="keep",
    strength="share",
    version=2,
    prepare=_prepare,
)
def structured_prune(original, module, generator, name, context, structure, share, by):
    """Heads of attention, or neurons of the feed-forward network, give nothing any more (Michel et al. 2019).

    All that makes one of them and all that it feeds becomes 0: rows of query, key and value and columns of the output
    map, or rows of the first map and columns of the second. The smallest are those with the smallest sum of squares.
    """
    return original.masked_fill_(context[name], 0) if name in context else original
