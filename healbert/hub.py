"""Reaching the Hub, or doing without it."""

import functools
import os
import pathlib
import re
import socket
import urllib.parse
import warnings


def work_offline_if_unreachable(timeout=5.0):
    """Switches the Hugging Face libraries to their caches when no route leads to the Hub.

    Without this each of them retries for half a minute per file. Proxies and HF_HUB_OFFLINE are left alone.

    Args:
        timeout: seconds to wait for a connection.
    """
    import huggingface_hub.constants as constants

    if constants.HF_HUB_OFFLINE or os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return
    address = urllib.parse.urlsplit(constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname, port), timeout=timeout).close()
    except OSError:
        warnings.warn(f"no route to {constants.ENDPOINT}; working from the local cache", stacklevel=2)
        os.environ["HF_HUB_OFFLINE"] = "1"
        constants.HF_HUB_OFFLINE = True


@functools.lru_cache(maxsize=256)  # a sweep asks for the same few repositories thousands of times
def resolve_commit(repo_id, kind, revision=None, token=None, cache_dir=None):
    """The commit that a branch or tag of a repository stands for.

    Args:
        repo_id: Hub id.
        kind: "model" or "dataset".
        revision: branch, tag or commit; default: main.
        token, cache_dir: as for `huggingface_hub`.

    Returns:
        str, or None if the Hub cannot be reached or refuses, and the cache does not say.
    """
    import huggingface_hub
    import huggingface_hub.constants as constants
    from huggingface_hub.errors import HTTPError

    if re.fullmatch("[0-9a-f]{40}", revision or ""):
        return revision
    work_offline_if_unreachable()
    if not constants.HF_HUB_OFFLINE:
        try:
            return huggingface_hub.HfApi(token=token).repo_info(repo_id, repo_type=kind, revision=revision).sha
        except (HTTPError, OSError):
            pass  # what is in the cache may still be usable; if not, loading says what is wrong
    folder = f"{kind}s--{repo_id.replace('/', '--')}"
    cached = pathlib.Path(cache_dir or constants.HF_HUB_CACHE) / folder / "refs" / (revision or "main")
    return cached.read_text(encoding="utf-8").strip() if cached.is_file() else None
