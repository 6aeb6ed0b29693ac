"""The file that features are kept in: whole, plain arrays, and refused where it cannot be used."""

import dataclasses
import io
import pickle
import zipfile

import numpy as np
import pytest

from healbert import UserError
from healbert.probing.feature_file import FeatureFile


@pytest.fixture
def file():
    rng = np.random.default_rng(0)
    return FeatureFile(
        stages={stage: rng.normal(size=(6, 3)).astype(np.float32) for stage in ("damaged", "healed")},
        scores={"damaged": 0.25, "healed": 0.75},
        metric="accuracy",
        labels=np.array([0, 1, 0, 2, 1, 2]),
        ids=np.array([3, 5, 8, 13, 21, 34]),
        label_names=["bad", "good", "Fed | Central Banks — é"],
        task="a task",
        level=0.25,
        region="top",
        perplexity=4.5,
        seed=7,
    )


def rewrite(path, **changes):
    """Writes the arrays of the file again, with changes; None leaves one out."""
    with np.load(path) as arrays:
        kept = {**arrays, **changes}
    np.savez(path, **{name: value for name, value in kept.items() if value is not None})


@pytest.mark.parametrize("stages", [("damaged", "healed"), ("damaged",)], ids="+".join)
def test_file_round_trip(file, tmp_path, stages):
    file.stages = {stage: file.stages[stage] for stage in stages}
    file.scores = {stage: file.scores[stage] for stage in stages}
    file.write(tmp_path / "features.npz")
    found = FeatureFile.read(tmp_path / "features.npz")
    for field in dataclasses.fields(FeatureFile):
        ours, theirs = getattr(file, field.name), getattr(found, field.name)
        if field.name == "stages":
            assert list(ours) == list(theirs) and all(np.array_equal(ours[s], theirs[s]) for s in ours)
        elif isinstance(ours, np.ndarray):
            assert np.array_equal(ours, theirs)
        else:
            assert ours == theirs and type(ours) is type(theirs), field.name
    assert [path.name for path in tmp_path.iterdir()] == ["features.npz"]


def test_file_is_plain_arrays(file, tmp_path):
    file.write(tmp_path / "features.npz")
    with np.load(tmp_path / "features.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "iufU" for name in arrays.files)
        assert arrays["version"] == 2 and arrays["features_healed"].dtype == np.float32


def test_file_of_version_1_is_read(tmp_path):
    # What the program wrote before scores had a metric, array by array.
    features = np.arange(12, dtype=np.float32).reshape(4, 3)
    arrays = {"features_damaged": features, "features_healed": features + 1, "f1_damaged": 0.25, "f1_healed": 0.75}
    arrays |= {"labels": np.array([0, 1, 0, 1]), "ids": np.array([7, 1, 3, 0]), "label_names": np.array(["a", "b"])}
    single = {"task": "a task", "level": 0.5, "region": "top", "perplexity": 2.0, "seed": 3}
    np.savez_compressed(tmp_path / "features.npz", version=1, **arrays, **single)
    found = FeatureFile.read(tmp_path / "features.npz")
    assert (found.scores, found.metric) == ({"damaged": 0.25, "healed": 0.75}, "weighted F1")
    assert np.array_equal(found.stages["healed"], features + 1) and found.ids.tolist() == [7, 1, 3, 0]
    assert {name: getattr(found, name) for name in single} == single and found.label_names == ["a", "b"]
    found.write(tmp_path / "again.npz")
    assert FeatureFile.read(tmp_path / "again.npz").metric == "weighted F1"


SPOILED = {
    "missing": (lambda path: path.unlink(), "does not exist; make the run with --tsne"),
    "empty": (lambda path: path.write_bytes(b""), "damaged"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-30]), "damaged"),
    "cut in half": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "damaged"),
    "a text": (lambda path: path.write_text("features"), "damaged"),
    "a pickle": (lambda path: path.write_bytes(pickle.dumps({"version": 1})), "damaged"),
    "a single array": (lambda path: path.write_bytes(single_array()), "damaged"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "damaged"),
    "pickled labels": (lambda path: rewrite(path, labels=np.array([{}] * 6, dtype=object)), "damaged"),
    "later version": (lambda path: rewrite(path, version=3), "version 3"),
    "no version": (lambda path: rewrite(path, version=None), "version"),
    "version in words": (lambda path: rewrite(path, version="one"), "version"),
    "several versions": (lambda path: rewrite(path, version=np.arange(3)), "version"),
    "labels missing": (lambda path: rewrite(path, labels=None), "labels"),
    "score missing": (lambda path: rewrite(path, score_healed=None), "score_healed"),
    "metric missing": (lambda path: rewrite(path, metric=None), "metric"),
    "version 1 without its score": (lambda path: rewrite(path, version=1, score_healed=None), "score_healed"),
    "seed missing": (lambda path: rewrite(path, seed=None), "seed"),
    "no features": (lambda path: rewrite(path, features_damaged=None, features_healed=None), "damaged"),
    "fewer labels": (lambda path: rewrite(path, labels=np.array([0, 1])), "damaged"),
    "several levels": (lambda path: rewrite(path, level=np.arange(3)), "damaged"),
    "compressed data changed": (lambda path: flip(path, compressed_data(path)), "damaged"),
    "unknown compression": (lambda path: path.write_bytes(other_compression(path)), "damaged"),
}


def single_array():
    stream = io.BytesIO()
    np.save(stream, np.arange(3))
    return stream.getvalue()


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


def compressed_data(path):
    """Where the compressed data of the first array starts."""
    content = path.read_bytes()
    return 30 + int.from_bytes(content[26:28], "little") + int.from_bytes(content[28:30], "little")


def other_compression(path):
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02")  # the directory's first entry: its method is at byte 10
    content[start + 10] = 77
    return bytes(content)


@pytest.mark.parametrize("spoil, named", SPOILED.values(), ids=SPOILED.keys())
def test_file_that_cannot_be_used_is_refused(file, tmp_path, spoil, named):
    path = tmp_path / "features.npz"
    file.write(path)
    spoil(path)
    with pytest.raises(UserError) as caught:
        FeatureFile.read(path)
    assert str(path) in str(caught.value) and named in str(caught.value)


def test_any_changed_byte_is_refused_or_harmless(file, tmp_path):
    path = tmp_path / "features.npz"
    file.write(path)
    original, refused = path.read_bytes(), 0
    for position in range(0, len(original), 9):
        path.write_bytes(original)
        flip(path, position)
        try:
            FeatureFile.read(path)
        except UserError:
            refused += 1
    assert refused > len(original) / 9 / 4


def test_archive_without_arrays_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "features.npz", "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    with pytest.raises(UserError, match="version"):
        FeatureFile.read(tmp_path / "features.npz")
