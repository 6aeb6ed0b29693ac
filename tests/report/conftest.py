"""A browser for tests of the page."""

import pathlib

import pytest

CHROMIUM = pathlib.Path("/usr/bin/chromium")
OPTIONS = "--no-sandbox --disable-gpu --disable-background-networking --disable-sync --no-first-run".split()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not here")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not here")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield opened
        opened.close()
