"""t-SNE pictures of features, for one run and for several side by side."""

import pathlib
import textwrap

import numpy as np

from ..results.schema import region_that_counts
from ..utils.errors import UserError
from ..utils.files import atomic_path

# After Okabe and Ito, whose colours colour-blind readers can tell apart, darkened to 3:1 or more against white and
# against a dark page. All pictures take these; beyond eight classes the marker changes too.
COLOURS = ("#0072B2", "#00916A", "#B87400", "#D55E00", "#B0518C", "#3E8FC0", "#767676", "#8C6BB1")


MARKERS = ("o", "^", "s", "X")


LEGEND_WRAP, HEADING_LENGTH = 60, 40  # characters


PICTURE_SUFFIXES = (".png", ".pdf", ".svg")


def check_tsne(labels, perplexity, flag="tsne_perplexity"):
    """Raises `UserError` if t-SNE of examples with these labels (examples,) cannot be drawn."""
    if len(np.unique(labels)) < 2:
        raise UserError(
            f"--tsne needs two or more classes, the {len(labels)} examples shown have one; "
            "raise --tsne_samples, or leave --tsne out"
        )
    if not perplexity > 0:
        raise UserError(f"perplexity {perplexity:g} is not above 0; try 30")
    if perplexity >= len(labels):
        raise UserError(
            f"perplexity {perplexity:g} is too large for {len(labels)} examples and must be below that; "
            f"try --{flag} {min(30, max(1, len(labels) // 4))}"
        )


def embed(features, perplexity, seed):
    """t-SNE (scikit-learn, started from PCA): numpy (examples, features) -> (examples, 2)."""
    from sklearn.manifold import TSNE

    if not np.isfinite(features).all():  # no layout: nothing is drawn
        return np.full((len(features), 2), np.nan)
    if not np.ptp(features, axis=0).any():  # one point
        return np.zeros((len(features), 2))
    # PCA has no chance in it and keeps the large distances; it wants two examples and two features.
    start = "pca" if min(features.shape) >= 2 else "random"
    return TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(features)


def draw_stages(path, file):
    """One panel for each stage of a run's `FeatureFile`, in the same colours, with a legend; written atomically."""
    panels = [[(file, stage) for stage in file.stages]]
    _draw(path, panels, heading=f"{_short(file.task)}: t-SNE of what the classifier sees")


def draw_runs(path, files, stage="healed"):
    """Several runs side by side: levels across, regions down; level 0 and 1 stand in every row.

    Args:
        path: the picture to write: .png, .pdf or .svg.
        files: list of `FeatureFile` with the same label names.
        stage: "healed" or "damaged".

    Raises:
        UserError: if the runs have different labels or lack the stage, or two show the same damage.
    """
    if any((file.task, file.label_names) != (files[0].task, files[0].label_names) for file in files):
        raise UserError("the runs are of different tasks or have different labels; draw runs of one task")
    if any(stage not in file.stages for file in files):
        raise UserError(f"a run has no {stage} features; draw it with another --stage")
    partial = {region_that_counts(file.level, file.region) for file in files} - {""}
    regions = sorted(partial) or ["bottom"]  # where no run is damaged in part, the one row could have any name
    by_damage = {}
    for file in files:
        for region in (file.region,) if region_that_counts(file.level, file.region) else regions:
            if (region, file.level) in by_damage:
                raise UserError(f"two runs show the same damage ({region} {file.level:g}); give one of them")
            by_damage[region, file.level] = file
    levels = sorted({file.level for file in files})
    panels = [[(by_damage[r, level], stage) if (r, level) in by_damage else None for level in levels] for r in regions]
    _draw(path, panels, heading=f"{_short(files[0].task)}: t-SNE of what the classifier sees")


def damage_title(file, stage):
    """What a panel shows, for example "bottom 50% damaged, after healing" over "weighted F1 0.812"."""
    region = region_that_counts(file.level, file.region)
    where = f"{region} {100 * file.level:g}% damaged" if region else "all damaged" if file.level else "intact"
    when = {"damaged": "before healing", "healed": "after healing"}[stage]
    return f"{where}, {when}\n{file.metric} {file.scores[stage]:.3f}"


def _draw(path, panels, heading):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = len(panels), max(map(len, panels))
    figure = Figure(figsize=(3.6 * max(columns, 2), 3.6 * rows + 0.5), dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    cache = {}
    for row, line in zip(axes, panels, strict=True):
        for axis, panel in zip(row, line, strict=True):
            _draw_panel(axis, panel, cache)
    figure.suptitle(heading, fontsize=11, parse_math=False)
    first = next(panel[0] for row in panels for panel in row if panel)
    legend_inches = _draw_legend(figure, first.label_names) / figure.dpi + 0.1
    width, height = figure.get_size_inches() + np.array([0, legend_inches])
    figure.set_size_inches(width, height)
    figure.tight_layout(rect=(0, legend_inches / height, 1, 1))
    with atomic_path(path) as name:
        figure.savefig(name, format=pathlib.Path(path).suffix[1:].lower())


def _draw_legend(figure, names):
    """Puts the label names at the foot of the figure, in as many columns as fit; returns its height in pixels."""
    handles = [_legend_handle(index) for index in range(len(names))]
    wrapped = ["\n".join(textwrap.wrap(name, LEGEND_WRAP, drop_whitespace=False)) for name in names]
    for columns in range(min(len(names), 8), 0, -1):
        legend = figure.legend(handles, wrapped, loc="lower center", ncols=columns, frameon=False, fontsize=9)
        for text in legend.get_texts():
            text.set_parse_math(False)
        extent = legend.get_window_extent()
        if columns == 1 or extent.width < 0.96 * figure.bbox.width:
            return extent.height
        legend.remove()
    return 0


def _short(task):
    return task if len(task) <= HEADING_LENGTH else "\u2026" + task[-HEADING_LENGTH:]


def _draw_panel(axis, panel, cache):
    if panel is None:
        axis.set_axis_off()
        return
    file, stage = panel
    if (id(file), stage) not in cache:
        cache[id(file), stage] = embed(file.stages[stage], file.perplexity, file.seed)
    draw_scatter(axis, cache[id(file), stage], file.labels, file.label_names)
    axis.set_title(damage_title(file, stage), fontsize=9)


def draw_scatter(axis, points, labels, names, gid=""):
    """Draws points by class on a matplotlib axis without scales.

    Args:
        axis: where to.
        points: (examples, 2); labels: (examples,) indices of ``names``, which a legend of the axis shows.
        gid: how the ids of the groups of points begin, in a file of SVG.
    """
    for index, name in enumerate(names):
        own = points[labels == index]
        colour, marker = class_style(index)
        look = {"c": colour, "marker": MARKERS[marker], "label": name}
        own_gid = f"{gid}-class-{index}" if gid else None
        axis.scatter(own[:, 0], own[:, 1], s=9, alpha=0.7, linewidths=0, gid=own_gid, **look)
    axis.set_xticks([])
    axis.set_yticks([])


def class_style(index):
    """The colour of a class, and the place of its marker among four."""
    return COLOURS[index % len(COLOURS)], (index // len(COLOURS)) % len(MARKERS)


def _legend_handle(index):
    from matplotlib.lines import Line2D

    colour, marker = class_style(index)
    return Line2D([], [], color=colour, marker=MARKERS[marker], linestyle="none", markersize=6)
