"""trace.png of a run: layers down, epochs across, a panel for each measure."""

import textwrap

import numpy as np

from ..utils.files import atomic_path
from .trace_reading import MEASURES, columns, hit_layers, rows, values

PANEL_INCHES, LABELS = (3.4, 0.26), 12  # width, height of a layer; most labels on an axis


def draw_trace(path, trace):
    """Draws the part ``trace`` of results.json; written atomically.

    Args:
        path: the picture, a png.
        trace: the part of results.json.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [(measure, found) for measure in MEASURES if (found := values(trace, measure.key)) is not None]
    across = min(3, len(shown))
    down = -(-len(shown) // across)
    height = 1.6 + PANEL_INCHES[1] * max(len(found) for _, found in shown)
    figure = Figure(figsize=(PANEL_INCHES[0] * across, height * down + 0.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, across, squeeze=False).flatten()
    for axis, (measure, found) in zip(axes, shown, strict=False):
        _draw_panel(figure, axis, trace, measure, found)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    figure.suptitle("Where healing happened (*: damaged layer; 0: embeddings)", fontsize=11)
    with atomic_path(path) as name:
        figure.savefig(name, format="png")


def _draw_panel(figure, axis, trace, measure, found):
    image = axis.imshow(np.ma.masked_invalid(found), aspect="auto", cmap="cividis", interpolation="nearest")
    names, numbers, hit = columns(trace), rows(trace, measure.key), hit_layers(trace)
    places = _few(len(names))
    axis.set_xticks(places, [names[place] for place in places], rotation=90, fontsize=7)
    places = _few(len(numbers), 2 * LABELS)
    axis.set_yticks(places, [f"{numbers[p]}{'*' * (numbers[p] in hit)}" for p in places], fontsize=7)
    axis.set_title("\n".join([*textwrap.wrap(measure.title, 38), measure.says]), fontsize=8)
    axis.set_xlabel("epoch", fontsize=8)
    axis.set_ylabel("layer", fontsize=8)
    figure.colorbar(image, ax=axis, fraction=0.05, pad=0.02).ax.tick_params(labelsize=7)


def _few(count, most=LABELS):
    """Places of labels, of which no more are readable; the first and the last among them."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})
