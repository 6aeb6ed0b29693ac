"""Reaching the Hub, or doing without it."""

import os
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
