"""What a cell would refuse only after loading, found for all cells before the first one runs."""

import dataclasses
import json

from ..errors import UserError


def check_cells(cells, processes=1):
    """Opens each dataset and tokenizer once, builds each model once without its weights, and tries each cell on them.

    Args:
        cells: list of `PlannedCell`.
        processes: processes that train one cell together.

    Raises:
        UserError: naming the cells that would fail, and why the first would.
    """
    refused = []
    for group in _groups(cells, _data_key):
        refused += _refused(group, _open_data, _check_data)
    for group in _groups(cells, _model_key):
        refused += _refused(group, _open_model, lambda stack, arguments: _check_model(stack, arguments, processes))
    if refused:
        names = ", ".join(cell.name for cell, _ in refused[:3]) + (" ..." if len(refused) > 3 else "")
        raise UserError(f"{len(refused)} of {len(cells)} cells cannot run ({names}): {refused[0][1]}")


def _groups(cells, key):
    groups = {}
    for cell in cells:
        groups.setdefault(json.dumps(key(cell.arguments), default=str), []).append(cell)
    return groups.values()


def _data_key(arguments):
    return [dataclasses.asdict(arguments.data), arguments.cell.selection, arguments.cell.dev_fraction]


def _model_key(arguments):
    return [dataclasses.asdict(arguments.model)]


def _refused(group, open_shared, check):
    """The cells of a group that ``check(shared, arguments)`` refuses (all, if nothing opens), with their errors."""
    try:
        shared = open_shared(group[0].arguments)
    except UserError as error:
        return [(cell, error) for cell in group]
    refused = []
    for cell in group:
        try:
            check(shared, cell.arguments)
        except UserError as error:
            refused.append((cell, error))
    return refused


def _open_data(arguments):
    from ..data import load_task
    from ..hub.offline import require_hub_or_cache

    require_hub_or_cache(arguments)
    return load_task(arguments.data, arguments.model, arguments.cell.selection, arguments.cell.dev_fraction)


def _check_data(task, arguments):
    from ..experiment.loading import choose_pictured

    if arguments.features.tsne:
        choose_pictured(task, arguments)


def _open_model(arguments):
    from ..layers import find_layers
    from ..modeling import empty_model, load_tokenizer

    load_tokenizer(arguments.model)
    model = empty_model(arguments.model)
    return model, find_layers(model)


def _check_model(opened, arguments, processes):
    from ..corruption import select_tensors
    from ..features import check_layers
    from ..optional import check_optional

    model, stack = opened
    select_tensors(stack, arguments.corruption.spec())
    layers = arguments.features.layers()
    if layers is not None:
        check_layers(layers, stack.depth)
    check_optional(arguments.training, model, processes)
