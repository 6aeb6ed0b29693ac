"""The formats of a report. One is a function(content, folder) that writes its files into the folder."""

# Pictures, which other processes draw meanwhile, late, and sooner than the pages: they may add a warning, shown there.
from ...utils.registry import table  # noqa: I001
from . import csv, latex, pictures, markdown, html  # noqa: F401

FORMATS = table("format")
