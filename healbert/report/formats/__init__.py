"""The formats of a report. One is a function(content, folder) that writes its files into the folder."""

from ...utils.registry import table  # noqa: I001 - pictures first: they may add a warning, which the pages show
from . import pictures, csv, latex, markdown, html  # noqa: F401

FORMATS = table("format")
