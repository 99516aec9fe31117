"""Files that a command is to write: opened before the work starts, complete or not there at all."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

STANDARD_OUTPUT: Final = "-"


PICTURE_FORMATS: Final = ("png", "svg", "pdf")


class OutputError(OSError):
    """A file that cannot be written; its text is one line that names the option and the file."""


class OutputFile:
    """One file to be written.

    A regular file is written beside its place and moved over it by `commit`; anything else (a pipe, a device,
    `-` for standard output) is written when it is committed.
    """

    def __init__(self, option: str, path: str) -> None:
        """Open the file for writing. option: what brought it, for errors. Raises OutputError."""
        self.option = option
        self.path = path
        self._temporary: str | None = None
        if path == STANDARD_OUTPUT:
            return
        target = os.path.realpath(path)
        self._target = target
        try:
            if os.path.isdir(target):
                raise IsADirectoryError(21, "Is a directory")
            if os.path.exists(target) and not os.access(target, os.W_OK):
                raise PermissionError(13, "Permission denied")
            if not os.path.exists(target) or stat.S_ISREG(os.stat(target).st_mode):
                import tempfile  # takes longer to load than most answers need

                handle, self._temporary = tempfile.mkstemp(prefix=".sim-", dir=os.path.dirname(target))
                os.close(handle)
        except OSError as error:
            raise self._error(error) from None

    def commit(self, content: str | bytes) -> None:
        """Write the whole content and put the file in its place. Raises OutputError."""
        data = content.encode() if isinstance(content, str) else content
        if self.path == STANDARD_OUTPUT:
            sys.stdout.write(data.decode())
            sys.stdout.flush()
            return
        try:
            with open(self._temporary or self._target, "wb") as file:
                file.write(data)
            if self._temporary is not None:
                os.chmod(self._temporary, _mode_of(self._target))
                os.replace(self._temporary, self._target)
                self._temporary = None
        except OSError as error:
            self.discard()
            raise self._error(error) from None

    def discard(self) -> None:
        """Leave the place as it was, if the file was not committed."""
        if self._temporary is not None:
            with suppress(OSError):
                os.unlink(self._temporary)
            self._temporary = None

    def _error(self, error: OSError) -> OutputError:
        reason = error.strerror or type(error).__name__
        return OutputError(f"{self.option} {self.path}".strip() + f": cannot be written ({reason.lower()})")


class Outputs:
    """All files that a command is to write, opened together; those not written are discarded at the end."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], OutputFile] = {}

    def open(self, option: str, path: str, part: str = "") -> None:
        """Open a file. part: tells the files of one option apart.

        Raises OutputError, also for a path that is used twice.
        """
        for other in self._files.values():
            if os.path.realpath(other.path) == os.path.realpath(path):
                raise OutputError(f"{option} {path}: is written by {other.option} too")
        self._files[option, part] = OutputFile(option, path)

    def write(self, option: str, content: str | bytes, part: str = "") -> None:
        """Write the file of an option."""
        self._files[option, part].commit(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.discard()


def picture_format(path: str) -> str:
    """Return the format that a picture's ending names. Raises OutputError."""
    ending = Path(path).suffix.removeprefix(".").lower()
    if ending not in PICTURE_FORMATS:
        found = f"the ending .{ending}" if ending else "no ending"
        accepted = ", ".join(f".{name}" for name in PICTURE_FORMATS)
        raise OutputError(f"{path}: found {found}; accepted: {accepted}")
    return ending


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a whole file, so that it is complete or as it was. Raises OutputError."""
    OutputFile("", str(path)).commit(content)


def _mode_of(target: str) -> int:
    """Return the permissions of the file that is replaced, or those of a new file."""
    if os.path.exists(target):
        return stat.S_IMODE(os.stat(target).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
