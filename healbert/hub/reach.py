"""Reaching the Hub, or doing without it."""

import functools
import os
import re
import socket
import sys
import urllib.parse
import urllib.request
import warnings

from ..utils.errors import UserError
from ..utils.text import without_password


def hub_is_off():
    """Whether the Hugging Face libraries work from their caches alone."""
    import huggingface_hub.constants as constants

    return constants.HF_HUB_OFFLINE


def work_offline_if_unreachable(timeout=5.0):
    """Switches the Hugging Face libraries to their caches when no route leads to the Hub.

    Without this each of them retries for half a minute per file. Proxies and HF_HUB_OFFLINE are left alone.

    Args:
        timeout: seconds to wait for a connection.

    Raises:
        UserError: if HF_ENDPOINT is no address.
    """
    import huggingface_hub.constants as constants

    if hub_is_off():
        return
    scheme, host, port = _endpoint(constants.ENDPOINT)
    if _goes_through_proxy(scheme, host):
        return
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError:
        warnings.warn(f"no route to {without_password(constants.ENDPOINT)}; working from the local cache", stacklevel=2)
        os.environ["HF_HUB_OFFLINE"] = "1"
        constants.HF_HUB_OFFLINE = True
        if "datasets" in sys.modules:  # it copied the setting when it was imported
            sys.modules["datasets"].config.HF_HUB_OFFLINE = True


def _endpoint(text):
    address = urllib.parse.urlsplit(text)
    try:
        host, port = address.hostname, address.port
    except ValueError:  # a port that cannot be
        host = port = None
    if address.scheme not in ("http", "https") or not host:
        raise UserError(f"HF_ENDPOINT is '{text.rpartition('@')[2]}', which is no address; write it as https://HOST")
    return address.scheme, host, port or (443 if address.scheme == "https" else 80)


def _goes_through_proxy(scheme, host):
    proxies = urllib.request.getproxies()
    return bool(proxies.keys() & {scheme, "all"}) and not urllib.request.proxy_bypass(host)


def refusal(repo_id, kind, revision=None, token=None):
    """Why the Hub does not hand out a repository, as `huggingface_hub`'s exception; None if it would.

    Serves where a library swallows the answer. Arguments as for `resolve_commit`.
    """
    import huggingface_hub
    from huggingface_hub.errors import HTTPError

    api = huggingface_hub.HfApi(token=token)
    try:
        api.auth_check(repo_id, repo_type=kind)
        api.repo_info(repo_id, repo_type=kind, revision=revision)
    except HTTPError as error:
        return error
    return None


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
    from huggingface_hub.errors import HFValidationError, HTTPError, RevisionResolutionError

    if re.fullmatch("[0-9a-f]{40}", revision or ""):
        return revision
    work_offline_if_unreachable()
    api = huggingface_hub.HfApi(token=token)
    options = {"repo_type": kind, "revision": revision, "cache_dir": cache_dir}
    for local in (hub_is_off(), True):
        try:
            return api.resolve_revision(repo_id, local_files_only=local, **options).resolved
        except (HTTPError, OSError, HFValidationError, RevisionResolutionError):
            continue  # what is in the cache may still be usable; if not, loading says what is wrong
    return None
