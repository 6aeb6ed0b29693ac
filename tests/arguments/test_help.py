"""--help shows the flags of ours on two screens, --help_all those of TrainingArguments too."""

import dataclasses

import pytest
from transformers import TrainingArguments

from healbert.arguments.groups import CorruptionArguments, DataArguments, FeatureArguments, ModelArguments, RunArguments
from healbert.arguments.help import OFTEN_SET
from healbert.arguments.parser import parse_arguments

GROUPS = (ModelArguments, DataArguments, CorruptionArguments, RunArguments, FeatureArguments)


@pytest.fixture
def shown(capsys):
    def show(*argv):
        with pytest.raises(SystemExit) as left:
            parse_arguments(argv)
        assert left.value.code == 0
        return capsys.readouterr().out

    return show


def flags_in(text):
    return {line.split()[0].removeprefix("--") for line in text.splitlines() if line.startswith("  --")}


def test_help_shows_our_flags_in_150_lines(shown):
    text = shown("--help")
    ours = {field.name for group in GROUPS for field in dataclasses.fields(group)}
    assert flags_in(text) == ours | set(OFTEN_SET) | {"help", "help_all", "print_config", "recipe"}
    assert len(text.splitlines()) <= 150 and max(map(len, text.splitlines())) <= 120


def test_help_all_shows_the_flags_of_trainer_too(shown):
    every = {field.name for field in dataclasses.fields(TrainingArguments) if field.init}
    assert every <= flags_in(shown("--help_all"))


def test_help_explains_each_flag_once_and_with_its_default(shown):
    text = shown("--help")
    assert text.count("  --max_seq_length ") == 1 and "--max-seq-length" not in text
    assert "cut to this many tokens. (default: 128)" in text and "(default: None)" not in text


def test_help_names_what_a_plugin_adds(shown, tmp_path):
    path = tmp_path / "shown.py"
    path.write_text("import healbert\n@healbert.register('region', 'shown')\ndef shown(stack, spec):\n    return [0]\n")
    assert "shown.py adds region shown" in " ".join(shown("--plugin", str(path), "--help").split())
