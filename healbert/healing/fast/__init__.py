"""Less work in a training step, with the same result: ``--fast_paths``. What each does stands in a file of its own."""

from ...utils.errors import UserError, check_choice

FAST_PATHS = ("clipping", "dropout", "packed", "vocabulary")
ALL, NONE = ",".join(FAST_PATHS), "none"


def fast_path_names(text):
    """The fast paths that ``--fast_paths`` names, in one form: names with commas between them, sorted; or "none".

    Raises:
        UserError: for one that is not known, is named twice, or stands beside none.
    """
    names = [name.strip() for name in str(text).split(",")]
    for name in names:
        check_choice("fast path", name, [*FAST_PATHS, NONE])
        if names.count(name) > 1 or (name == NONE and len(names) > 1):
            raise UserError(f"--fast_paths {text}: give none, or each of {', '.join(FAST_PATHS)} once at most")
    return ",".join(sorted(names))
