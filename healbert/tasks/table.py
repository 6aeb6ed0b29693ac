"""The task table: data, not code. A new task is one entry."""

import dataclasses

from ..utils.registry import table


@dataclasses.dataclass(frozen=True)
class Task:
    """Where a dataset lies, what its columns are called, and which type of task it is.

    ``dataset`` and ``config`` are what `datasets.load_dataset` takes; ``evaluation`` is the labelled split
    that scores are reported on; ``recipe`` holds settings that replace the general defaults for this task.
    ``label_names`` serves datasets whose labels are plain integers; ``type`` is a name in `types.TASK_TYPES`;
    ``language`` is that of the texts, for model cards; ``called`` says what the user calls a split, for messages;
    ``examples`` is how many train has, where that is known beforehand: the longest runs of a sweep begin first.
    """

    dataset: str
    config: str | None = None
    text: tuple[str, ...] = ("text",)
    label: str = "label"
    evaluation: str = "validation"
    label_names: tuple[str, ...] = ()
    recipe: dict = dataclasses.field(default_factory=dict)
    type: str = "classification"
    language: str | None = None
    called: dict = dataclasses.field(default_factory=dict)
    examples: int | None = None

    def call(self, split):
        """What messages call a split: the flag that names its file, or its name in the source."""
        return self.called.get(split, split)


def _glue(config, *text, examples, evaluation="validation", **more):
    return Task("nyu-mll/glue", config, text=text, evaluation=evaluation, examples=examples, **more)


def _tagged(dataset, examples):
    return Task(dataset, text=("tokens",), label="ner_tags", type="token_classification", examples=examples)


def _embedded(name, *text, **more):
    """A task of `embedded.EMBEDDED`: so small that it wants more steps than others."""
    recipe = {"learning_rate": 2e-4, "num_train_epochs": 4, "per_device_train_batch_size": 32}
    return Task(name, text=text, recipe=recipe, **more)


def _squad(dataset, examples):
    return Task(dataset, text=("question", "context"), label="answers", type="question_answering", examples=examples)


def _summaries(dataset, config=None, text="dialogue", label="summary", examples=None):
    return Task(dataset, config, text=(text,), label=label, type="summarization", examples=examples)


EMBEDDED_TASK = "docstrings"  # of those that are embedded, the one that is run where none is named


def _entry(task):
    """A `Task`: what was registered, or what the registered function returns."""
    task = task() if callable(task) else task
    if not isinstance(task, Task):
        raise TypeError(f"it is {task!r}, not a healbert.tasks.table.Task or a function that returns one")
    return task


TASKS = table("task", _entry)

BUILT_IN = {
    # Ship with the requirements: `embedded/` says what they are.
    EMBEDDED_TASK: _embedded(EMBEDDED_TASK, "text"),
    "docstring_similarity": _embedded("docstring_similarity", "text", "other", label="nearness", type="retrieval"),
    "docstring_summary": _embedded("docstring_summary", "text", label="summary", type="summarization"),
    "docstring_lm": _embedded("docstring_lm", "text", type="masked_lm"),
    "code_tokens": _embedded("code_tokens", "tokens", label="tags", type="token_classification"),
    # The six of the paper (arXiv 2406.14459). Where there is no labelled validation split, test is evaluated.
    "sst2": Task("stanfordnlp/sst2", text=("sentence",), examples=67_349),
    "imdb": Task("stanfordnlp/imdb", evaluation="test", examples=25_000),
    "ag_news": Task("fancyzhx/ag_news", evaluation="test", examples=120_000),
    "emotion": Task("dair-ai/emotion", "split", examples=16_000),
    "dbpedia_14": Task("fancyzhx/dbpedia_14", text=("content",), evaluation="test", examples=560_000),
    "twitter_financial_news_topic": Task(
        "zeroshot/twitter-financial-news-topic",
        examples=16_990,
        label_names=(
            "Analyst Update",
            "Fed | Central Banks",
            "Company | Product News",
            "Treasuries | Corporate Debt",
            "Dividend",
            "Earnings",
            "Energy | Oil",
            "Financials",
            "Currencies",
            "General News | Opinion",
            "Gold | Metals | Materials",
            "IPO",
            "Legal | Regulation",
            "M&A | Investments",
            "Macro",
            "Markets",
            "Politics",
            "Personnel Change",
            "Stock Commentary",
            "Stock Movement",
        ),
    ),
    # The other classification tasks of GLUE; pairs of sentences are encoded as pairs.
    "cola": _glue("cola", "sentence", examples=8_551),
    "mnli": _glue("mnli", "premise", "hypothesis", examples=392_702, evaluation="validation_matched"),
    "mrpc": _glue("mrpc", "sentence1", "sentence2", examples=3_668),
    "qnli": _glue("qnli", "question", "sentence", examples=104_743),
    "qqp": _glue("qqp", "question1", "question2", examples=363_846),
    "rte": _glue("rte", "sentence1", "sentence2", examples=2_490),
    "wnli": _glue("wnli", "sentence1", "sentence2", examples=635),
    # Other types.
    "stsb": _glue("stsb", "sentence1", "sentence2", examples=5_749, type="regression"),
    "go_emotions": Task(
        "google-research-datasets/go_emotions", "simplified", label="labels", type="multi_label", examples=43_410
    ),
    "wikitext": Task("Salesforce/wikitext", "wikitext-2-raw-v1", type="masked_lm", examples=36_718),
    "swag": Task(
        "allenai/swag",
        "regular",
        text=("startphrase", "ending0", "ending1", "ending2", "ending3"),
        type="multiple_choice",
        examples=73_546,
    ),
    "copa": Task(
        "kinit/copa", text=("premise", "question", "choice1", "choice2"), type="multiple_choice", examples=400
    ),
    "squad": _squad("rajpurkar/squad", examples=87_599),
    "squad_v2": _squad("rajpurkar/squad_v2", examples=130_319),
    "conll2003": _tagged("lhoestq/conll2003", examples=14_041),
    "wnut_17": _tagged("manu/wnut_17", examples=3_394),
    "xsum": _summaries("knkarthick/xsum", examples=204_045),
    "cnn_dailymail": _summaries("abisee/cnn_dailymail", "3.0.0", "article", "highlights", examples=287_113),
    "samsum": _summaries("knkarthick/samsum", examples=14_732),
}


for _name, _task in BUILT_IN.items():
    TASKS.add(_name, dataclasses.replace(_task, language="en"))
