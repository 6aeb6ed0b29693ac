"""A repository on the Hub that is written to: whether it may be, what it holds, one commit at a time."""

import contextlib
import dataclasses
import json
import pathlib
import re
import shlex

from ..hub.errors import explain
from ..hub.reach import hub_is_off, work_offline_if_unreachable
from ..results.plans import run_hash
from ..utils.errors import UserError
from ..utils.text import without_password
from .contents import differing, other_origin, read_remote

HASHED = re.compile("[0-9a-f]{12}")  # the end of a run's own name
NOT_CONTENT = {".gitattributes", "README.md"}  # what the Hub puts in by itself


class PushError(UserError):
    """A push did not finish. The run is whole on disk, and the message has the command that completes the push."""


@dataclasses.dataclass
class Repository:
    """Where a push goes. ``repo_id`` without an owner, or None, is completed when it is opened.

    Args:
        folder: what is pushed; its name is the default for the repository.
        repo_id: Hub id.
        kind: "model" or "dataset".
        token: Hub token; default: HF_TOKEN or the login.
        revision: branch; made if it does not exist.
        private: whether a new repository is private.
        overwrite: whether other content may be replaced.
        intact_results: folder of the intact run whose scores a model card shows beside.
    """

    folder: pathlib.Path
    repo_id: str | None = None
    kind: str = "model"
    token: str | None = None
    revision: str | None = None
    private: bool | None = None
    overwrite: bool = False
    intact_results: str | None = None

    def open(self):
        """Completes ``repo_id`` and checks that the token may write there.

        Raises:
            UserError: if there is no token or no Hub, the id is invalid, writing is not permitted, or a repository
                that is to be private is public.
        """
        import huggingface_hub
        from huggingface_hub.errors import RepositoryNotFoundError

        work_offline_if_unreachable()
        if hub_is_off():
            raise UserError(
                "pushing needs the Hub, which cannot be reached (or HF_HUB_OFFLINE is set); a run that was run with "
                "--save_model and without --push_to_hub can be pushed later: python -m healbert push DIR"
            )
        self.api = huggingface_hub.HfApi(token=self.token)
        with refusals("pushing to the Hub"):
            user = self.api.whoami()
        self.repo_id = self.repo_id or re.sub(r"[-.]{2,}", "-", self.folder.resolve().name)
        self.repo_id = self.repo_id if "/" in self.repo_id else f"{user['name']}/{self.repo_id}"
        with refusals(f"repository '{self.repo_id}'"):
            huggingface_hub.utils.validate_repo_id(self.repo_id)
            try:
                self.api.auth_check(self.repo_id, repo_type=self.kind, write=True)
                self._check_privacy()
            except RepositoryNotFoundError:
                self._check_owner(user)
        return self

    def _check_privacy(self):
        if self.private and not self.api.repo_info(self.repo_id, repo_type=self.kind).private:
            raise UserError(
                f"repository '{self.repo_id}' is there already and is public; make it private in its settings, choose "
                "another name, or leave --private (--hub_private_repo) out"
            )

    def _check_owner(self, user):
        owner = self.repo_id.partition("/")[0]
        if user.get("auth", {}).get("accessToken", {}).get("role") == "read":
            raise UserError(
                f"repository '{self.repo_id}' cannot be made: the token may only read; use one that may write"
            )
        if owner not in {user["name"], *(org["name"] for org in user.get("orgs", []))}:
            raise UserError(f"repository '{self.repo_id}' cannot be made: {user['name']} is no member of '{owner}'")

    def files(self):
        """The paths in the repository; none if it or the branch does not exist."""
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        try:
            return self.api.list_repo_files(self.repo_id, repo_type=self.kind, revision=self.revision)
        except (RepositoryNotFoundError, RevisionNotFoundError):
            return []

    def check_content(self, settings=None, results=None, files=None):
        """Checks that a push would not mix with other content.

        Args:
            settings: of the run that is to go there; None for a dataset of results.
            results: of that run, if it is finished.
            files: {path: text} of the dataset of results; figures of runs that are not among them are other content.

        Raises:
            UserError: if the repository holds something else, unless ``overwrite``.
        """
        with refusals(f"repository '{self.repo_id}'"):
            found = sorted(set(self.files()) - NOT_CONTENT)
            if self.overwrite or not found:
                return
            if settings is None:
                runs = [path for path in found if path.startswith("runs/")]
                others = [path for path in runs if path not in files or self._is_another(path, files[path])]
                same = runs and "results.parquet" in found and not others
                held = ", ".join((others or found)[:5])
            else:
                there = read_remote(self, "results.json") if {"results.json", "corruption.json"} <= set(found) else None
                named = there and (differing(there["config"], settings) or other_origin(there, results or {}))
                same, held = there and not named, f"another run: {named}" if named else ", ".join(found[:5])
        if not same:
            raise UserError(
                f"repository '{self.repo_id}' exists and holds other content ({held}); choose another name, "
                f"or replace it with: {self.command()} --overwrite"
            )

    def _is_another(self, path, text):
        """Whether the results at a path are of another run than these: where its folder's name does not say it."""
        here = json.loads(text)
        if HASHED.fullmatch(run_hash(pathlib.PurePosixPath(path).parent.name)):
            return False
        there = read_remote(self, path)
        return there is None or bool(differing(there["config"], here["config"]) or other_origin(there, here))

    def command(self):
        """The command line that pushes this again."""
        parts = ["python", "-m", "healbert", "push", str(self.folder)]
        parts += ["--repo_id", self.repo_id] if self.repo_id else []
        parts += ["--revision", self.revision] if self.revision else []
        parts += ["--private"] if self.private else []
        parts += ["--intact_results", str(self.intact_results)] if self.intact_results else []
        parts += ["--results_only"] if self.kind == "dataset" and (self.folder / "settings.json").is_file() else []
        parts += ["--overwrite"] if self.overwrite else []
        return shlex.join(parts)

    def commit(self, files, message):
        """Makes the repository hold ``files``, in one commit.

        Args:
            files: dict from path to bytes or `pathlib.Path`.
            message: of the commit.

        Returns:
            str: the repository's address.

        Raises:
            PushError: if it did not get there.
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete
        from huggingface_hub.errors import HTTPError

        try:
            address = self.api.create_repo(self.repo_id, repo_type=self.kind, private=self.private, exist_ok=True)
            if self.revision:
                # From the first commit, which holds nothing: else a new branch begins with what main holds.
                first = self.api.list_repo_commits(self.repo_id, repo_type=self.kind)[-1].commit_id
                options = {"revision": first, "repo_type": self.kind, "exist_ok": True}
                self.api.create_branch(self.repo_id, branch=self.revision, **options)
            old = set(self.files()) - {".gitattributes", *files} if self.overwrite else ()
            operations = [CommitOperationDelete(path) for path in sorted(old)]
            operations += [CommitOperationAdd(path, content) for path, content in files.items()]
            options = {"repo_type": self.kind, "revision": self.revision}
            self.api.create_commit(self.repo_id, operations, commit_message=message, **options)
        # What huggingface_hub documents: answers of the Hub, files and connections, malformed answers, failed uploads.
        except (HTTPError, OSError, ValueError, RuntimeError) as error:
            raise PushError(self._incomplete(files, error)) from error
        return without_password(str(address))

    def _incomplete(self, files, error):
        from huggingface_hub.errors import HTTPError

        try:
            missing = sorted(set(files) - set(self.files()))
        except (HTTPError, OSError):
            missing = sorted(files)
        named = ", ".join(missing[:8]) + (f" and {len(missing) - 8} more" if len(missing) > 8 else "")
        what = f"{len(missing)} of {len(files)} files are missing there: {named}"
        what = what if missing else "what is there is of an earlier push"
        return (
            f"the push to '{self.repo_id}' did not finish: {explain(error)}; {what}. Everything is kept in "
            f"{self.folder}, and this completes it: {self.command()}"
        )


@contextlib.contextmanager
def refusals(what):
    """Turns what the Hub refuses while the block runs into a `UserError` that begins with ``what``."""
    from huggingface_hub.errors import HFValidationError, HTTPError

    try:
        yield
    except UserError:
        raise
    except (HTTPError, OSError, HFValidationError) as error:
        raise UserError(f"{what}: {explain(error)}") from error
