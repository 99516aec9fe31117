"""What was measured: one level of load, and the table of levels that a measurement or a report consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.measures import percentile_name

SCHEMA_VERSION: Final = 1

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(gt=0, lt=100, allow_inf_nan=False)]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(_Plain):
    """One measured level of load, in SI units; None where something was not measured or not reported.

    The operations in flight of a closed level are procs * concurrency. Where only procs is known, a process
    may keep any number of operations in flight. All counts and rates are totals over processes and instances.

    Attributes:
        place: where in its source it stands, such as "line 4".
        series: levels of one series differ in their load alone (one machine, one setting, one operation).
        label: what the report calls it, such as "heavy".
        run: which repeat it is, where a level was measured several times; repeats stay levels of their own.
        kind: whether clients wait for an answer before the next operation (closed) or not (open).
        procs: load-generating processes: clients, connections, threads or virtual users.
        concurrency: operations that each of them keeps circulating.
        arrival_rate_per_s: intended start of operations, of an open level.
        think_time_s: mean pause between the end of an operation and the intended start of the next.
        cores, instances: of the service; cores of one instance.
        duration_s: measured time. operations: ended in it.
        throughput_per_s: operations that ended, per second. goodput_per_s: those that succeeded.
        throughput_per_proc_per_s, efficiency, speedup: as the report states them.
        mean_s, stdev_s, min_s, max_s: of the response time. percentiles_s: by percentage, such as {99.9: 0.2}.
        cpu_busy_cores: cores' worth of CPU that the service took, over all instances.
        cpu_utilization: of the machines that the service runs on, 0 to 1.
        generator_cpu_cores: cores' worth of CPU that the load generator took.
        memory_bytes, network_bytes_per_s, disk_bytes_per_s: of the service.
        success_rate, error_rate: shares of the operations. timeout_rate, retry_rate: per operation.
        other_rates_per_s: further throughputs, such as queries beside transactions.
        repeats: measurements that the level is the median or mean of.
        rounding: half a unit of the last printed digit by field, percentiles by their name ("p95"), in the
            unit of the field; absent where the figure is exact.
    """

    place: str = ""
    series: str = ""
    label: str = ""
    run: str = ""
    kind: Literal["closed", "open"] | None = None
    procs: Positive | None = None
    concurrency: Positive | None = None
    arrival_rate_per_s: Positive | None = None
    think_time_s: NotNegative | None = None
    cores: Positive | None = None
    instances: Positive | None = None
    duration_s: Positive | None = None
    operations: NotNegative | None = None
    throughput_per_s: Positive
    goodput_per_s: NotNegative | None = None
    throughput_per_proc_per_s: NotNegative | None = None
    efficiency: NotNegative | None = None
    speedup: NotNegative | None = None
    mean_s: NotNegative | None = None
    stdev_s: NotNegative | None = None
    min_s: NotNegative | None = None
    max_s: NotNegative | None = None
    percentiles_s: dict[Percent, NotNegative] = {}
    cpu_busy_cores: NotNegative | None = None
    cpu_utilization: NotNegative | None = None
    generator_cpu_cores: NotNegative | None = None
    memory_bytes: NotNegative | None = None
    network_bytes_per_s: NotNegative | None = None
    disk_bytes_per_s: NotNegative | None = None
    success_rate: NotNegative | None = None
    error_rate: NotNegative | None = None
    timeout_rate: NotNegative | None = None
    retry_rate: NotNegative | None = None
    other_rates_per_s: dict[str, NotNegative] = {}
    repeats: int = Field(default=1, ge=1)
    rounding: dict[str, NotNegative] = {}

    @property
    def population(self) -> float | None:
        """Operations that circulate, of a closed level whose concurrency is known."""
        if self.kind == "open" or self.procs is None or self.concurrency is None:
            return None
        return self.procs * self.concurrency

    @property
    def busy_cores(self) -> float | None:
        """Cores' worth of CPU of the service: as measured, else from the utilization of all its cores."""
        if self.cpu_busy_cores is not None:
            return self.cpu_busy_cores
        if self.cpu_utilization is None or self.cores is None:
            return None
        return self.cpu_utilization * self.cores * (self.instances or 1)

    @property
    def load(self) -> float | None:
        """What the levels of a series are ordered by: operations circulating, processes, or the rate."""
        if self.kind == "open":
            return self.arrival_rate_per_s or self.throughput_per_s
        return self.population or self.procs or self.arrival_rate_per_s

    @property
    def name(self) -> str:
        """What a message calls the level: its load, its label and its place."""
        words = []
        if self.kind == "open" or self.procs is None:
            rate = self.arrival_rate_per_s
            words += [f"{rate:g}/s offered"] if rate is not None else []
        else:
            words.append(f"{self.procs:g} process{'es' if self.procs != 1 else ''}")
        words += [self.label] if self.label else []
        words += [self.series] if self.series else []
        return ", ".join(words) or self.place or "the level"

    def figure(self, name: str) -> float | None:
        """Return a figure by its field, or a percentile by its name such as "p95"."""
        if name in type(self).model_fields:
            found = getattr(self, name)
            return found if isinstance(found, int | float) else None
        return {percentile_name(percent): value for percent, value in self.percentiles_s.items()}.get(name)

    def relative_rounding(self, name: str) -> float:
        """Return half a unit of the last printed digit of a figure, relative to it; 0 where it is exact."""
        value = self.figure(name)
        return self.rounding.get(name, 0.0) / abs(value) if value else 0.0


