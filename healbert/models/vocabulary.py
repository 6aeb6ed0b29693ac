"""Whether the tokenizer's ids are rows of the model's embedding."""

from torch import nn

from ..utils.errors import UserError
from .loading import quiet_load_report


def highest_id(splits, tokenizer, any_entry=False):
    """The highest token id that batches of these splits can hold, padding among them.

    Args:
        splits: iterable of tokenized `datasets.Dataset`; one without ``input_ids`` counts for nothing.
        tokenizer: a transformers tokenizer.
        any_entry: whether every entry of the tokenizer can come, too, as where tokens are replaced by random ones.
    """
    import pyarrow.compute as pc

    found = [tokenizer.pad_token_id or 0, len(tokenizer) - 1 if any_entry else 0]
    for rows in splits:
        if "input_ids" in rows.column_names:
            ids = rows.select_columns(["input_ids"]).with_format("arrow")[:].column(0)
            found.append(pc.max(pc.list_flatten(ids, recursive=True)).as_py() or 0)
    return max(found)


def fit_vocabulary(model, tokenizer, highest):
    """Gives the embedding a row for every entry of the tokenizer, if ids above its last row are used.

    The new rows are drawn as transformers draws them, from the generator of the process.

    Args:
        model: a transformers model; changed in place.
        tokenizer: its tokenizer.
        highest: the highest id in use.

    Returns:
        dict: "from" and "to", the numbers of rows; None where nothing had to change, or there is no such table (CANINE
        hashes its characters).

    Raises:
        UserError: if the embedding cannot hold the id.
    """
    rows = embedding_rows(model)
    if rows is None or highest < rows:
        return None
    wanted = max(len(tokenizer), highest + 1)
    try:
        with quiet_load_report():
            model.resize_token_embeddings(wanted)
    except (NotImplementedError, AttributeError, RuntimeError, TypeError) as error:
        raise UserError(
            f"token id {highest} is beyond the {rows} rows of the embedding, which cannot be resized ({error}); "
            "give the tokenizer that goes with the model: --tokenizer_name"
        ) from error
    return {"from": rows, "to": embedding_rows(model)}


def embedding_of(model):
    """The module that embeds tokens, None of a model that says that it has none."""
    try:
        return model.get_input_embeddings()
    except NotImplementedError:
        return None


def embedding_rows(model):
    """How many rows the embedding of tokens has; None without one (Canine hashes characters into several)."""
    embedding = embedding_of(model)
    return len(embedding.weight) if isinstance(embedding, nn.Module) else None
