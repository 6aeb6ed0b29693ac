"""Where a setting comes from: defaults, a task's recipe, a file, the command line."""

import pytest
import yaml
from helpers.arguments import UNUSUAL, parse, parse_file, run
from helpers.small import to_flags

from healbert.arguments.parser import build_parser, known_flags, make_arguments, parse_arguments, to_argv
from healbert.arguments.training import TRAINING_DEFAULTS
from healbert.tasks.table import EMBEDDED_TASK, TASKS
from healbert.utils.errors import UserError


@pytest.mark.parametrize("name", sorted(TRAINING_DEFAULTS))
def test_defaults(name):
    assert parse("--task_name", "sst2").settings()[name] == TRAINING_DEFAULTS[name]


def test_the_task_without_a_name_is_the_embedded_one():
    settings = parse().settings()
    assert settings["task_name"] == EMBEDDED_TASK
    assert (settings["corrupt_level"], settings["selection"]) == (0, "best_eval")


@pytest.mark.parametrize("argv", [[], ["--task_name", EMBEDDED_TASK]], ids=["unnamed", "named"])
def test_the_recipe_replaces_the_defaults(argv):
    recipe = TASKS[EMBEDDED_TASK].recipe
    assert recipe["learning_rate"] != TRAINING_DEFAULTS["learning_rate"]
    assert recipe.items() <= parse(*argv).settings().items()


@pytest.mark.parametrize("name", ["config.yaml", "config.yml", "config.json"])
def test_a_file_replaces_the_recipe(write, name):
    path = write({"learning_rate": 0.125, "corrupt_level": 0.25, "save_model": True, "max_train_samples": None}, name)
    settings = parse_file(path).settings()
    assert (settings["learning_rate"], settings["corrupt_level"], settings["save_model"]) == (0.125, 0.25, True)
    assert settings["max_train_samples"] is None
    assert settings["num_train_epochs"] == TASKS[EMBEDDED_TASK].recipe["num_train_epochs"]


def test_flags_replace_the_file(write):
    path = write({"learning_rate": 0.125, "corrupt_level": 0.25})
    settings = parse_file(path, "--learning_rate", "0.5").settings()
    assert (settings["learning_rate"], settings["corrupt_level"]) == (0.5, 0.25)


def test_the_recipe_is_that_of_the_task_in_the_file(write):
    default = TRAINING_DEFAULTS["learning_rate"]
    assert parse_file(write({"task_name": "sst2"})).training.learning_rate == default
    own = parse_file(write({"task_name": "sst2"}), "--task_name", EMBEDDED_TASK).training.learning_rate
    assert own == TASKS[EMBEDDED_TASK].recipe["learning_rate"] != default


def test_files_and_datasets_of_the_user_have_no_recipe(csv_files):
    default = TRAINING_DEFAULTS["learning_rate"]
    assert make_arguments(use_cpu=True, **csv_files).training.learning_rate == default
    assert make_arguments(use_cpu=True, dataset_name="someone/texts").training.learning_rate == default


def test_numbers_that_yaml_reads_as_text(write):
    assert parse_file(write("learning_rate: 3e-5\n")).training.learning_rate == 3e-5


@pytest.mark.parametrize(
    "argv, expected",
    [
        ([], False),
        (["--save_model"], True),
        (["--save_model", "true"], True),
        (["--save_model=false"], False),
        (["--save_model", "False"], False),
    ],
)
def test_switches_with_and_without_a_value(argv, expected):
    assert parse(*argv).run.save_model is expected


def test_make_arguments_is_the_command_line(run_flags):
    from_flags = parse_arguments(to_flags(run_flags))[0]
    assert make_arguments(**run_flags).settings() == from_flags.settings()
    assert from_flags.corruption.corrupt_level == 0.5


def test_make_arguments_leaves_none_at_its_default():
    assert run(max_train_samples=None, learning_rate=None).settings() == run().settings()


def test_print_config_is_a_switch():
    assert parse_arguments(["--use_cpu", "--print_config"])[1] is True
    assert parse_arguments(["--use_cpu"])[1] is False


@pytest.mark.parametrize("settings", [{}, UNUSUAL, {"corrupt_level": 0}], ids=["plain", "unusual", "intact"])
def test_a_printed_config_gives_the_same_run(write, settings):
    arguments = run(**settings)
    path = write(yaml.safe_dump(arguments.settings(), sort_keys=True))
    again = parse_arguments([str(path)])[0]
    assert again.settings() == arguments.settings()
    assert again.identity() == arguments.identity()


def test_a_printed_config_gives_the_same_folder(write):
    arguments = run(task_name="sst2")
    path = write(yaml.safe_dump(arguments.settings(), sort_keys=True))
    assert parse_arguments([str(path)])[0].name() == arguments.name()


def test_lists_in_files_are_what_commas_are_on_the_command_line(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "corrupt_layers: [2, 0]\ncorrupt_components: [attention, ffn_in]\nhealing: [mixout, damaged_rate]\n"
    )
    flags = "--corrupt_layers 0,2 --corrupt_components attention,ffn_in --healing damaged_rate,mixout".split()
    listed, written = parse_file(path), parse(*flags)
    assert listed.corruption == written.corruption and listed.name() == written.name()
    made = run(corrupt_level=None, corrupt_layers=[0, 2], corrupt_components=["attention", "ffn_in"])
    assert made.corruption == written.corruption


def outcome(read):
    """What comes of settings: those of the run and its name, or why it is refused."""
    try:
        arguments = read()
    except UserError as error:
        return str(error)
    return arguments.settings(), arguments.name()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"task_name": "sst2", "seed": 3, "learning_rate": "1e-4"},
        {"task_name": EMBEDDED_TASK, "num_train_epochs": 2},
        {"corrupt_level": 0.5, "corrupt_method": "bit_flip", "corrupt_options": {"rate": 0.1}},
        {"corrupt_layers": [0, "2-3"], "corrupt_components": ["attention"], "corrupt_level": None},
        {"corrupt_level": [0.25], "label_names": [], "include_for_metrics": ["loss"], "debug": ["underflow_overflow"]},
        {"healing": ["lora", "damaged_only"], "healing_options": {"lora.rank": 4}, "tsne": True},
        {"disable_tqdm": False, "save_model": "yes", "report_to": "none", "lr_scheduler_kwargs": {"a": 1}},
        {"corrupt_level": 0.5, "plugin": []},
        {"learning_rate": "fast"},
        {"seed": "--x"},
        {"seed": -1},
        {"corrupt_level": 50},
        {"corrupt_level": [0.25, 0.5]},
        {"task_name": "sst2", "dataset_name": "someone/texts"},
        {"learning_rate": "fast", "sede": 1},
    ],
)
def test_settings_read_one_by_one_are_what_a_command_line_says(settings):
    def on_the_command_line():
        return parse_arguments(to_argv({"use_cpu": True, **settings}, known_flags()))[0]

    known = outcome(on_the_command_line)
    for _ in range(2):  # the second time from memory
        assert outcome(lambda: make_arguments(use_cpu=True, **settings)) == known


def test_a_value_of_many_runs_is_parsed_once(monkeypatch):
    parsed, plain = [], build_parser().parse_known_args
    make_arguments(use_cpu=True, seed=77)
    monkeypatch.setattr(build_parser(), "parse_known_args", lambda *given: parsed.append(given[0]) or plain(*given))
    for seed in (77, 78, 77):
        assert make_arguments(use_cpu=True, seed=seed).training.seed == seed
    assert parsed == [("--seed=78",)]


def test_runs_do_not_share_what_can_be_changed():
    first, second = (make_arguments(use_cpu=True, include_for_metrics=["loss"]) for _ in range(2))
    first.training.include_for_metrics.append("inputs")
    assert second.training.include_for_metrics == ["loss"]
