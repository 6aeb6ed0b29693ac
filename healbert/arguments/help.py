"""`--help`: the flags of ours on two screens; `--help_all`: those of transformers.TrainingArguments too."""

import argparse

TRAINING_TITLE = "training (transformers.TrainingArguments)"

# What most runs set of TrainingArguments, named by --help.
OFTEN_SET = (
    *("learning_rate", "num_train_epochs", "per_device_train_batch_size", "per_device_eval_batch_size"),
    *("seed", "use_cpu"),
    *("output_dir", "push_to_hub", "hub_model_id"),
)


class CompactFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """One name for each flag, its kind of value, its help; defaults that are unset or off are not repeated."""

    def __init__(self, prog):
        super().__init__(prog, max_help_position=30, width=120)

    def _format_action_invocation(self, action):
        if not action.option_strings:
            return super()._format_action_invocation(action)
        value = "" if action.nargs in (0, "?") else f" {_kind(action)}"
        return action.option_strings[0] + value + (" ..." if action.nargs == "+" else "")

    def _get_help_string(self, action):
        if action.default is None or action.default is False or action.default == []:
            return action.help
        return super()._get_help_string(action)


def _kind(action):
    names = {int: "N", float: "X"}
    return action.metavar or names.get(action.type, "TEXT")


def add_help(parser):
    """Adds ``--help`` and ``--help_all`` to the parser of all flags."""
    parser.add_argument("--help", "-h", action=_Help, nargs=0, default=argparse.SUPPRESS, help="Show this and stop.")
    parser.add_argument(
        "--help_all", action=_Help, nargs=0, default=argparse.SUPPRESS, help="All flags of TrainingArguments too."
    )


class _Help(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        print(_help_text(parser, with_training=option_string == "--help_all"), end="")
        parser.exit()


def _help_text(parser, with_training):
    formatter = parser.formatter_class(parser.prog)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)
    formatter.add_text(parser.description)
    for group in sorted(parser._action_groups, key=lambda group: group.title == "options"):  # ours first
        formatter.start_section(group.title)
        is_training = group.title == TRAINING_TITLE
        formatter.add_arguments(_shown(group, is_training, with_training))
        formatter.end_section()
        if is_training and not with_training:
            formatter.add_text("--help_all shows the other flags of transformers.TrainingArguments.")
    formatter.add_text(_of_plugins())
    return formatter.format_help()


def _shown(group, is_training, with_training):
    if not is_training or with_training:
        return group._group_actions
    return [action for action in group._group_actions if action.dest in OFTEN_SET]


def _of_plugins():
    from .plugins import REGISTERED

    return "; ".join(f"{plugin} adds {', '.join(entries)}" for plugin, entries in REGISTERED.items() if entries)
