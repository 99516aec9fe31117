"""An answer about several runs as plain data that can be saved and loaded again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simulator.export import json_text
from simulator.output_files import write_atomically
from simulator.result import REQUIRED, SCHEMA_VERSION, ResultError, refuse_incomplete

KINDS: Final = tuple(REQUIRED)


@dataclass
class Answer:
    """What a command that makes several runs answers.

    data: everything that is saved, as it stands in the JSON, in SI units.
    """

    data: dict[str, Any]

    @property
    def interrupted(self) -> bool:
        """Whether the work was cut short."""
        return bool(self.data["interrupted"])

    def to_json(self) -> str:
        """Print the data as JSON."""
        return json_text(self.data)

    def save(self, path: str | Path) -> None:
        """Write the JSON, whole or not at all. Raises OSError."""
        write_atomically(path, self.to_json())


def load_answer(path: str | Path) -> dict[str, Any]:
    """Read what any command has saved. Raises ResultError if the file is missing or holds none of KINDS."""
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from None
    except ValueError:
        raise ResultError(f"{path}: is not JSON; accepted: a result saved by sim") from None
    if not isinstance(data, dict) or "kind" not in data or "schema_version" not in data:
        raise ResultError(f"{path}: has no schema_version and kind; accepted: a result saved by sim")
    for name, accepted in (("schema_version", (SCHEMA_VERSION,)), ("kind", KINDS)):
        if data[name] not in accepted:
            said = ", ".join(map(repr, accepted))
            raise ResultError(f"{path}: {name}: found {data[name]!r}; accepted: {said}")
    refuse_incomplete(data, str(path))
    return data
