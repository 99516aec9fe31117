"""The error of a table that cannot be read."""


class TableError(ValueError):
    """A file that holds no levels; its text is one line: the file, the place, what was found, what is accepted."""

    def __init__(self, source: str, found: str, accepted: str, place: str = "") -> None:
        where = f"{source}: {place}" if place else source
        super().__init__(f"{where}: found {found}; accepted: {accepted}")
