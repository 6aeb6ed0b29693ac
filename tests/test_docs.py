"""What README and docs say can be typed, followed and found; nothing of ours goes unexplained."""

import ast
import dataclasses
import importlib
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest
import yaml
from helpers import doc_commands
from helpers.docs import FLAG, Block, Page, commands, copy_repository, pages
from helpers.small import ROOT

import healbert
from healbert.arguments.parser import GROUPS, build_parser
from healbert.cli.main import COMMANDS
from healbert.utils.errors import UserError

README = Page(ROOT / "README.md")
MANUAL = pages("README.md", "docs/**/*.md")
PAGES = pages("*.md", "docs/**/*.md", "configs/**/*.md", "healbert/**/*.md", ".github/**/*.md")
CURRENT = [page for page in PAGES if page.path.name != "CHANGELOG.md"]  # which names flags that are gone
# Flags of programs that have no parser to ask here.
OTHERS = {
    "--all-files",
    "--batch_size",
    "--check",
    "--durations",
    "--model",
    "--model_args",
    "--no-deps",
    "--quiet",
    "--upgrade",
    "--version",
}


@pytest.fixture
def furnished(tmp_path, monkeypatch):
    """Goes to a folder that has for the commands of a page what they name; plugins of the page leave nothing behind."""
    monkeypatch.chdir(tmp_path)
    with doc_commands.own_tables():
        yield lambda page: doc_commands.furnish(tmp_path, page)


def problems_of(cases, check):
    """One line for each of ``cases`` (where, what) that ``check`` refuses."""
    found = []
    for where, case in cases:
        try:
            check(case)
        except (UserError, SystemExit) as error:  # the latter from the parsers of other programs
            found.append(f"{where}: {error}")
    return found


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_commands_parse(page, furnished):
    furnished(page)
    blocks = [block for block in page.blocks() if block.kind == "shell"]
    cases = [(f"{page}:{block.line}: {' '.join(words)}", words) for block in blocks for words in commands(block.text)]
    assert problems_of(cases, doc_commands.check) == []


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_sweeps_are_valid(page, furnished):
    furnished(page)
    shown = [block for block in page.blocks() if block.kind == "yaml"]
    cases = [(f"{page}:{block.line}", yaml.safe_load(block.text)) for block in shown]
    sweeps = [(where, settings) for where, settings in cases if {"base", "grid"} & settings.keys()]
    assert problems_of(sweeps, doc_commands.check_sweep_settings) == []


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_python_compiles_and_its_names_exist(page):
    missing = []
    for block in page.blocks():
        if block.kind == "python":
            tree = ast.parse(block.text, f"{page}:{block.line}")
            missing += [f"{page}:{block.line}: {name}" for name in used_names(tree) if not exists(name)]
    assert missing == []


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_names_of_ours_in_the_text_exist(page):
    named = set(re.findall(r"`(healbert(?:\.\w+)+)`", page.text))
    assert [name for name in sorted(named) if not exists(name)] == []


