"""What the machine did between a calibration and the measurement of what was predicted from it.

The highest fitted level is measured once more beside the held-out ones. No prediction can know by how much a neighbour
on the same hardware made it faster or slower meanwhile.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

ALLOWED: Final = 0.5
"""Share of an error's bound that the machine may have changed by: more leaves less to the prediction than to it."""
ONCE: Final = 0.08
"""Relative standard deviation of a repeat on a shared machine, where none was repeated."""


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Again(_Plain):
    """A fitted level that was measured once more. changes: of its figures since it was fitted, relative.

    chance: relative standard deviation of the throughput's change by chance, as the repeats differ; None: not known.
    """

    name: str
    changes: dict[str, float]
    chance: float | None = None

    def drift(self, figure: str) -> float | None:
        """Return the relative change of a figure that the machine's speed alone makes.

        The throughput tells the speed; a tail of few operations changes by chance.
        """
        faster = self.changes.get("throughput")
        return faster if faster is None or figure == "throughput" else 1.0 / (1.0 + faster) - 1.0

    def allowed(self, bound: float) -> float:
        """Return the change of the throughput up to which nothing disturbed the two. bound: of the errors, relative."""
        return max(ALLOWED * bound, self.chance or 0.0)


class Attempt(_Plain):
    """One of several attempts at a validation, in brief.

    date: when it was predicted. again: level that was measured again. drift: change of its throughput since it was
    fitted, and how much was allowed; None: not known. errors: median by figure. grade, coverage: as the validation's.
    counts: whether it is the one that the others were made for.
    """

    date: str
    again: str | None
    drift: float | None
    allowed: float | None
    errors: dict[str, float]
    grade: str
    coverage: float | None
    interrupted: bool = False
    counts: bool = False

    @property
    def disturbed(self) -> bool:
        """Whether the machine changed by more than is allowed; not where that is not known."""
        return self.drift is not None and self.allowed is not None and abs(self.drift) > self.allowed


def chance_of_change(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the relative standard deviation of the change between two groups of repeats, by what these differ by."""
    logarithms = [[math.log(one) for one in group if one > 0.0] for group in (before, after)]
    free = sum(len(group) - 1 for group in logarithms)
    squares = sum(statistics.pvariance(group) * len(group) for group in logarithms if group)
    variance = squares / free if free > 0 else ONCE**2
    return math.sqrt(variance * sum(1.0 / max(len(group), 1) for group in logarithms))
