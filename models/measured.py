"""What was measured, and how far a model fitted to it is believed: the parts of a profile that answers need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import Field

from models.errors import FieldProblem
from models.table import Table

Deviation = Annotated[float, Field(ge=0, le=2)]
Share = Annotated[float, Field(ge=0, le=1)]
TAILS: Final = {"p95": 1.5, "p99": 2.0, "p999": 2.0}
"""How much further a model is off in a tail of the response times than in their mean: an assumption."""
LINE_BYTES: Final = 64
ROOM: Final = 0.6
"""Share of a core's cache that is left for what each process has alone, beside the code and the data of all, where it
is not known that some have their turn again before all others had one."""


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
    operation), of times beside that. size: absolute, of all of it. tails: logarithms of percentiles over the mean, as
    measured. kept: share of their distance from the simulated ones that goes on beyond the fitted levels. stops_s: by
    how much p99 exceeds p95 where that is as long under any load; None: it grows with the others. growing: what the
    distance of a percentile from the mean grows by, as a logarithm, with each doubling of the operations in flight.
    """

    structure: Annotated[int, Field(ge=0)] = 0
    concurrency: Annotated[int, Field(ge=1)]
    rate_per_s: float | None = None
    slower: float
    figures: dict[str, float] = Field(default_factory=dict)
    size: dict[str, float] = Field(default_factory=dict)
    tails: dict[str, float] = Field(default_factory=dict)
    kept: Annotated[float, Field(ge=0, le=1)] = 0.5
    stops_s: Annotated[float, Field(ge=0)] | None = None
    growing: dict[str, float] = Field(default_factory=dict)


class CrowdedCaches(Table):
    """The caches that processes, one for each connection, crowd each other out of.

    A core comes back to a process after it has run others. As long as what each of them has alone fits into the cache
    that a core has for itself, an operation finds its own still there; with more of them it is fetched anew, up to all
    of it, a line at a time.

    cores: that the processes share. cache_bytes: of each, for itself. returns: how often an operation fetches its
    lines. others: share of the other processes that had a turn since the last one of its own, for each of several
    equally many operations. room: share of the cache that is left for what each process has alone.
    """

    cores: Annotated[int, Field(ge=1)]
    cache_bytes: Annotated[int, Field(ge=1)]
    returns: Annotated[float, Field(ge=1)] = 1.0
    others: Annotated[tuple[Share, ...], Field(min_length=1)] = (1.0,)
    room: Annotated[float, Field(gt=0, le=1)] = ROOM

    def extra_s(self, own_lines: float, line_s: float, processes: float) -> float:
        """Return the CPU that an operation of so many processes takes more, in the mean [s].

        own_lines: that it touches of what only its process has. line_s: to fetch one [s].
        """
        room = self.room * self.cache_bytes * self.cores / LINE_BYTES
        touched = [own_lines * (1.0 + share * (processes - 1.0)) for share in self.others]
        missing = sum(1.0 - room / lines for lines in touched if lines > room) / len(self.others)
        return self.returns * missing * own_lines * line_s
