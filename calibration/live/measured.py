"""A live measurement as plain data: its levels, what each operation used in them, and the workload described."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibration.levels import LevelTable
from calibration.live.errors import LiveError
from models.service import ReadyOrder

SCHEMA_VERSION: Final = 1

DEFAULT_FILE: Final = "sim-measurement.json"
"""Where a live measurement is written, and where the fit looks for it: in the current directory."""

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Quantiles = list[tuple[Share, NotNegative]]


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Plain):
    """A measured mean. half_width: of its 95 % interval over the repeats; None with a single repeat."""

    value: NotNegative
    half_width: NotNegative | None = None


class Spread(_Plain):
    """A distribution as measured.

    mean_s: with its interval. cv: standard deviation over mean. count: operations behind the quantiles.
    quantiles_s: (probability, seconds) from the smallest to the largest.
    """

    mean_s: Figure
    cv: NotNegative
    count: int = Field(ge=1)
    quantiles_s: Quantiles


class Detail(_Plain):
    """What one repeat of a level gave beyond the response times, per operation unless it says otherwise.

    cpu_s: CPU of the measured processes, the recorder's own taken off. run_delay_s: ready, but not running.
    asleep_s: neither running nor ready, within an operation; None where operations are paced.
    start_delay_s: median time from the intended to the real start.
    voluntary_switches: times it slept. involuntary_switches: times it was replaced on its core.
    read_bytes, written_bytes: through read(2) and write(2). disk_read_bytes, disk_written_bytes: that a disk
    has to move. network_bytes: to and from the service, as the generator counted them, or as programs report
    them. loopback_bytes: of the whole machine.
    base_bytes: resident memory of all processes before the first operation. own_bytes: of it, not shared.
    peak_bytes: resident memory of all processes at its peak.
    generator_cpu_s: CPU of the load generator. generator_switches, generator_run_delay_s: of it, as of the service.
    overhead_s: recorder's time within each operation, taken off.
    service_quantiles_s, response_quantiles_s: from the real and from the intended start.
    process_cpu_cores: cores' worth of CPU of each process of a service, the busiest first.
    connections_elsewhere: of a service, that its clients did not make, as to a database; None: not seen.
    others_share, steal_share: of the machine, that other processes and the hypervisor took meanwhile.
    """

    copies: int = Field(ge=1)
    run: int = Field(ge=1)
    cpu_s: NotNegative | None = None
    run_delay_s: NotNegative | None = None
    asleep_s: NotNegative | None = None
    start_delay_s: NotNegative
    voluntary_switches: NotNegative | None = None
    involuntary_switches: NotNegative | None = None
    minor_faults: NotNegative | None = None
    major_faults: NotNegative | None = None
    read_bytes: NotNegative | None = None
    written_bytes: NotNegative | None = None
    disk_read_bytes: NotNegative | None = None
    disk_written_bytes: NotNegative | None = None
    network_bytes: NotNegative | None = None
    loopback_bytes: NotNegative | None = None
    base_bytes: NotNegative | None = None
    own_bytes: NotNegative | None = None
    peak_bytes: NotNegative | None = None
    generator_cpu_s: NotNegative | None = None
    generator_switches: NotNegative | None = None
    generator_run_delay_s: NotNegative | None = None
    overhead_s: NotNegative = 0.0
    service_quantiles_s: Quantiles
    response_quantiles_s: Quantiles
    process_cpu_cores: list[NotNegative] = []
    connections_elsewhere: int | None = Field(default=None, ge=0)
    others_share: NotNegative = 0.0
    steal_share: NotNegative = 0.0


class SerialShare(_Plain):
    """The share of an operation that only one at a time can do.

    share: with its interval. copies: level that it shows at. extra_sleep_s: what it adds to an operation there.
    """

    share: Figure
    copies: int = Field(ge=2)
    extra_sleep_s: NotNegative


class Awake(_Plain):
    """One copy while its cores were kept from idling. cpu_s: of an operation. response_s: median of an operation."""

    cpu_s: Figure
    response_s: Figure


class Apart(_Plain):
    """Where the times between the ends of two copies' operations begin.

    least_s: the least of them. blur: logarithm of how far they lie apart there; of a lock at the end next to nothing.
    """

    least_s: NotNegative
    blur: NotNegative


class Workload(_Plain):
    """A first description of the operations, from the smallest level and what changes in the next ones.

    demand: CPU of an operation, while nothing else runs. wait: its pure wait; None: it does not wait.
    shape: what told how demand and wait are spread: "clock" (CPU clock around each operation), "response" (all
    spread of the response times is of the one that dominates), or "unknown".
    demand_by_copies_s: CPU of an operation by the copies at once; more than alone is contention for caches or memory.
    sleeps: times an operation sleeps. pacing_cpu_s: CPU for falling asleep and waking between paced operations.
    memory_bytes: of one operation, beyond base_bytes of its process.
    read_bytes, written_bytes, disk_read_bytes, disk_written_bytes, network_bytes: of one operation.
    serial: None where none shows. generator_cpu_s: of the load generator on the same cores, for one operation.
    hand_off_s: from a wake-up until the woken one runs, with idle cores at hand; None: no level tells it.
    processes: of the service, that take a tenth of its CPU or more.
    awake: what an operation takes without exits from idle; None: not measured, as for operations that never sleep.
    apart: how far two copies' operations end apart at least, which a lock shows in; None: not measured.
    notes: what could not be told, in words.
    """

    demand: Spread
    wait: Spread | None = None
    shape: Literal["clock", "response", "unknown"]
    demand_by_copies_s: dict[int, Figure]
    sleeps: NotNegative | None = None
    pacing_cpu_s: NotNegative | None = None
    base_bytes: NotNegative | None = None
    memory_bytes: NotNegative | None = None
    read_bytes: NotNegative | None = None
    written_bytes: NotNegative | None = None
    disk_read_bytes: NotNegative | None = None
    disk_written_bytes: NotNegative | None = None
    network_bytes: NotNegative | None = None
    serial: SerialShare | None = None
    hand_off_s: Figure | None = None
    generator_cpu_s: Figure | None = None
    processes: int | None = None
    awake: Awake | None = None
    apart: Apart | None = None
    notes: list[str] = []


class Paced(_Plain):
    """How operations followed one another: see `calibration.live.pacing.Pacing`."""

    kind: Literal["closed", "think", "rate"]
    think_mean_s: NotNegative = 0.0
    think_kind: Literal["exponential", "constant"] = "exponential"
    rates_per_s: list[NotNegative] = []


class Request(_Plain):
    """What was sent to an HTTP service; headers are not kept, as they may be secrets. start, stop: of the server."""

    url: str
    method: str = "GET"
    body: str | None = None
    timeout_s: NotNegative
    headers: bool = False
    start: str | None = None
    stop: str | None = None


class Measurement(_Plain):
    """A live measurement: what was run, how, where, when; its levels, and the workload that they describe.

    table: a level for each undisturbed repeat, in the order of `details`, named by `run`.
    never_quiet: levels that other load disturbed each time they were measured; of these the least disturbed is there.
    not_measured: repeats that could not be measured, and why; of their levels no more were made.
    interrupted: whether it was stopped before all levels were measured.
    each_run: whether each run of the command is an operation. request: of an HTTP service. generator_order: the
    `ready_order` (`models.service.Service`) of the loop that put a service under load; None: it was not told.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["command", "python", "http"]
    subject: str
    command: list[str]
    pacing: Paced
    cores: int = Field(ge=1)
    warmup_s: NotNegative
    duration_s: NotNegative
    seed: int
    provenance: dict[str, Any]
    table: LevelTable
    details: list[Detail]
    workload: Workload | None
    never_quiet: list[str] = []
    not_measured: list[str] = []
    interrupted: bool = False
    each_run: bool = False
    request: Request | None = None
    generator_order: ReadyOrder | None = None
    failed_operations: int = 0
    problem: str | None = None

    def to_json(self) -> str:
        """Print the measurement as JSON that `model_validate_json` reads back."""
        return self.model_dump_json(indent=1, exclude_none=True) + "\n"

    @classmethod
    def load(cls, path: str | Path) -> Measurement:
        """Read what `to_json` printed. Raises LiveError for anything else."""
        try:
            return cls.model_validate_json(Path(path).read_bytes())
        except OSError as error:
            reason = (error.strerror or "cannot be read").lower()
            raise LiveError(str(path), reason, "a measurement that sim calibrate wrote") from None
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in problem["loc"])
            found = f"{place + ': ' if place else ''}{problem['msg']}"
            raise LiveError(str(path), found, "a measurement that sim calibrate wrote") from None
