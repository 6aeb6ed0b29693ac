"""What ``exclude:`` of a sweep leaves out."""

import warnings

from ..arguments.parser import typed


class Exclusions:
    """The entries of ``exclude:``, each a set of settings; a run that has all of an entry's is left out.

    Args:
        entries: list of {flag: value or list of values}, as the file holds them.
    """

    def __init__(self, entries):
        self.entries = [{key: _typed_values(key, value) for key, value in entry.items()} for entry in entries]
        self.met = set()  # places of the entries that left something out

    def leave_out(self, given, arguments):
        """Whether a run is left out.

        Args:
            given: its settings as the sweep gives them.
            arguments: its `Arguments`.
        """
        if not self.entries:
            return False
        # As the file says it, a recipe among it, which is none of a run's settings; or as that is understood.
        return self._match(self._named(given), arguments.settings())

    def leave_out_as_given(self, given):
        """The same of settings that cannot run, which is often why they are excluded."""
        return self._match(self._named(given))

    def _named(self, given):
        named = given.keys() & {key for entry in self.entries for key in entry}
        return {key: typed(key, given[key]) for key in named}

    def warn_of_unmet(self):
        """Warns of entries that left nothing out: what they name is likely mistyped."""
        for entry in (entry for place, entry in enumerate(self.entries) if place not in self.met):
            named = ", ".join(f"{key} {' or '.join(map(str, values))}" for key, values in entry.items())
            warnings.warn(f"exclude leaves out no run: the grid has none of {named}", stacklevel=3)

    def _match(self, *forms):
        found = [
            place
            for place, entry in enumerate(self.entries)
            if all(any(key in form and form[key] in values for form in forms) for key, values in entry.items())
        ]
        self.met.update(found)
        return bool(found)


def _typed_values(key, value):
    return [typed(key, one) for one in (value if isinstance(value, list) else [value])]
