"""Checks every architecture of table.yaml and writes docs/architectures.md from those that pass.

python tests/damage/architectures/write_page.py
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.architecture_page import render
from helpers.architecture_table import check, table

if __name__ == "__main__":
    (ROOT / "docs" / "architectures.md").write_text(render({name: check(name) for name in table()}))
