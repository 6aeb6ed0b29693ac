"""The roofline: what the machine could do at most, and what each trainer does."""

from ..utils.files import atomic_path
from .variants import OURS

COLOURS = {"float32": "#1f6f9f", "bfloat16": "#c2571a"}
MARKERS = {OURS: "*", "stock": "o", "dynamic": "s", "grouped": "^"}
SIZES = {OURS: 14}
FORMATS = ("svg", "png")


def draw_roofline(found, folder):
    """Draws roofline.svg and roofline.png of what ``bench.json`` holds into a folder.

    The roofs are measured: the fastest matrix products, and the copying of memory, below which the slope lies. A dot
    is the arithmetic that a trainer does in a second, padding among it, over the FLOPs that it does for each byte that
    its operations read and write.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = [one for one in found["measurements"] if one.get("flops_per_byte")]
    figure = Figure(figsize=(7.5, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    _draw_roofs(axis, found["machine"], [one["flops_per_byte"] for one in shown])
    for one in shown:
        axis.plot(
            one["flops_per_byte"],
            one["flops_with_padding_per_second"] / 1e9,
            MARKERS.get(one["trainer"], "o"),
            color=COLOURS[one["precision"]],
            markersize=SIZES.get(one["trainer"], 8),
            markeredgecolor="white",
            label=f"{one.get('called', one['trainer'])} {one['precision']}",
        )
    axis.set(xscale="log", yscale="log", xlabel="FLOPs for each byte read or written", ylabel="GFLOP/s")
    axis.set_title(found["machine"]["processor"], fontsize=10)
    axis.grid(True, which="major", alpha=0.3)
    axis.legend(fontsize=8, loc="lower right", ncols=2)
    for kind in FORMATS:
        with atomic_path(folder / f"roofline.{kind}") as name:
            figure.savefig(name, format=kind)


def _draw_roofs(axis, machine, intensities):
    copied = machine["copied_bytes_per_second"]
    peaks = {name: one["flops_per_second"] for name, one in machine["products"].items()}
    ridges = {name: peak / copied for name, peak in peaks.items()}
    left = min([*intensities, *ridges.values()]) / 3
    right = max([*intensities, *ridges.values()]) * 3
    highest = max(ridges.values())
    axis.plot([left, highest], [left * copied / 1e9, highest * copied / 1e9], color="#777777", linewidth=1.5)
    axis.annotate(
        f"copies {copied / 1e9:,.0f} GB/s",
        (left, left * copied / 1e9),
        xytext=(10, -8),
        textcoords="offset points",
        fontsize=8,
    )
    for name, peak in peaks.items():
        axis.plot([ridges[name], right], [peak / 1e9] * 2, color=COLOURS[name], linewidth=1.5)
        said = f"{name} products {peak / 1e9:,.0f} GFLOP/s"
        axis.annotate(said, (right, peak / 1e9), xytext=(0, 4), textcoords="offset points", fontsize=8, ha="right")
