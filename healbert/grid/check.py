"""What a cell would refuse only after loading, found for all cells before the first one runs."""

import dataclasses
import json

from ..errors import UserError


def check_cells(cells):
    """Opens each dataset once, builds each model once without its weights, and tries each cell's damage on it.

    Args:
        cells: list of `PlannedCell`.

    Raises:
        UserError: naming the cells that would fail, and why the first would.
    """
    refused = []
    for key in (_data_key, _model_key):
        check = {_data_key: _check_data, _model_key: _check_model}[key]
        for group in _groups(cells, key):
            refused += check(group)
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


def _check_data(group):
    from ..data import load_task
    from ..hub.offline import require_hub_or_cache

    arguments = group[0].arguments
    try:
        require_hub_or_cache(arguments)
        load_task(arguments.data, arguments.model, arguments.cell.selection, arguments.cell.dev_fraction)
    except UserError as error:
        return [(cell, error) for cell in group]
    return []


def _check_model(group):
    from ..corruption import select_tensors
    from ..features import check_layers
    from ..layers import find_layers
    from ..modeling import empty_model

    try:
        stack = find_layers(empty_model(group[0].arguments.model))
    except UserError as error:
        return [(cell, error) for cell in group]
    refused = []
    for cell in group:
        layers = cell.arguments.features.layers()
        try:
            select_tensors(stack, cell.arguments.corruption.spec())
            if layers is not None:
                check_layers(layers, stack.depth)
        except UserError as error:
            refused.append((cell, error))
    return refused
