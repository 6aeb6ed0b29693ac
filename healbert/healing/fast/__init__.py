"""Less work in a training step, with the same result: ``--fast_paths``. What each does stands in a file of its own."""

from ...utils.errors import UserError, check_choice

FAST_PATHS = ("clipping", "dropout", "packed", "vocabulary")
ALL, NONE = "all", "none"
DEFAULT = ALL


def fast_path_names(text):
    """What ``--fast_paths`` names, in one form: "all", "none", or names with commas between them, sorted.

    Raises:
        UserError: for one that is not known, is named twice, or stands beside all or none.
    """
    names = [name.strip() for name in str(text).split(",")]
    for name in names:
        check_choice("fast path", name, [*FAST_PATHS, ALL, NONE])
    if len(set(names)) < len(names) or (len(names) > 1 and {ALL, NONE} & set(names)):
        raise UserError(f"--fast_paths {text}: give {ALL}, {NONE}, or each of {', '.join(FAST_PATHS)} once at most")
    return ALL if set(names) == set(FAST_PATHS) else ",".join(sorted(names))