def used_names(tree):
    """Dotted names of HealBERT that a piece of Python imports, or reads as ``healbert.NAME``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "healbert")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "healbert":
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "healbert":
            yield f"healbert.{node.attr}"


def exists(name):
    parent, _, last = name.rpartition(".")
    try:
        return not parent or hasattr(importlib.import_module(parent), last) or bool(importlib.import_module(name))
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    dead = []
    for link in page.links():
        if re.match(r"[a-z]+:", link):  # another site
            continue
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        found = target.exists() and target.is_relative_to(ROOT)
        if not found or (anchor and anchor not in Page(target).anchors()):
            dead.append(link)
    assert dead == []


def test_index_leads_to_every_page():
    index = Page(ROOT / "docs" / "README.md")
    linked = {(index.path.parent / link).resolve() for link in index.links()}
    assert sorted(str(page) for page in MANUAL if page.path not in {*linked, index.path}) == []


@pytest.fixture(scope="module")
def own_flags():
    """Our flags: those of the groups and those of the commands."""
    training = {field.name for field in dataclasses.fields(GROUPS[-1])}
    own = {f"--{action.dest}" for action in build_parser()._actions if action.dest not in training | {"help"}}
    return own.union(*(doc_commands.command_flags(name) for name in COMMANDS if name != "run"))


@pytest.fixture(scope="module")
def known_flags(own_flags):
    """Our flags, those of TrainingArguments, and those of the programs that start us."""
    from accelerate.commands.launch import launch_command_parser
    from torch.distributed.run import get_args_parser

    parsers = build_parser(), launch_command_parser(), get_args_parser()
    return own_flags.union(OTHERS, {"--help"}, *(parser._option_string_actions for parser in parsers))


@pytest.mark.parametrize("page", CURRENT, ids=str)
def test_every_flag_that_is_named_exists(page, known_flags):
    assert sorted(page.flags() - known_flags) == []


def test_every_flag_of_ours_is_explained(own_flags):
    named = {word for page in MANUAL for code in page.inline_code() for word in FLAG.findall(code)}
    assert sorted(own_flags - named) == []


@pytest.mark.parametrize("page", MANUAL, ids=str)
def test_pages_are_short(page):
    most = 150 if page.path == README.path else 200
    assert len(page.text.splitlines()) <= most


def first_commands():
    """The two commands that README opens with: the main job, and the tests."""
    found = [line for block in README.blocks() for line in block.text.splitlines() if line.startswith("pip install -r")]
    return found[:2]


def test_both_commands_set_everything_up_and_are_what_ci_runs():
    setup = "pip install -r requirements.txt && "
    first, second = first_commands()
    assert first.startswith(f"{setup}accelerate launch run_corrupt_glue.py") and second == f"{setup}python -m pytest"
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert f"{first} || exit 1" in ci and f"{second} || exit 1" in ci


@pytest.mark.slow
@pytest.mark.timeout(1000)  # the default run, maybe beside another test
def test_the_first_command_runs_and_prints_what_readme_shows(tmp_path):
    folder = copy_repository(tmp_path)
    own = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The packages are here, as this test runs; pip looks whether they are and changes nothing.
    environment = {**os.environ, "PATH": own, "PIP_DRY_RUN": "1", "HF_HUB_OFFLINE": "1"}
    output, errors, status = in_a_shell(first_commands()[0], folder, environment)
    assert status == 0, errors
    printed, shown = closing_table(output), closing_table(README.text)
    assert printed.keys() == shown.keys()
    assert printed.pop("results").startswith(shown.pop("results").removesuffix("..."))
    assert [name for name in shown if name != "time" and not nearly(printed[name], shown[name])] == []


def in_a_shell(line, folder, environment, timeout=900):
    """What a line of shell prints and complains of, and its status; nothing that it started outlives ``timeout``."""
    shell = subprocess.Popen(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        return *shell.communicate(timeout=timeout), shell.returncode
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)  # the shell alone would leave the run behind
        shell.communicate()
        raise


def closing_table(text):
    """The closing table in a text: a dict from the names of its lines to what they say."""
    rows = {}
    for line in text.splitlines():
        found = re.fullmatch(r" *(\w[\w ]*?)  +(\S.*)", line)
        if found and (rows or found[1] == "task"):
            rows[found[1]] = found[2]
        elif rows:
            break
    return rows


def nearly(one, other):
    """Whether two texts are the same, or numbers that the last digits of another machine tell apart."""
    number = re.compile(r"\d+\.\d+")
    if number.fullmatch(one) and number.fullmatch(other):
        return abs(float(one) - float(other)) < 0.03
    return one == other


# The checks themselves can fail.


def page_of(tmp_path, text):
    path = tmp_path / "page.md"
    path.write_text(text, encoding="utf-8")
    return Page(path)


@pytest.mark.parametrize(
    "line",
    (
        "accelerate launch run_corrupt_glue.py --corrupt_levle 0.5",
        "accelerate launch --config_fil x.yaml run_corrupt_glue.py",
        "torchrun --nproc_per_node 2 run_corrupt_glue.py --corrupt_region middel",
        "HF_HUB_OFFLINE=1 python -m healbert run --corrupt_level 2",
        "python -m healbert sweep configs/three_tasks/sweep.yaml --set sed=0",
        "python -m healbert sweep study.yaml --engine spark",
        "healbert report runs --sed 0",
        "healbert reprot runs",
        "pip install -r requirement.txt && python -m pytest",
        "pip install '.[rays]'",
        "python -m pytest tests/test_nothing.py",
    ),
)
def test_a_wrong_command_is_found(line, furnished):
    furnished(README)
    block = Block("", line, 1)
    assert block.kind == "shell"
    assert len(problems_of([(words, words) for words in commands(block.text)], doc_commands.check)) == 1


def test_commands_are_taken_apart(furnished):
    furnished(README)
    text = "for x in a b; do\n  python run_corrupt_glue.py configs/$x.yaml --seed $x \\\n    --use_cpu  # quick\ndone\n"
    words = ["python", "run_corrupt_glue.py", "configs/$x.yaml", "--seed", "$x", "--use_cpu"]
    assert commands(text) == [words]
    doc_commands.check(words)
    assert commands("$ HF_HOME=x healbert tsne runs/A [runs/B ...] -o 'a b.png' | head") == [
        ["healbert", "tsne", "runs/A", "-o", "a b.png"],
        ["head"],
    ]


def test_anchors_are_githubs(tmp_path):
    page = page_of(tmp_path, "# What `--tsne` shows: a picture?\n\n## Two_words, twice\n\n## Two_words, twice\n")
    assert page.anchors() == {"what---tsne-shows-a-picture", "two_words-twice", "two_words-twice-1"}


def test_blocks_are_told_apart(tmp_path):
    fenced = "```python\n# a.py\nx = 1\n```\n\n```\ntask  x\n```\n\n"
    blocks = page_of(tmp_path, f"{fenced}    import healbert\n\ntext\n\n    base:\n      seed: 1\n").blocks()
    assert [block.kind for block in blocks] == ["python", "", "python", "yaml"]
    assert [block.file for block in blocks] == ["a.py", None, None, None]


def test_names_that_do_not_exist_are_found():
    tree = ast.parse("import healbert.models.poling\nfrom healbert import corupt\nhealbert.registr('method', 'x')\n")
    assert [exists(name) for name in used_names(tree)] == [False, False, False]
    assert exists("healbert.corrupt") and exists("healbert.models.pooling") and healbert.__version__
