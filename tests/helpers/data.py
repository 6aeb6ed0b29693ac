"""Data sets of every supported kind, written to disk."""

from datasets import Dataset, Features, Value

GOOD = "text,label\na b,x\nc d,y\n"


WRITERS = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "json": lambda frame, path: frame.to_json(path, orient="records"),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "parquet": lambda frame, path: frame.to_parquet(path, index=False),
}


def put_folder(folder, splits, label=None):
    """A folder that `datasets.load_dataset` opens: one parquet file per split, laid out as on the Hub."""
    (folder / "data").mkdir(parents=True)
    for split, columns in splits.items():
        features = Features({k: label if k == "label" else Value("string") for k in columns}) if label else None
        Dataset.from_dict(columns, features=features).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return folder


def table(rows):
    return {"text": [text for text, _ in rows], "label": [label for _, label in rows]}


def labelled(names, count=4, column="text"):
    return {column: [f"text {i}" for i in range(count)], "label": [i % len(names) for i in range(count)]}
