"""What a long piece of work has done so far, kept in a file after each step, so that it can be gone on with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from simulator.output_files import OutputError, write_atomically
from simulator.result import ResultError

KIND: Final = "checkpoint"


class Checkpoint:
    """Results by position, one line of JSON each behind a first line that says of what work they are.

    A line counts when it is complete, so work that is killed while it writes loses that line alone.
    """

    def __init__(self, path: Path, work: Mapping[str, Any]) -> None:
        """Name the file. work: everything that the results depend on."""
        self.path = path
        text = json.dumps(work, sort_keys=True, default=str)
        self.key: str = hashlib.sha256(text.encode()).hexdigest()
        self._started = False

    def load(self) -> dict[int, dict[str, Any]]:
        """Return what the file holds, and go on with it; nothing if there is no file.

        Raises ResultError if the file holds something else, or results of other work.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1]  # what follows the last newline is incomplete
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ResultError(f"{self.path}: cannot be read ({(error.strerror or str(error)).lower()})") from None
        try:
            head, *rows = (json.loads(line) for line in lines)
            kind, key = head["kind"], head["work"]
        except (ValueError, TypeError, KeyError):
            raise ResultError(f"{self.path}: is no file of an interrupted sweep") from None
        if kind != KIND or key != self.key:
            found = "results of another scenario, other values or another seed"
            raise ResultError(f"{self.path}: found {found}; accepted: what the same command has left, or another file")
        self._rewrite(lines)
        return {row["position"]: row["data"] for row in rows}

    def add(self, position: int, data: Mapping[str, Any]) -> None:
        """Write one result. The first one replaces the file, unless it was loaded. Raises OutputError."""
        if not self._started:
            self._rewrite([json.dumps({"kind": KIND, "work": self.key}).encode()])
        line = json.dumps({"position": position, "data": data}, ensure_ascii=False)
        try:
            with self.path.open("ab") as file:
                file.write(line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._error(error) from None

    def discard(self) -> None:
        """Remove the file: the work is done."""
        self.path.unlink(missing_ok=True)

    def _rewrite(self, lines: list[bytes]) -> None:
        """Start the file with complete lines."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, b"".join(line + b"\n" for line in lines))
        except OutputError as error:
            raise OutputError(f"--checkpoint {error}") from None
        except OSError as error:
            raise self._error(error) from None
        self._started = True

    def _error(self, error: OSError) -> OutputError:
        reason = (error.strerror or type(error).__name__).lower()
        return OutputError(f"--checkpoint {self.path}: cannot be written ({reason})")
