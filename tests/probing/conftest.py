"""Settings and a tokenizer for reading features; for pictures one thread, and the figures that are drawn."""

import pytest
from matplotlib.backends import backend_agg
from threadpoolctl import threadpool_limits
from transformers import AutoTokenizer

from healbert import make_arguments


@pytest.fixture(scope="module")
def one_thread():
    # t-SNE's threads wait for each other actively, which takes seconds where the machine has other work.
    with threadpool_limits(1):
        yield


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn. They are made and dropped inside tsne.py: only their canvas can be watched."""
    drawn = []

    class Canvas(backend_agg.FigureCanvasAgg):
        def __init__(self, figure):
            super().__init__(figure)
            drawn.append(figure)

    monkeypatch.setattr(backend_agg, "FigureCanvasAgg", Canvas)
    return drawn


@pytest.fixture(scope="module")
def tokenizer(tiny_bert):
    return AutoTokenizer.from_pretrained(tiny_bert)


@pytest.fixture(scope="module")
def arguments(csv_files, tmp_path_factory):
    """`Arguments` by pooling."""
    shared = {"output_dir": str(tmp_path_factory.mktemp("out")), "use_cpu": True, "disable_tqdm": True}
    return {
        pooling: make_arguments(**csv_files, **shared, pooling=pooling, per_device_eval_batch_size=4)
        for pooling in ("cls", "mean")
    }
