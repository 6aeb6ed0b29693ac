"""A data set as bytes of Parquet, and models and data of the Hub on loopback by their ids."""

import pandas

from healbert.arguments.groups import DataArguments, ModelArguments
from healbert.models.loading import load_model, load_tokenizer
from healbert.tasks.load import load_task


def parquet(rows, path):
    pandas.DataFrame(rows, columns=["text", "label"]).to_parquet(path)
    return path.read_bytes()


def load_texts(**settings):
    token = settings.pop("token", None)
    return load_task(DataArguments(dataset_name="someone/texts", **settings), ModelArguments(token=token))


def load_bert(**settings):
    arguments = ModelArguments(model_name_or_path="someone/bert", **settings)
    return load_model(arguments, ["a", "b"], load_tokenizer(arguments).pad_token_id)
