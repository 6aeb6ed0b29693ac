"""Figures as png and svg files."""

from ...utils.registry import register

NO_GLYPH = "Some names have characters that the pictures' font lacks: boxes in figures/ stand for them."


@register("format", "pictures")
def pictures(content, folder):
    """Writes figures/: every figure as png and svg."""
    from ..figures.static import save_figures

    (folder / "figures").mkdir()
    if save_figures(content.figures, folder / "figures"):
        content.warnings.append(NO_GLYPH)
