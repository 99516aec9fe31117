"""What can go wrong while real programs are measured, as one line for the person who asked."""

from __future__ import annotations


class LiveError(ValueError):
    """A program, a callable or a server that cannot be measured; its text is one line.

    subject: the command, callable or URL. found: what happened. accepted: what would have been right.
    """

    def __init__(self, subject: str, found: str, accepted: str) -> None:
        self.subject = subject
        self.found = found
        self.accepted = accepted
        super().__init__(" ".join(f"{subject}: found {found}; accepted: {accepted}".split()))


class NothingEndedError(LiveError):
    """No operation ended while one level was measured: its window may be too short for so many at once."""
