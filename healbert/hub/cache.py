"""What is in the Hugging Face caches, so that an offline run knows before it starts."""

import functools
import pathlib

from ..utils.files import read_json

TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "tokenizer.model",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
)


# Tokenizers that read bytes or code points, and the model types whose tokenizer that is: they have no such file.
BYTE_TOKENIZERS = {"ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer"}


BYTE_MODELS = {"canine", "perceiver"}


INDEX = "model.safetensors.index.json"


def model_is_cached(repo_id, commit, cache_dir=None, parts=("config", "weights", "tokenizer")):
    """Whether the cache holds those parts of a model repository, whole.

    Args:
        repo_id: Hub id.
        commit: the revision; None if it is not known, and then nothing is.
        cache_dir: as for `huggingface_hub`.
        parts: of "config", "weights" (safetensors, every shard) and "tokenizer".
    """
    if commit is None:
        return False
    from huggingface_hub import try_to_load_from_cache

    def find(name):
        path = try_to_load_from_cache(repo_id, name, cache_dir=cache_dir, revision=commit)
        return path if isinstance(path, str) else None

    present = {
        "config": lambda: find("config.json"),
        "weights": lambda: find("model.safetensors") or _all_shards(find),
        "tokenizer": lambda: any(find(name) for name in TOKENIZER_FILES) or _needs_no_vocabulary(find),
    }
    return all(present[part]() for part in parts)


def _needs_no_vocabulary(find):
    for name, key, values in (
        ("tokenizer_config.json", "tokenizer_class", BYTE_TOKENIZERS),
        ("config.json", "model_type", BYTE_MODELS),
    ):
        path = find(name)
        found = read_json(path) if path else None
        if isinstance(found, dict) and found.get(key):
            return found[key] in values
    return False


def _all_shards(find):
    index = find(INDEX)
    if not index:
        return False
    shards = read_json(index)["weight_map"].values()
    return all(find(shard) for shard in set(shards))


def cached_dataset(repo_id, config, commit, cache_dir=None):
    """A function that opens a dataset of the Hub without the Hub, or None if it is not cached whole.

    `datasets.load_dataset` would take the revision that was used last, whichever was asked for; this takes ``commit``.
    It is read from what an earlier run prepared, or from a download of the whole repository (``hf download``).

    Args:
        repo_id: Hub id.
        config: name of a configuration; None for the only or default one.
        commit: the revision; None if it is not known, and then nothing is cached.
        cache_dir: as for `datasets.load_dataset`.
    """
    if commit is None:
        return None
    prepared = _prepared_folder(repo_id, config, commit, cache_dir)
    if prepared:
        return functools.partial(_open_prepared, repo_id, prepared, cache_dir)
    snapshot = _whole_snapshot(repo_id, commit)
    return snapshot and functools.partial(_open_snapshot, snapshot, config, cache_dir)


def _prepared_folder(repo_id, config, commit, cache_dir):
    import datasets
    from datasets.naming import camelcase_to_snakecase

    *owner, name = repo_id.split("/")
    root = pathlib.Path(cache_dir or datasets.config.HF_DATASETS_CACHE).expanduser()
    folder = root / "___".join([*owner, camelcase_to_snakecase(name)])
    found = [path for path in folder.glob(f"{config or '*'}/*/{commit}") if (path / "dataset_info.json").is_file()]
    if config is None and len(found) > 1:
        found = [path for path in found if path.parts[-3] == "default"]
    return found[0] if len(found) == 1 else None


def _open_prepared(repo_id, folder, cache_dir):
    from datasets.packaged_modules.cache.cache import Cache

    config, version, commit = folder.parts[-3:]
    options = {"config_name": config, "version": version, "hash": commit, "cache_dir": cache_dir}
    return Cache(repo_id=repo_id, dataset_name=repo_id.rpartition("/")[2], **options).as_dataset()


def _whole_snapshot(repo_id, commit):
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import LocalEntryNotFoundError

    listing = pathlib.Path(HF_HUB_CACHE) / f"datasets--{repo_id.replace('/', '--')}" / "trees" / f"{commit}.json"
    if not listing.is_file():  # single files were downloaded: nobody knows whether that is all
        return None
    try:
        return snapshot_download(repo_id, repo_type="dataset", revision=commit, local_files_only=True)
    except LocalEntryNotFoundError:
        return None


def _open_snapshot(folder, config, cache_dir):
    import datasets

    return datasets.load_dataset(folder, config, cache_dir=cache_dir)
