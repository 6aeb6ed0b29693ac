"""Pushing finished runs and results to the Hub: one commit each, checked before, completed by the same command."""

import io
import pathlib
import shlex

import yaml

from ..utils.errors import UserError
from .card import model_card, results_card
from .contents import REPORT, adapter_config, model_files, report_files, table_for_parquet, without_home, without_log
from .describe import find_background, read_finished, read_intact, scores_by_label
from .repeating import pinned_settings
from .repository import PushError, Repository, refusals


def check_push(arguments):
    """Checks, before a run starts, that it can be pushed when it is done. Does nothing without ``--push_to_hub``.

    Args:
        arguments: `Arguments`.

    Raises:
        UserError: if there is no token, no permission, or other content; or ``--intact_results`` cannot be used.
    """
    if arguments.training.process_index != 0:
        return
    read_intact(arguments.run.intact_results, arguments.settings())
    if arguments.training.push_to_hub:
        _repository_of(arguments).open().check_content(arguments.settings())


def _repository_of(arguments):
    training = arguments.training
    return Repository(
        folder=pathlib.Path(training.output_dir),
        repo_id=training.hub_model_id,
        token=training.hub_token or arguments.model.token,
        revision=training.hub_revision,
        private=training.hub_private_repo,
        intact_results=arguments.run.intact_results,
    )


def push_experiment(arguments):
    """Pushes the finished run of ``arguments`` as its ``hub_*`` settings say.

    Returns:
        str: the repository's address.

    Raises:
        PushError: if the push did not begin or did not finish.
    """
    repository = _repository_of(arguments)
    try:
        return push_run(repository)
    except PushError:
        raise
    except UserError as error:
        raise PushError(
            f"{error}. Nothing has to be repeated: the finished run is in {repository.folder}, and this pushes it: "
            f"{repository.command()}"
        ) from error


def push_run(repository):
    """Pushes a healed model with its tokenizer, receipt, results, settings and card.

    Args:
        repository: a `Repository`; its ``folder`` is a finished run that kept its model.

    Returns:
        str: the repository's address.

    Raises:
        PushError: if the push did not finish.
        UserError: if the folder or the intact run cannot be used, or the repository cannot be written.
    """
    folder = repository.folder
    results = read_finished(folder)
    intact = read_intact(repository.intact_results, results["config"], results)
    if not results["metrics"]["healed"]:
        raise UserError(f"the run in {folder} {results['status']} in its first epoch; there is no healed model to push")
    if not (folder / "config.json").is_file() or not list(folder.glob("model*.safetensors")):
        raise UserError(
            f"{folder} holds no model: it was finished without --save_model. Run it again with --save_model "
            "--overwrite_output_dir, or push its figures alone with --results_only"
        )
    repository.open().check_content(results["config"], results)
    with refusals("the cards of the base model and the data"):
        background = find_background(results, repository.token)
    by_class = scores_by_label(folder, results["task"])
    adapter = adapter_config(folder, repository.repo_id)
    card = model_card(results, repository.repo_id, background, by_class, intact, adapter=bool(adapter))
    files = model_files(folder)
    for name in ("config.json", "corruption.json", "results.json"):
        text = (folder / name).read_text(encoding="utf-8")
        files[name] = without_home(without_log(text) if name == "results.json" else text)
    files["run.yaml"] = without_home(yaml.safe_dump(pinned_settings(results), allow_unicode=True))
    return repository.commit(files | adapter | {"README.md": card.encode()}, "Healed model")


def push_results(repository):
    """Pushes the figures of all runs at or under a folder as a dataset that `datasets.load_dataset` opens.

    Args:
        repository: a `Repository`; its ``folder`` holds runs, and maybe their report.

    Returns:
        str: the repository's address.

    Raises:
        PushError: if the push did not finish.
        UserError: if there are no finished runs, or the repository cannot be written.
    """
    from ..results.read import load_results

    folder = repository.folder
    rows = load_results(folder)
    if rows.empty:
        inside = folder.resolve().parent
        hint = f"; for a report, name the folder of its runs: python -m healbert push {shlex.quote(str(inside))}"
        is_report = (folder / "report.html").is_file()
        raise UserError(f"{folder} holds no finished runs{hint if is_report else ''}")
    places = {run: pathlib.Path(run).relative_to(folder).as_posix() for run in rows["folder"]}
    places |= {run: folder.resolve().name for run, place in places.items() if place == "."}  # a run by itself
    rows["folder"] = [places[run] for run in rows["folder"]]
    files = {
        f"runs/{place}/results.json": without_home(
            without_log((pathlib.Path(run) / "results.json").read_text(encoding="utf-8"))
        )
        for run, place in places.items()
    }
    files |= report_files(folder)
    repository.open().check_content(files=files)
    table = io.BytesIO()
    table_for_parquet(rows).to_parquet(table, index=False)
    card = results_card(rows, repository.repo_id, REPORT in files)
    return repository.commit(files | {"results.parquet": table.getvalue(), "README.md": card.encode()}, "Results")
