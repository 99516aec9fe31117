"""A service: its instances, cores and scheduler, memory, and what its operations share."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from models.distributions import TimeDistribution
from models.errors import FieldProblem
from models.fields import (
    AutoPositiveTimeNs,
    BandwidthBytesPerS,
    Count,
    Factor,
    Name,
    PositiveSizeBytes,
    PositiveTimeNs,
    Probability,
    RatePerS,
    SizeBytes,
    TimeNs,
    Weight,
    number,
    whole,
    whole_or,
)
from models.table import Table, nothing, shown_field

_MS = 1_000_000

Discipline = Literal["linux", "round_robin", "fifo", "processor_sharing"]
BalancerPolicy = Literal["round_robin", "random", "least_connections", "power_of_two", "session_affinity", "weighted"]

ReadyOrder = Literal["arrival", "own_first", "client_first"]

HOST_FIELDS = (
    "cores",
    "threads_per_core",
    "smt_speedup",
    "speed_by_busy",
    "background_cores",
    "discipline",
    "linux",
    "round_robin",
    "context_switch",
    "idle_exit",
    "pauses",
    "interruptions",
)
"""Fields that belong to the cores, so not to a service that runs on those of another."""


class LinuxScheduler(Table):
    """Facts of a machine's Linux scheduler.

    base_slice: EEVDF's slice [ns], or "auto": what the kernel computes from the cores.
    tick: period of the timer interrupt [ns], 1/HZ.
    idle_search: chance that a search for an idle core finds it.
    idle_steal: chance that a core that becomes idle takes a waiting task from another.
    migration_cost: how long ago a task must have run for an idle core to take it [ns], as its cache is warm where it
        ran (Linux: 0.5 ms).
    balance_interval: period of the balancing between queues [ns].
    balance_from: how many times as long as the shortest queue the longest one must more than be to be shortened.
    stray_moves: chance that balancing, where it finds nothing to even out, moves a task though.
    protected_until: how long a running task is protected from those that wake: until the deadline that it had when
        picked, or only until parity, that is until it has run for longer than the average task of its queue.
    """

    base_slice: AutoPositiveTimeNs = "auto"
    tick: PositiveTimeNs = 4 * _MS
    idle_search: Probability = 1.0
    idle_steal: Probability = 1.0
    migration_cost: TimeNs = 0
    balance_interval: PositiveTimeNs = 32 * _MS
    balance_from: Annotated[float, number(1, 16)] = 1.0
    stray_moves: Probability = 0.0
    protected_until: Literal["deadline", "parity"] = "deadline"

    def base_slice_ns(self, cores: int) -> int:
        """Return the slice on that many cores [ns].

        "auto" is 0.7 ms x (1 + floor(log2(min(cores, 8)))), as in Linux 6.18.
        """
        if isinstance(self.base_slice, str):
            return 700_000 * min(cores, 8).bit_length()
        return self.base_slice


class RoundRobin(Table):
    """time_slice: how long a task that shares its core runs before it goes to the tail [ns]."""

    time_slice: PositiveTimeNs = 4 * _MS


class MemoryPool(Table):
    """Memory that is kept for reuse.

    size: what the pool holds [bytes]. hit: CPU of an allocation from it [ns]. miss: CPU of one beyond it
        [ns].
    """

    enabled: bool = Field(default=True, strict=True)
    size: PositiveSizeBytes
    hit: TimeNs = 0
    miss: TimeNs = 0


class Balancer(Table):
    """Chooses the instance of a visit.

    dispatch: serial time of each choice, outside all cores [ns]. hop: pure delay to the instance and back
        [ns each].
    weights: of the instances, for the policy "weighted".
    """

    enabled: bool = Field(default=True, strict=True)
    policy: BalancerPolicy = "round_robin"
    dispatch: TimeNs = 0
    hop: TimeNs = 0
    weights: list[Weight] | None = None

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """Weights mean something to one policy only."""
        if self.policy != "weighted":
            yield "weights", 'policy = "weighted"'

    def problems(self) -> Iterator[FieldProblem]:
        """Require usable weights for the weighted policy."""
        if self.policy != "weighted":
            return
        if self.weights is None:
            yield FieldProblem(("weights",), "nothing", "a weight for each instance, such as [2, 1]")
        elif sum(self.weights) == 0:
            yield FieldProblem(("weights",), shown_field(self, "weights"), "at least one weight above 0")


class Pause(Table):
    """A recurring pause of a whole instance, or of each of its cores by itself.

    every: from the end of a pause to the start of the next [ns]. duration: how long the cores stop [ns].
    scope: what stops at once: all cores of the instance, as for a garbage collector, or one, as where a hypervisor
        runs something else on it; each core then has pauses of its own.
    """

    every: TimeDistribution
    duration: TimeDistribution
    scope: Literal["instance", "core"] = "instance"

    def problems(self) -> Iterator[FieldProblem]:
        """Reject pauses without length or without time between them."""
        for field in ("every", "duration"):
            if getattr(self, field).can_be_zero:
                yield FieldProblem((field,), shown_field(self, field), 'a time above 0, such as "2s"')


class Batcher(Table):
    """Collects members and does their common work once.

    max_size: members that make a batch full. linger: wait for more from the first member on [ns]; 0 is
        natural batching.
    fixed, per_item: the flusher's CPU for a batch, and for each member [ns].
    compression: bytes sent for each byte that joined. compression_cpu: the flusher's CPU for it, for each
        member [ns].
    overhead: bytes sent with each batch beside its members' (a header, what a commit writes anyway).
    link: what carries the bytes.
    """

    enabled: bool = Field(default=True, strict=True)
    max_size: Count
    linger: TimeNs = 0
    fixed: TimeNs = 0
    per_item: TimeNs = 0
    compression: Factor = 1.0
    compression_cpu: TimeNs = 0
    overhead: SizeBytes = 0
    link: Name | None = None

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """Compression and overhead are of the bytes on the link."""
        if self.link is None and self.compression != 1:
            yield "compression", "a link that carries the bytes"
        if self.link is None and self.overhead > 0:
            yield "overhead", "a link that carries the bytes"


class Lock(Table):
    """count locks of one kind, chosen by a Zipf law of exponent skew (0: evenly).

    barging: 0: a lock that is given back is handed to the first that waits. Else it is free for whoever asks next, and
    the first that waits behind the holder is woken to try again, which takes it so much CPU [ns]; if it comes too late
    it waits anew.
    """

    count: Count = 1
    skew: Annotated[float, number(0, 10)] = 0.0
    barging: TimeNs = 0

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """One lock leaves nothing to choose."""
        if self.count == 1 and self.skew > 0:
            yield "skew", "a count above 1"


class Link(Table):
    """A network or disk path: bandwidth of each channel [bytes/s], delay after it [ns], parallel channels."""

    bandwidth: BandwidthBytesPerS
    delay: TimeNs = 0
    parallel: Count = 1


class Interruptions(Table):
    """Short bursts of everything else that runs on the cores: threads of the kernel, daemons.

    rate: Poisson, for each core [per s]. duration: CPU of a burst [ns].
    """

    rate: RatePerS
    duration: TimeDistribution

    def problems(self) -> Iterator[FieldProblem]:
        """Reject bursts of nothing, and those that fill the cores."""
        if self.duration.mean <= 0:
            yield FieldProblem(("duration",), shown_field(self, "duration"), 'a time above 0, such as "150us"')
        elif self.rate * self.duration.mean >= 1e9:
            accepted = f"less than 1 / {shown_field(self, 'duration')}"
            yield FieldProblem(("rate",), shown_field(self, "rate"), accepted)


class Pool(Table):
    """size tokens, such as connections to a database."""

    enabled: bool = Field(default=True, strict=True)
    size: Count


class Service(Table):
    """A service of one or several instances.

    cores: CPUs of one instance, as its operating system counts them. cores_of: instead, the service whose
        cores it uses.
    threads_per_core: 2 where CPUs 2k and 2k+1 are hyperthreads of one physical core.
    smt_speedup: work rate of a physical core with both threads busy, relative to one.
    speed_by_busy: speed of each busy core when 1, 2, 3, ... are busy; the last value holds on.
    background_cores: CPU that everything else on the machine takes, evenly [cores]. interruptions: the same as
        bursts that take their turns on the cores.
    context_switch: CPU paid when a core takes another task than the one it ran last [ns].
    wakeup: CPU paid when a sleeping task is made to run [ns].
    idle_exit: time (not work) that an idle core takes to start a woken task [ns].
    workers: threads or processes of each instance, or "per_operation". worker_kind: how these serve.
    ready_order: what an event loop takes first: what became ready first; or, in a turn, what it made ready itself, as
        programs do that have a queue of callbacks beside the events of the system (asyncio); or what the client whose
        burst it finished last has ready again, as programs do that look at a connection once more when they have sent
        something over it (pgbench).
    cpu_quota: cores' worth per cpu_quota_period [ns]; cpu_quota_slice: what a core takes of it at a time
        [ns], 0 = ideal.
    queue_limit: attempts inside an instance beyond which an arrival is rejected; None: no limit.
    memory: capacity [bytes], None: no limit. memory_base: used before any operation [bytes].
    """

    instances: Annotated[int, whole(1, 65_536)] = 1
    cores: Annotated[int, whole(1, 4096)] = 1
    cores_of: Name | None = None
    threads_per_core: Annotated[int, whole(1, 2)] = 1
    smt_speedup: Annotated[float, number(0.1, 2)] = 1.3
    speed_by_busy: list[Annotated[float, number(0.001, 16)]] = Field(default_factory=lambda: [1.0])
    background_cores: Annotated[float, number(0, 4096)] = 0.0
    discipline: Discipline = "linux"
    linux: LinuxScheduler = LinuxScheduler.model_construct()
    round_robin: RoundRobin = RoundRobin.model_construct()
    context_switch: TimeNs = 0
    wakeup: TimeNs = 0
    idle_exit: TimeNs = 0
    workers: Annotated[int | str, whole_or("per_operation")] = "per_operation"
    worker_kind: Literal["event_loop", "blocking"] = "event_loop"
    ready_order: ReadyOrder = "arrival"
    cpu_quota: Annotated[float, number(0.001, 4096)] | None = None
    cpu_quota_period: PositiveTimeNs = 100 * _MS
    cpu_quota_slice: TimeNs = 5 * _MS
    queue_limit: Count | None = None
    memory: PositiveSizeBytes | None = None
    memory_base: SizeBytes = 0
    memory_pool: MemoryPool | None = None
    balancer: Balancer = Balancer.model_construct()
    pauses: list[Pause] = Field(default_factory=nothing)
    interruptions: Interruptions | None = None
    batchers: dict[Name, Batcher] = Field(default_factory=dict)
    locks: dict[Name, Lock] = Field(default_factory=dict)
    links: dict[Name, Link] = Field(default_factory=dict)
    pools: dict[Name, Pool] = Field(default_factory=dict)

    def base_slice_ns(self, cores: int) -> int:
        """Return EEVDF's slice on that many cores [ns]."""
        return self.linux.base_slice_ns(cores)

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """Fields of other disciplines, of another service's cores, of workers and quotas not there."""
        if self.cores_of is not None:
            for field in HOST_FIELDS:
                yield field, f"cores of its own (it is a matter of the service {self.cores_of} here)"
        else:
            yield from self._meaningless_of_cores()
        if self.workers == "per_operation":
            yield "worker_kind", "a number of workers"
        if self.workers == "per_operation" or self.worker_kind != "event_loop":
            yield "ready_order", 'a number of workers with worker_kind = "event_loop"'
        if self.cpu_quota is None:
            yield "cpu_quota_period", "a cpu_quota"
            yield "cpu_quota_slice", "a cpu_quota"

    def _meaningless_of_cores(self) -> Iterator[tuple[str, str]]:
        if self.threads_per_core == 1:
            yield "smt_speedup", "threads_per_core = 2"
        if self.discipline != "linux":
            yield "linux", 'discipline = "linux"'
        if self.discipline != "round_robin":
            yield "round_robin", 'discipline = "round_robin"'
        if self.discipline == "processor_sharing":
            for field in ("context_switch", "idle_exit", "cpu_quota_slice"):
                yield field, 'a discipline other than "processor_sharing"'

    def problems(self) -> Iterator[FieldProblem]:
        """Check the numbers that must fit one another."""
        if self.cores_of is None:
            if self.threads_per_core == 2 and self.cores % 2:
                yield FieldProblem(("cores",), str(self.cores), "an even number with threads_per_core = 2")
            if self.background_cores >= self.cores:
                accepted = f"less than the {self.cores} cores of an instance"
                yield FieldProblem(("background_cores",), f"{self.background_cores:g}", accepted)
        yield from self._pause_problems()
        if not self.speed_by_busy:
            yield FieldProblem(("speed_by_busy",), "an empty list", "at least one speed, such as [1.0]")
        weights = self.balancer.weights
        if weights is not None and len(weights) != self.instances:
            accepted = f"one for each of the {self.instances} instances"
            yield FieldProblem(("balancer", "weights"), f"{len(weights)} weights", accepted)
        yield from self._memory_problems()
        for name, batcher in self.batchers.items():
            if batcher.link is not None and batcher.link not in self.links:
                known = ", ".join(self.links) or "none, as this service has no links"
                yield FieldProblem(("batchers", name, "link"), f'"{batcher.link}"', f"a link of it: {known}")

    def _pause_problems(self) -> Iterator[FieldProblem]:
        if self.discipline != "processor_sharing":
            return
        for index, pause in enumerate(self.pauses):
            if pause.scope == "core":
                accepted = '"instance", or a discipline with separate cores, such as "linux"'
                yield FieldProblem(("pauses", index, "scope"), shown_field(pause, "scope"), accepted)

    def _memory_problems(self) -> Iterator[FieldProblem]:
        if self.memory is None:
            return
        if self.memory_base > self.memory:
            accepted = f"at most the memory of {shown_field(self, 'memory')}"
            yield FieldProblem(("memory_base",), shown_field(self, "memory_base"), accepted)
        elif self.memory_pool is not None and self.memory_pool.size > self.memory - self.memory_base:
            found = shown_field(self.memory_pool, "size")
            yield FieldProblem(("memory_pool", "size"), found, "at most memory - memory_base")
