"""`healbert export-lm-eval`: the command with which lm-evaluation-harness scores a healed decoder."""

import pathlib
import shlex

from ..utils.errors import UserError
from .parser import command_parser

TASKS = "wikitext"  # perplexity, of which every decoder has one


def export_lm_eval(argv):
    """Print the command that scores a run's healed decoder with lm-evaluation-harness; nothing is run."""
    parser = command_parser("export-lm-eval", export_lm_eval.__doc__)
    parser.add_argument("run", type=pathlib.Path, metavar="DIR", help="a finished run of a decoder, with --save_model")
    parser.add_argument(
        "--tasks", help=f"with commas between them; default: those of the run's --lm_eval, else {TASKS}"
    )
    options = parser.parse_args(argv)
    from ..publish.describe import read_finished

    results = read_finished(options.run)
    _require_decoder(options.run, results)
    print(shlex.join(_command(options.run.resolve(), results["config"], options.tasks)))


def _require_decoder(folder, results):
    from ..tasks.types import TASK_TYPES

    kind = TASK_TYPES.get(results["task"].get("type"))
    if kind is None or not kind.continues:
        model = f"{results['model']['architecture']}, healed on a task of type {results['task'].get('type')}"
        raise UserError(f"{folder} is no decoder's run ({model}); name a run with --task_type causal_lm")
    names = ("model.safetensors", "model.safetensors.index.json")
    if not (folder / "config.json").is_file() or not any((folder / name).is_file() for name in names):
        raise UserError(f"{folder} holds no model ({results['status']}); make the run again with --save_model")
    if "," in str(folder.resolve()):
        raise UserError(f"{folder.resolve()} has a comma in its path, which lm_eval parts at; rename the folder")


def _command(folder, config, tasks):
    options = [f"pretrained={folder}", *(["trust_remote_code=True"] if config.get("trust_remote_code") else [])]
    return [
        *("lm_eval", "--model", "hf", "--model_args", ",".join(options)),
        *("--tasks", tasks or config.get("lm_eval") or TASKS),
        *("--batch_size", str(config["per_device_eval_batch_size"])),
        *(("--device", "cpu") if config.get("use_cpu") else ()),
    ]
