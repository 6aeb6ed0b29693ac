"""t-SNE pictures of features, for one run and for several side by side."""

import pathlib
import textwrap

import numpy as np

from ..results.schema import BUILT_IN_REGIONS, region_that_counts
from ..utils.errors import UserError
from ..utils.files import atomic_path
from .separation import neighbour_agreement

# After Okabe and Ito, whose colours colour-blind readers can tell apart, darkened to 3:1 or more against white and
# against a dark page. All pictures take these; beyond eight classes the marker changes too.
COLOURS = ("#0072B2", "#00916A", "#B87400", "#D55E00", "#B0518C", "#3E8FC0", "#767676", "#8C6BB1")


MARKERS = ("o", "^", "s", "X")


LEAST_EACH = 5  # examples for each class, below which a layout shows nothing


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


def why_not(features, labels, perplexity):
    """Why t-SNE of features (examples, features) would be nonsense, for the picture's place; "" where it would not."""
    examples, classes = len(labels), len(np.unique(labels))
    if not np.isfinite(features).all():
        return "no picture: features are not finite"
    if perplexity >= examples:
        return f"too few points: {examples} examples,\nperplexity {perplexity:g}"
    if examples < LEAST_EACH * classes:
        return f"too few points: {examples} examples\nof {classes} classes"
    return ""


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


def draw_runs(path, files, stage="healed", seeds=None):
    """Several runs side by side: levels across, regions down; level 0 and 1 stand in every row.

    Where several runs are of one damage, damages lie across and seeds down.

    Args:
        path: the picture to write: .png, .pdf or .svg.
        files: list of `FeatureFile` with the same label names.
        stage: "healed" or "damaged".
        seeds: what tells runs of one damage apart, for each file: a text such as "seed 1"; default: nothing.

    Raises:
        UserError: if the runs have different labels or lack the stage, or two show the same damage and seed.
    """
    if any((file.task, file.label_names) != (files[0].task, files[0].label_names) for file in files):
        raise UserError("the runs are of different tasks or have different labels; draw runs of one task")
    if any(stage not in file.stages for file in files):
        raise UserError(f"a run has no {stage} features; draw it with another --stage")
    places = _places(files, seeds or [""] * len(files))
    repeated = len({damage for damage, _ in places}) < len(places)
    grid = _seeds_down(places) if repeated else _regions_down({damage: file for (damage, _), file in places.items()})
    panels = [[file and (file, stage) for file in row] for row in grid]
    names = {id(file): seed for (_, seed), file in places.items()} if repeated else {}
    _draw(path, panels, f"{_short(files[0].task)}: t-SNE of what the classifier sees", names)


def _places(files, seeds):
    """{((region or "", level), seed): file}."""
    places = {}
    for file, seed in zip(files, seeds, strict=True):
        damage = _region(file), file.level
        if (damage, seed) in places:
            which = f"{_where(file)}{seed and f', {seed}'}"
            raise UserError(f"two runs show the same damage ({which}); give one of them, or runs whose seeds differ")
        places[damage, seed] = file
    return places


def _regions_down(by_damage):
    """Rows of files, None where there is none: a row for each region, a column for each level.

    Damage outside the layers, of level 0, has a column beside that of the intact model.
    """
    regions = sorted({region for region, _ in by_damage} - {""}) or [""]
    levels = sorted({(level, level == 0 and region != "") for region, level in by_damage})
    return [[_file_at(by_damage, region, *level) for level in levels] for region in regions]


def _file_at(by_damage, region, level, outside):
    everywhere = None if outside else by_damage.get(("", level))
    return everywhere or (by_damage.get((region, level)) if level or outside else None)


def _seeds_down(places):
    """The same: a row for each seed, a column for each damage, intact first and all of it last."""
    seeds = sorted({seed for _, seed in places}, key=lambda seed: (len(seed), seed))  # seed 2 comes before seed 10
    damages = sorted({damage for damage, _ in places}, key=lambda damage: (damage[1] == 1, damage))
    return [[places.get((damage, seed)) for damage in damages] for seed in seeds]


def damage_title(file, stage, seed="", agreement=None):
    """What a panel shows, in lines: the damage and stage; the score and the seed; the neighbour agreement."""
    when = {"damaged": "before healing", "healed": "after healing"}[stage]
    lines = [f"{_where(file)}, {when}", f"{file.metric} {file.scores[stage]:.3f}" + (f", {seed}" if seed else "")]
    return "\n".join(lines + ([] if agreement is None else [f"neighbour agreement {agreement:.3f}"]))


def _where(file):
    region = _region(file)
    if not file.level:
        return f"{region}, no layer damaged" if region else "intact"
    return f"{region} {100 * file.level:g}% damaged" if region else "all damaged"


def _region(file):
    """The region of a damage, "" where it means nothing; damage outside the layers has level 0 and a name."""
    outside = file.level == 0 and file.region not in BUILT_IN_REGIONS
    return file.region if outside else region_that_counts(file.level, file.region)


def _draw(path, panels, heading, seeds=()):
    """Draws rows of (`FeatureFile`, stage) or None; ``seeds`` maps the ids of files to what tells them apart."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows, columns = len(panels), max(map(len, panels))
    figure = Figure(figsize=(3.6 * max(columns, 2), 3.75 * rows + 0.5), dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    cache = {}
    for row, line in zip(axes, panels, strict=True):
        for axis, panel in zip(row, line, strict=True):
            _draw_panel(axis, panel, cache, dict(seeds))
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


def _draw_panel(axis, panel, cache, seeds):
    if panel is None:
        axis.set_axis_off()
        return
    file, stage = panel
    features, agreement = file.stages[stage], None
    if note := why_not(features, file.labels, file.perplexity):
        draw_note(axis, note)
    else:
        if (id(file), stage) not in cache:  # an intact run stands in several rows
            points = embed(features, file.perplexity, file.seed)
            cache[id(file), stage] = points, neighbour_agreement(features, file.labels)
        points, agreement = cache[id(file), stage]
        draw_scatter(axis, points, file.labels, file.label_names)
    axis.set_title(damage_title(file, stage, seeds.get(id(file), ""), agreement), fontsize=9)


def draw_note(axis, note):
    """Writes in the place of a picture why there is none."""
    axis.text(0.5, 0.5, note, ha="center", va="center", transform=axis.transAxes)
    axis.set_xticks([])
    axis.set_yticks([])


def draw_scatter(axis, points, labels, names):
    """Draws points by class on a matplotlib axis without scales.

    Args:
        axis: where to.
        points: (examples, 2); labels: (examples,) indices of ``names``, which a legend of the axis shows.
    """
    for index, name in enumerate(names):
        own = points[labels == index]
        colour, marker = class_style(index)
        look = {"c": colour, "marker": MARKERS[marker], "label": name}
        axis.scatter(own[:, 0], own[:, 1], s=9, alpha=0.7, linewidths=0, **look)
    axis.set_xticks([])
    axis.set_yticks([])


def class_style(index):
    """The colour of a class, and the place of its marker among four."""
    return COLOURS[index % len(COLOURS)], (index // len(COLOURS)) % len(MARKERS)


def _legend_handle(index):
    from matplotlib.lines import Line2D

    colour, marker = class_style(index)
    return Line2D([], [], color=colour, marker=MARKERS[marker], linestyle="none", markersize=6)
