"""The forms of a report: HTML, Markdown, LaTeX, terminal."""
