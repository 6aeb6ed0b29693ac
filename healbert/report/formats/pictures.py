"""Figures as png and svg files."""

from ...utils.registry import register

NO_GLYPH = "Some names have characters that the pictures' font lacks: boxes in figures/ stand for them."


@register("format", "pictures")
def pictures(content, folder):
    """Writes figures/: every figure as png and svg."""
    (folder / "figures").mkdir()
    # The last ones first, which no other process has begun.
    drawn = {figure.name: content.drawn[figure.name]() for figure in reversed(content.figures)}
    for name, found in drawn.items():
        (folder / "figures" / f"{name}.png").write_bytes(found.png)
        (folder / "figures" / f"{name}.svg").write_text(found.svg, encoding="utf-8")
    if any(found.lacks for found in drawn.values()):
        content.warnings.append(NO_GLYPH)
