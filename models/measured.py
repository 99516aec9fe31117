"""What was measured, and how far a model fitted to it is believed: the parts of a profile that answers need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from models.errors import FieldProblem
from models.table import Table

Deviation = Annotated[float, Field(ge=0, le=2)]


class Seen(Table):
    """The range that was measured, lowest and highest; None: never measured.

    concurrency: operations in flight of all clients. rate_per_s: operations per second, offered or reached.
    cores: CPUs of an instance. instances: of the service. A prediction beyond it stands on an assumption.
    """

    concurrency: tuple[int, int] | None = None
    rate_per_s: tuple[float, float] | None = None
    cores: tuple[int, int] | None = None
    instances: tuple[int, int] | None = None

    def problems(self) -> Iterator[FieldProblem]:
        """A range goes up."""
        for name in type(self).model_fields:
            ends = getattr(self, name)
            if ends is not None and ends[0] > ends[1]:
                yield FieldProblem((name,), str(list(ends)), "the lower end first")


class Discrepancy(Table):
    """How far the system itself is from its model even with the right parameters, as relative standard deviations.

    rate: of throughputs and utilizations. time: of response times and queues. per_doubling: added, as squares, for each
    doubling beyond what was measured, along each of concurrency, rate, cores and instances. (Model discrepancy: Kennedy
    and O'Hagan, 2001.) The defaults are assumptions; a validation may replace them by what it found.
    """

    rate: Deviation = 0.03
    time: Deviation = 0.05
    per_doubling: Deviation = 0.05


class Missed(Table):
    """What the simulation of a fitted scenario still misses at a fitted level, which other loads near it have too.

    structure: which of the fit's, 0 being that of the profile's scenario. concurrency: operations in flight.
    rate_per_s: of arrivals; None: clients that wait. slower: logarithm of how much slower the whole service is than
    simulated. figures: logarithms of measured over simulated of "mean", "p50", "p95", "p99" and "cpu" (of an
    operation), of times beside that. size: absolute, of all of it. tails: logarithms of p95 and p99 over the mean, as
    measured.
    """

    structure: Annotated[int, Field(ge=0)] = 0
    concurrency: Annotated[int, Field(ge=1)]
    rate_per_s: float | None = None
    slower: float
    figures: dict[str, float] = Field(default_factory=dict)
    size: dict[str, float] = Field(default_factory=dict)
    tails: dict[str, float] = Field(default_factory=dict)
