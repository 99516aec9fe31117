"""A workload: who starts operations, when, and what they do when an attempt fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from models.distributions import ZERO_TIME, TimeDistribution
from models.errors import FieldProblem
from models.fields import Count, Name, PositiveTimeNs, RatePerS, TimeNs, Weight, number, whole
from models.table import Table, nothing, shown_field
from models.trace import read_trace

MAX_USERS = 2**24


class Phase(Table):
    """A stretch of the run.

    duration: [ns]; the last phase holds on. factor: of the rate, or of the active users.
    """

    duration: PositiveTimeNs
    factor: Annotated[float, number(0, 1e6)]


class Retry(Table):
    """What a client does after a failed attempt.

    attempts: at most, the first included. backoff: before the second [ns]. multiplier: of each further
        backoff.
    cap: longest backoff [ns]. jitter: "full" draws each backoff evenly from 0 to its length.
    budget: retries for each operation in the long run; None: no limit.
    """

    attempts: Annotated[int, whole(1, 1000)]
    backoff: TimeNs = 0
    multiplier: Annotated[float, number(1, 1000)] = 2.0
    cap: PositiveTimeNs | None = None
    jitter: Literal["full", "none"] = "full"
    budget: Annotated[float, number(0, 1000)] | None = None

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """Without a backoff there is nothing to multiply, to cap or to draw."""
        if self.backoff == 0:
            for field in ("multiplier", "cap", "jitter"):
                yield field, "a backoff above 0"

    def problems(self) -> Iterator[FieldProblem]:
        """Reject a cap below the first backoff."""
        if self.cap is not None and self.cap < self.backoff:
            accepted = f"at least the backoff of {shown_field(self, 'backoff')}"
            yield FieldProblem(("cap",), shown_field(self, "cap"), accepted)


class Workload(Table):
    """One population of clients.

    procs: concurrent load-generating processes. concurrency: operations that each process of a closed
        workload keeps circulating.
    think_time: closed: from the end of an operation to the start of the next [ns].
    arrival_rate: open: Poisson arrivals of all processes together [per s]. interarrival: instead, of each
        process [ns].
    file: trace: rows of seconds since start and, optionally, an operation's name.
    operations: weights by name. Default: the first operation of the scenario (empty for a trace that names
        them).
    timeout: of one attempt [ns]. cancel_on_timeout: take the abandoned attempt out wherever it is.
    """

    name: Name
    kind: Literal["closed", "open", "trace"]
    procs: Count = 1
    concurrency: Count = 1
    think_time: TimeDistribution = ZERO_TIME
    arrival_rate: RatePerS | None = None
    interarrival: TimeDistribution | None = None
    file: str | None = None
    phases: list[Phase] = Field(default_factory=nothing)
    operations: dict[Name, Weight] = Field(default_factory=dict)
    timeout: TimeDistribution | None = None
    cancel_on_timeout: bool = Field(default=False, strict=True)
    retry: Retry | None = None

    _directory: Path = PrivateAttr(default=Path())

    def __eq__(self, other: object) -> bool:
        """Compare the fields; where the scenario file is does not make two workloads different."""
        return isinstance(other, Workload) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    @property
    def users(self) -> int:
        """Operations that a closed workload keeps circulating, before phases."""
        return self.procs * self.concurrency

    def arrivals(self) -> tuple[NDArray[np.int64], list[str] | None]:
        """Read the trace file: start times [ns, nondecreasing], and their operations' names if it has them.

        Raises InvalidField if the file is missing, empty, unsorted, or has a row that cannot be read.
        """
        return read_trace(self._directory / (self.file or ""))

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """Fields of the other kinds of workload."""
        if self.kind != "closed":
            yield "concurrency", 'kind = "closed"'
            yield "think_time", 'kind = "closed"'
        if self.kind != "open":
            yield "arrival_rate", 'kind = "open"'
            yield "interarrival", 'kind = "open"'
        if self.kind != "trace":
            yield "file", 'kind = "trace"'
        else:
            yield "phases", 'kind = "open" or "closed", as a trace has its own times'
        if self.timeout is None and self.cancel_on_timeout:
            yield "cancel_on_timeout", "a timeout"

    def problems(self) -> Iterator[FieldProblem]:
        """Check that something starts, and not too much."""
        if self.kind == "open":
            yield from self._open_problems()
        if self.kind == "trace" and self.file is None:
            yield FieldProblem(("file",), "nothing", 'the trace, such as "arrivals.csv"')
        if self.kind == "closed":
            largest = max([1.0, *(phase.factor for phase in self.phases)])
            if self.users * largest > MAX_USERS:
                accepted = f"procs x concurrency x factor up to {MAX_USERS}"
                yield FieldProblem(("concurrency",), str(self.concurrency), accepted)
        if self.phases and not any(phase.factor for phase in self.phases):
            yield FieldProblem(("phases",), "factors that are all 0", "at least one factor above 0")
        if self.operations and not any(self.operations.values()):
            yield FieldProblem(("operations",), "weights that are all 0", "at least one weight above 0")
        if self.timeout is not None and self.timeout.can_be_zero:
            yield FieldProblem(("timeout",), shown_field(self, "timeout"), 'a time above 0, such as "2s"')

    def _open_problems(self) -> Iterator[FieldProblem]:
        if self.arrival_rate is None and self.interarrival is None:
            yield FieldProblem(("arrival_rate",), "nothing", 'a rate, such as "870/s", or interarrival instead')
        if self.arrival_rate is not None and self.interarrival is not None:
            accepted = "nothing beside arrival_rate"
            yield FieldProblem(("interarrival",), shown_field(self, "interarrival"), accepted)
        elif self.interarrival is not None and self.interarrival.is_zero:
            yield FieldProblem(("interarrival",), shown_field(self, "interarrival"), "a time above 0")

    @model_validator(mode="after")
    def _remember_directory(self, info: ValidationInfo) -> Self:
        if isinstance(info.context, dict) and "directory" in info.context:
            self._directory = Path(info.context["directory"])
        return self
