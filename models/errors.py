"""The errors of reading a scenario: what was found in which field, and what is accepted there."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Path = tuple[str | int, ...]

_SHOWN_CHARACTERS = 60


def shown(value: object) -> str:
    """Print a value on one line the way it stands in a TOML file, cut to a readable length."""
    if value is None:
        return "nothing"
    if isinstance(value, float):
        return repr(value)
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # an integer of thousands of digits, or a very deep table
        text = "a value too large to show"
    text = "".join(character if character.isprintable() else "?" for character in text)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def dotted(path: Sequence[str | int]) -> str:
    """Print a field's place, such as `operations[0].stages[2].demand`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            printable = "".join(character if character.isprintable() else "?" for character in part)
            text += f".{printable}" if text else printable
    return text


class FieldProblem(NamedTuple):
    """One thing wrong with one field.

    path: place of the field, relative to the table that reports it.
    found: what stands there, already printed.
    accepted: what may stand there, with an example where that helps.
    """

    path: Path
    found: str
    accepted: str

    def below(self, prefix: Path) -> "FieldProblem":
        """Return the same problem as seen from a table further out."""
        return FieldProblem((*prefix, *self.path), self.found, self.accepted)

    def __str__(self) -> str:
        place = f"{dotted(self.path)}: " if self.path else ""
        return f"{place}found {self.found}; accepted: {self.accepted}"


class InvalidField(ValueError):  # noqa: N818 - names the input, not the program, as what is wrong
    """Raised inside validators: one or several problems of the value or the table being read."""

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def invalid(found: object, accepted: str, path: Path = ()) -> InvalidField:
    """Make the error of one field from the value found there, printed by `shown`."""
    return InvalidField([FieldProblem(path, shown(found), accepted)])


class ScenarioError(ValueError):
    """A scenario that cannot be read; its text is one line.

    source: the file, or another name of where the scenario came from.
    problems: everything that was found wrong, at least one.
    """

    def __init__(self, source: str, problems: Sequence[FieldProblem]) -> None:
        self.source = source
        self.problems = list(problems)
        self.errors = [f"{source}: {problem}" for problem in self.problems]
        more = len(self.errors) - 1
        super().__init__(self.errors[0] + (f" (and {more} more)" if more else ""))