class Claim(_Plain):
    """A change that a report states: of one figure, by one measure, at one load.

    Attributes:
        place: where in its source it stands.
        subject: what brought the change, such as "memory_pool"; "" for everything together.
        figure: what changed, by the field of a level ("throughput_per_s", "p95"); None where it is not said.
        load: what the report calls the load. procs: its processes.
        before, after: the figure without and with it, in SI units.
        change: relative change as stated: 0.842 for +84.2 %.
        rounding: half a unit of the last printed digit of "before", "after" and "change".
    """

    place: str = ""
    subject: str = ""
    figure: str | None = None
    load: str = ""
    procs: Positive | None = None
    before: float | None = None
    after: float | None = None
    change: float | None = None
    rounding: dict[str, NotNegative] = {}


class Remark(_Plain):
    """Something that a reader noticed and a user should know.

    Attributes:
        code: stable name, such as "not_positive" or "without_unit".
        place: where in the source. message: one sentence with the figure.
    """

    code: str
    place: str = ""
    message: str


class LevelTable(_Plain):
    """Levels of one source, by one tool, and what is to be known about them.

    Attributes:
        source: file or measurement. tool: what wrote it, such as "wrk2", "sysbench" or "csv".
        levels: in the order of the source; at least one, or a claim.
        claims: changes that the report states.
        leaves_out_late_starts: whether response times leave out the wait of requests that were sent late
            (coordinated omission; Tene, 2013), so that they are too small under overload; None if unknown.
        remarks: what was left out or assumed while reading.
        unused: columns or fields that have no meaning here.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    source: str
    tool: str
    levels: list[Level] = []
    claims: list[Claim] = []
    leaves_out_late_starts: bool | None = None
    remarks: list[Remark] = []
    unused: list[str] = []

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if not self.levels and not self.claims:
            raise ValueError("a table without levels")
        return self

    def series(self) -> dict[str, list[Level]]:
        """Return the levels by series, each in the order of its load; levels without a load come first."""
        grouped: dict[str, list[Level]] = {}
        for level in self.levels:
            grouped.setdefault(level.series, []).append(level)
        return {name: sorted(levels, key=lambda level: level.load or 0.0) for name, levels in grouped.items()}

    def to_data(self) -> dict[str, Any]:
        """Return the table as plain data for JSON, without what is not known."""
        return self.model_dump(mode="json", exclude_defaults=True) | {"schema_version": SCHEMA_VERSION}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> LevelTable:
        """Read what `to_data` returned. Raises ValueError."""
        return cls.model_validate(data)


def merged(tables: Sequence[LevelTable]) -> list[LevelTable]:
    """Join the tables of one tool whose levels came one a file, as most load generators write them.

    Each level's place then starts with its file. Tables that hold several levels or claims stay as they are.
    """
    single: dict[str, list[LevelTable]] = {}
    for table in tables:
        if len(table.levels) == 1 and not table.claims:
            single.setdefault(table.tool, []).append(table)
    joined: list[LevelTable] = []
    for table in tables:
        group = single.get(table.tool, [])
        if table not in group or len(group) == 1:
            joined.append(table)
        elif table is group[0]:
            joined.append(_joined(group))
    return joined


def _joined(tables: Sequence[LevelTable]) -> LevelTable:
    levels = []
    remarks: list[Remark] = []
    for table in tables:
        levels += [
            level.model_copy(update={"place": f"{table.source}: {level.place}".removesuffix(": ")})
            for level in table.levels
        ]
        remarks += [remark for remark in table.remarks if remark not in remarks]
    first = tables[0]
    return first.model_copy(
        update={
            "source": f"{first.source} and {len(tables) - 1} more",
            "levels": levels,
            "remarks": remarks,
            "unused": sorted({name for table in tables for name in table.unused}),
        }
    )
