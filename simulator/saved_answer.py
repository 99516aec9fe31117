"""An answer about several runs as plain data that can be saved and loaded again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.export import json_text
from simulator.output_files import write_atomically


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
