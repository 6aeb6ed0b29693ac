"""Text for readers: safe for a terminal, for Markdown, and durations."""

import html
import re

# C0 and C1 controls (but tab and newline), line and paragraph separators, what turns the reading direction, and
# surrogates, which stand for what is not UTF-8 in a file's name and which no file of text can hold.
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SURROGATE = re.compile("[\ud800-\udfff]")
HUB_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")
MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$!])")


def clean(text):
    """Text without control characters and without those that turn the reading direction; U+FFFD takes their place."""
    return CONTROL.sub("\ufffd", text)


def is_utf8(path):
    """Whether a path is UTF-8, as reports and some readers of files need it."""
    return not SURROGATE.search(str(path))


def as_utf8(name):
    """A name with U+FFFD in place of what is not UTF-8 in it."""
    return SURROGATE.sub("\ufffd", name)


def without_password(text):
    """Text in which no address has a user's name or password: https://user:secret@host becomes https://host."""
    return re.sub(r"(\w://)[^/\s]*@", r"\1", text)


def without_secrets(text):
    """`without_password`, and without tokens of the Hub."""
    return HUB_TOKEN.sub("hf_...", without_password(text))


def one_line(text):
    """Text for one line of a terminal: `clean`, and no line breaks or tabs."""
    return clean(str(text)).replace("\n", " ").replace("\t", " ")


def escape_markdown(text):
    """Text that Markdown shows letter by letter: no HTML, no markup, no control characters, on one line."""
    plain = clean(" ".join(str(text).split()))
    return MARKDOWN.sub(r"\\\1", html.escape(plain, quote=False))


def duration(seconds):
    """Seconds as text: 41 s, 12 min 5 s, 3 h 20 min; "an unknown time" for None."""
    if seconds is None:
        return "an unknown time"
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
