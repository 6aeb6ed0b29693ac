"""Label names of real tasks, and whether all of a drawn figure can be read."""

from matplotlib.image import imread

from healbert.tasks.table import TASKS

DBPEDIA = (
    "Company EducationalInstitution Artist Athlete OfficeHolder MeanOfTransportation Building NaturalPlace Village "
    "Animal Plant Album Film WrittenWork"
).split()
NAMES = {
    "two": ["neg", "pos"],
    "emotion": ["sadness", "joy", "love", "anger", "fear", "surprise"],
    "dbpedia": DBPEDIA,
    "twitter": list(TASKS["twitter_financial_news_topic"].label_names),
    "six of 12 letters": [f"Abcdefgh ij{i}" for i in range(6)],
    "four of 60 letters": [f"A label with a name that goes on for about sixty letters, {i}" for i in range(4)],
    "one of 150 letters": ["x" * 150, "short"],
    "capitals": [f"WWWWWWWW {i}" for i in range(8)],
    "dollars": ["costs $5 or $6", r"$\nosuchthing$"],
    "underscores": ["_negative", "_positive"],
    "a word each": [str(i) for i in range(40)],
}


def shown(figure):
    """The axes that are switched on."""
    return [axis for axis in figure.axes if axis.axison]


def texts_of(figure):
    (legend,) = figure.legends
    return [figure._suptitle, *legend.get_texts(), *(axis.title for axis in shown(figure))]


def assert_nothing_is_cut_off(path, figure):
    pixels = imread(path)[..., :3]
    borders = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    assert [bool((border == 1).all()) for border in borders] == [True] * 4, "top, bottom, left, right"
    renderer, frame = figure.canvas.get_renderer(), figure.bbox
    for text in texts_of(figure):
        box = text.get_window_extent(renderer)
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1, text.get_text()
        assert frame.y0 <= box.y0 and box.y1 <= frame.y1, text.get_text()
