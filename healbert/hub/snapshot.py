"""The files of a repository at one commit: what there is, and a download of those that are wanted."""

import glob

from .reach import hub_is_off


def list_files(repo_id, commit, always=(), token=None, cache_dir=None):
    """The paths of all files of a dataset repository at a commit.

    The listing is kept in the cache, so that an offline run knows what belongs to the whole.

    Args:
        repo_id: Hub id.
        commit: 40 hexadecimal digits.
        always: patterns of small files that are downloaded along with it.
        token, cache_dir: as for `huggingface_hub`.

    Returns:
        list of str; None if the Hub is off and the cache does not know.

    Raises:
        HTTPError, OSError: of `huggingface_hub`, if the Hub does not answer or refuses.
    """
    from huggingface_hub import get_cached_repo_tree, snapshot_download
    from huggingface_hub.errors import CachedRepoTreeNotFoundError, LocalEntryNotFoundError

    where = {"repo_type": "dataset", "revision": commit, "cache_dir": cache_dir}
    off = hub_is_off()
    try:
        # A file that every repository has goes along: a download of nothing is logged as a mistake.
        wanted = [*always, ".gitattributes"]
        snapshot_download(repo_id, **where, token=token, allow_patterns=wanted, local_files_only=off)
        return sorted(file.path for file in get_cached_repo_tree(repo_id, **where))
    except (CachedRepoTreeNotFoundError, LocalEntryNotFoundError):
        if not off:
            raise
        return None


def fetch_files(repo_id, commit, paths, token=None, cache_dir=None):
    """The folder that holds those files of a dataset repository at a commit, downloaded if need be.

    Returns:
        str; None if the Hub is off and the cache lacks one of them.

    Raises:
        HTTPError, OSError: of `huggingface_hub`, if the Hub does not answer or refuses.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    off, where = hub_is_off(), {"repo_type": "dataset", "revision": commit, "cache_dir": cache_dir}
    names = [glob.escape(path) for path in paths]  # a name may look like a pattern
    try:
        return snapshot_download(repo_id, **where, token=token, allow_patterns=names, local_files_only=off)
    except LocalEntryNotFoundError:
        if not off:
            raise
        return None
