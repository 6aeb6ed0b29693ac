"""The pages of the documentation, as a reader on GitHub sees them: blocks, headings, links, flags, commands."""

import dataclasses
import functools
import pathlib
import re
import shlex
import shutil

from markdown_it import MarkdownIt

from .small import ROOT

LEFT_OUT = shutil.ignore_patterns(
    *(".git", ".venv*", "__pycache__", "*.egg-info", ".pytest_cache", ".ruff_cache", "build", "dist", "runs")
)
SHELL = ("", "sh", "bash", "shell")
# What starts a line of shell that these tests look into; a block without a language may also be output.
PROGRAMS = re.compile(
    r"\b(accelerate launch|torchrun|pytest|pip install|healbert (?=[a-z])|run_corrupt_glue\.py)|"
    r"^\s*(\$ )?(python3?|\.ci/run)\s"
)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of code: its language ("" where none is given), its text, and the line of the page it starts in."""

    language: str
    text: str
    line: int

    @property
    def kind(self):
        """shell, python, yaml, or "" for output and diagrams."""
        if self.language in ("python", "py", "yaml"):
            return "python" if self.language.startswith("py") else "yaml"
        if self.language not in SHELL:
            return ""
        if re.search(r"^(import |from \w|@[\w.]+\(|def |class )", self.text, re.M):
            return "python"
        if re.search(r"^(base|grid):", self.text, re.M):
            return "yaml"
        return "shell" if any(PROGRAMS.search(line) for line in self.text.splitlines()) else ""

    @property
    def file(self):
        """The name in a first line such as ``# halve.py``: the file that the commands of the page use; else None."""
        found = re.match(r"#\s*([\w-]+\.(?:py|ya?ml))\b", self.text)
        return found and found[1]


@dataclasses.dataclass(frozen=True)
class Page:
    """A Markdown file of the repository."""

    path: pathlib.Path

    @functools.cached_property
    def text(self):
        return self.path.read_text(encoding="utf-8")

    @functools.cached_property
    def tokens(self):
        return MarkdownIt("commonmark").enable("table").parse(self.text)

    def blocks(self):
        found = [token for token in self.tokens if token.type in ("fence", "code_block")]
        return [Block(token.info.strip(), token.content, token.map[0] + 1) for token in found]

    def links(self):
        """What links and pictures lead to: a list of str."""
        pieces = [piece for token in self.tokens for piece in token.children or ()]
        return [piece.attrs[name] for piece in pieces for name in ("href", "src") if name in piece.attrs]

    def inline_code(self):
        """The pieces of code in prose and tables: a list of str."""
        return [p.content for token in self.tokens for p in token.children or () if p.type == "code_inline"]

    def anchors(self):
        """The anchors that GitHub gives the headings: a set of str."""
        found = set()
        for opening, token in zip(self.tokens, self.tokens[1:], strict=False):
            if opening.type == "heading_open":
                plain = "".join(p.content for p in token.children if p.type in ("text", "code_inline"))
                slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
                numbered = (f"{slug}-{n}" if n else slug for n in range(len(self.tokens)))
                found.add(next(name for name in numbered if name not in found))
        return found

    def flags(self):
        """Every ``--flag`` that the page names: a set of str."""
        return set(FLAG.findall(self.text))

    def __str__(self):
        return self.path.relative_to(ROOT).as_posix()


def pages(*patterns):
    """The `Page`s of the repository whose paths match, in order."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return [Page(path) for path in sorted(found)]


def commands(text):
    """The commands in a block of shell: a list of lists of words.

    Continued lines are joined; ``&&``, ``;``, ``|`` and loops are taken apart; comments, prompts, variables set for one
    command and the brackets and dots of optional parts (``[runs/RUN ...]``) go.
    """
    found = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not PROGRAMS.search(line):
            continue
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        found.append([])
        for word in words:
            if re.fullmatch(r"[();<>|&]+", word):
                found.append([])
            elif not _is_decoration(word, first=not found[-1]):
                found[-1].append(word)
    return [command for command in found if command]


def _is_decoration(word, first):
    if first and (word in ("$", "do", "then") or re.match(r"[A-Z_]+=", word)):
        return True
    return word in ("...", "...]") or word.startswith("[")


def copy_repository(folder):
    """A copy of what the repository holds, without what running and building leave in it; returns its path."""
    return pathlib.Path(shutil.copytree(ROOT, folder / "healbert", ignore=LEFT_OUT))
