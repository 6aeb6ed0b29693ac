"""What an error of the Hub's clients means, in a few words."""

TOKEN_HINT = "set HF_TOKEN, give --token, or run: hf auth login"


# HTTP status -> what it means and what to do.
STATUS = {
    401: f"the Hub wants a valid token (status 401); {TOKEN_HINT}",
    403: "the token does not permit this (status 403); use one that does",
    409: "the Hub holds a newer version than it was a moment ago (status 409); try again",
    413: "the Hub finds it too large (status 413)",
    429: "the Hub is getting too many requests (status 429); try again later, with a token if you gave none",
}


def explain(error):
    """One sentence on why a request to the Hub failed.

    Args:
        error: an exception of huggingface_hub, transformers or datasets.

    Returns:
        str: what the answer in ``error`` or in one of its causes means; where there is none, the error's first line.
    """
    import httpx2
    from huggingface_hub import errors

    for cause in _chain(error):
        if isinstance(cause, errors.LocalTokenNotFoundError):
            return f"no Hub token was found; {TOKEN_HINT}"
        if isinstance(cause, errors.GatedRepoError):
            return f"it is gated; ask for access on its page on the Hub, then {TOKEN_HINT}"
        if isinstance(cause, errors.RevisionNotFoundError):
            return "it has no such revision"
        if isinstance(cause, errors.RepositoryNotFoundError):
            return f"the Hub has no such repository, or it is private; check its name, or {TOKEN_HINT}"
        if isinstance(cause, errors.HfHubHTTPError) and not isinstance(cause, errors.RemoteEntryNotFoundError):
            status = cause.response.status_code
            return STATUS.get(status, f"the Hub answered with status {status}; try again later")
        if isinstance(cause, httpx2.TransportError):
            return f"the connection to the Hub broke off ({type(cause).__name__}); try again"
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(map(str.strip, lines[:2])) if lines[0].endswith(":") else lines[0]


def _chain(error):
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen
