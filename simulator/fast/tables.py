"""The kernel's tables of one replication: made from the compiled scenario, and enlarged when they fill up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np

from models.arithmetic import SPEED_ONE
from models.cpu.task import NEVER_NS
from models.draws import (
    CONSTANT,
    DECISION_PAUSE,
    DECISION_POLICY,
    DECISION_SEARCH,
    DECISION_STEAL,
    DECISION_STRAY,
    decision_key,
    run_key,
    sample_integer,
)
from models.errors import FieldProblem, ScenarioError
from models.records import WAITING_FOR_LOCK, WAITING_FOR_TOKEN
from simulator import program
from simulator.compile import Compiled
from simulator.compiled_tables import CLOSED, EVENT_LOOP, PER_OPERATION, POLICY_WEIGHTED
from simulator.fast import layout
from simulator.fast.layout import (
    AGAIN,
    BUCKETS,
    CAUSE_COLUMNS,
    CHUNK,
    DEFERRED,
    ENTRY,
    IDS,
    LEVELS,
    LINE,
    NEVER,
    ROWS,
    STATE,
    TABLES,
    TOP,
)
from simulator.histogram import BINS

_SPARE: Final = 64
_OF_NO_TASK_YET: Final = (
    *("core", "last_core", "strand", "batcher", "next_task", "visit", "turn_end", "first_timer"),
    *("turn_own", "own_end", "finished_ns", "turn_began_ns"),
)


def _aligned_zeros(rows: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return zeros that begin with a line of the cache."""
    size = rows * dtype.itemsize
    raw = np.zeros(size + LINE, dtype=np.uint8)
    start = -raw.ctypes.data % LINE
    return raw[start : start + size].view(dtype)


class FastTables:
    """All arrays of one replication. ``state`` is the one-row array that the kernel is called with."""

    def __init__(
        self,
        compiled: Compiled,
        *,
        seed: int,
        replication: int,
        tracking: bool,
        summing: bool,
        recording: bool,
        checking: bool,
    ) -> None:
        self.compiled = compiled
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.state = _aligned_zeros(1, STATE)  # no line of the cache is another thread's too
        self.key = int(run_key(seed, replication))
        self.state["run_key"] = self.key
        self.queues = 0
        self.set(tracking=tracking, summing=summing, recording=recording, checking=checking, replication=replication)
        self._static_tables()
        self._hosts_and_cores()
        self._instances()
        self._links_and_tokens()
        self._services()
        self._sources()
        self._measures(recording=recording, summing=summing)
        self._rows_that_come_and_go()
        self._tasks()

    # --- scalars and arrays ----------------------------------------------------------------------------------

    def set(self, **scalars: int) -> None:
        """Set scalars of the state."""
        for name, value in scalars.items():
            if name in (STATE.names or ()):
                self.state[name] = value

    def get(self, name: str) -> int:
        """Return a scalar of the state."""
        return int(self.state[name][0])

    def put(self, table: str, array: np.ndarray[Any, Any], length: int | None = None) -> None:
        """Let the kernel use an array as a table."""
        self.arrays[table] = array
        self.state[table] = array.ctypes.data
        self.state[f"{table}_length"] = len(array) if length is None else length

    def zeros(self, table: str, rows: int, fill: int = 0) -> np.ndarray[Any, Any]:
        """Make a table of one row at least, all fields ``fill``."""
        array = _aligned_zeros(max(rows, 1), TABLES[table])
        if fill:
            for name in array.dtype.names or ():
                array[name] = fill
        self.put(table, array)
        return array

    def copied(self, table: str, source: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Make a table that begins with the columns of a compiled table."""
        array = self.zeros(table, len(source))
        for name in source.dtype.names or ():
            array[name][: len(source)] = source[name]
        return array

    def values(self, table: str, values: np.ndarray[Any, Any], length: int | None = None) -> None:
        """Make a table of one column."""
        flat = np.ascontiguousarray(values).reshape(-1)
        array = self.zeros(table, len(flat))
        array["value"][: len(flat)] = flat
        self.put(table, array, length)

    def new_queues(self, count: int) -> np.ndarray[Any, Any]:
        """Return the numbers of new queues."""
        first = self.queues
        self.queues += count
        return np.arange(first, first + count, dtype=np.int64)

    # --- the scenario ----------------------------------------------------------------------------------------

    def _static_tables(self) -> None:
        """Copy what does not change."""
        compiled = self.compiled
        self._steps()
        self.values("branch_rows", compiled.branches["row"])
        self.values("branch_shares", compiled.branches["cumulative"])
        quantiles = compiled.quantiles if len(compiled.quantiles) else np.zeros((1, 2))
        self.values("quantiles", quantiles, length=len(quantiles))
        self.values("weights", compiled.weights)
        self.values("kinds", compiled.kinds)
        phases = compiled.phases if len(compiled.phases) else np.zeros((1, 2), dtype=np.int64)
        self.values("phases", phases, length=len(phases))
        arrivals = self.zeros("arrivals", len(compiled.arrivals))
        arrivals["first"][: len(compiled.arrivals)] = compiled.arrivals[:, 0]
        arrivals["second"][: len(compiled.arrivals)] = compiled.arrivals[:, 1]
        self.values("speeds", compiled.speeds)
        distributions = self.copied("distributions", compiled.distributions)
        distributions["fixed"] = -1
        for row in distributions[: len(compiled.distributions)]:
            if row["kind"] == CONSTANT:
                values = [row[name].item() for name in compiled.distributions.dtype.names or ()]
                row["fixed"] = sample_integer(*values, quantiles, 0, 0)  # type: ignore[call-arg]
        self.copied("operation_kinds", compiled.operations)
        self.copied("events", compiled.events)
        self.copied("workloads", compiled.workloads)
        self.zeros("stations", len(compiled.stations))
        pauses = self.copied("pauses", compiled.pauses)
        for index in range(len(compiled.pauses)):
            pauses["key"][index] = decision_key(self.key, DECISION_PAUSE, index)
        self.set(
            station_count=len(compiled.stations),
            pause_count=len(compiled.pauses),
            event_count=len(compiled.events),
            workload_count=len(compiled.workloads),
            service_count=len(compiled.services),
        )

    def _steps(self) -> None:
        """Copy the program and note what is known of its visits."""
        steps = self.copied("steps", self.compiled.program)
        kinds = self.compiled.operations
        bounds = [*sorted(kinds["first_row"].tolist()), len(self.compiled.program)]
        steps["a"][steps["code"] == program.VISIT] = 0
        steps["a"][kinds["first_row"]] = ENTRY
        for first, end in pairwise(bounds):
            visits = np.flatnonzero(steps["code"][first:end] == program.VISIT) + first
            services, counts = np.unique(steps["service"][visits], return_counts=True)
            steps["a"][visits] |= np.where(counts[np.searchsorted(services, steps["service"][visits])] > 1, AGAIN, 0)
        self.set(choosing=int(np.any((steps["code"] == program.VISIT) & (steps["a"] & AGAIN > 0))))

    def _hosts_and_cores(self) -> None:
        """Make the hosts, their cores, run queues and timers."""
        compiled = self.compiled
        hosts = self.copied("hosts", compiled.hosts)
        cores = self.zeros("cores", compiled.total_cores)
        count = len(compiled.hosts)
        hosts["queue"][:count] = self.new_queues(count)
        cores["queue"][: compiled.total_cores] = self.new_queues(compiled.total_cores)
        cores["task"] = cores["last_serial"] = -1
        cores["speed"] = SPEED_ONE
        for name in ("first_member", "sharing_head", "sharing_tail", "held_head"):
            hosts[name] = -1
        for index, host in enumerate(hosts[:count]):
            cores["host"][host["first_core"] : host["first_core"] + host["cores"]] = index
            host["search_key"] = decision_key(self.key, DECISION_SEARCH, index)
            host["steal_key"] = decision_key(self.key, DECISION_STEAL, index)
            host["stray_key"] = decision_key(self.key, DECISION_STRAY, index)
            alone = compiled.speeds[host["first_speed"] + 1 : host["first_speed"] + host["cores"] + 1]
            host["speed"] = compiled.speeds[host["first_speed"] + 1]  # of every core, if they do not vary
            host["speeds_vary"] = host["threads_per_core"] > 1 or len(set(alone.tolist())) > 1
        leaves = 1 << max(compiled.total_cores - 1, 0).bit_length()
        self.zeros("timers", 2 * leaves, fill=NEVER)
        self.zeros("releases", compiled.total_cores)
        self.zeros("free_cores", compiled.total_cores * (len(compiled.instances) + 2) + 8)
        self.zeros("core_groups", compiled.total_cores * len(compiled.instances))
        self.set(timer_leaves=leaves, host_count=count)

    def _instances(self) -> None:
        """Make the instances, and chain those of one host."""
        compiled = self.compiled
        instances = self.copied("instances", compiled.instances)
        hosts = self.arrays["hosts"]
        instances["next_member"] = -1
        instances["speed"] = SPEED_ONE
        instances["up"] = 1
        instances["left_ns"] = np.maximum(instances["quota_ns"], 0)
        instances["memory_queue"] = self.new_queues(len(instances))
        instances["worker_queue"] = self.new_queues(len(instances))
        for index in reversed(range(len(compiled.instances))):
            host = hosts[instances["host"][index]]
            instances["next_member"][index] = host["first_member"]
            host["first_member"] = index
            host["has_quota"] |= int(instances["quota_ns"][index] >= 0)
            instances["batcher_count"][index] = np.count_nonzero(compiled.batchers["instance"] == index)
        self.set(instance_count=len(compiled.instances))

    def _links_and_tokens(self) -> None:
        """Make links, channels, batchers, locks and pools."""
        compiled = self.compiled
        links = self.copied("links", compiled.links)
        links["queue"] = self.new_queues(len(links))
        channels = self.zeros("channels", int(compiled.links["parallel"].sum()))
        channels["cargo"] = -1
        for index, link in enumerate(compiled.links):
            channels["link"][link["first_channel"] : link["first_channel"] + link["parallel"]] = index
        batchers = self.copied("batchers", compiled.batchers)
        for name in ("open", "closed_head", "closed_tail", "sending", "task"):
            batchers[name] = -1
        self.copied("locks", compiled.locks)
        units = int(compiled.locks["count"].sum())
        tokens = self.zeros("tokens", units + len(compiled.pools))
        tokens["free"], tokens["cause"] = 1, WAITING_FOR_LOCK
        for lock in compiled.locks:
            of_it = tokens[lock["first_lock_unit"] : lock["first_lock_unit"] + lock["count"]]
            of_it["station"], of_it["barging_ns"] = lock["station"], lock["barging_ns"]
        pools = tokens[units : units + len(compiled.pools)]
        pools["free"], pools["cause"], pools["station"] = (
            compiled.pools["size"],
            WAITING_FOR_TOKEN,
            compiled.pools["station"],
        )
        tokens["queue"] = self.new_queues(len(tokens))
        self.set(batcher_count=len(compiled.batchers), first_pool_token=units)

    def _services(self) -> None:
        """Make the balancers."""
        compiled = self.compiled
        services = self.copied("services", compiled.services)
        services["queue"] = self.new_queues(len(services))
        services["current"] = -1
        instances = self.arrays["instances"]
        for index, service in enumerate(services):
            service["key"] = decision_key(self.key, DECISION_POLICY, index)
            if service["policy"] == POLICY_WEIGHTED:
                first, count = service["first_instance"], service["instances"]
                weights = compiled.weights[service["first_weight"] : service["first_weight"] + count]
                instances["weight"][first : first + count] = weights

    def _sources(self) -> None:
        """Make the closed users, then the sources of open and traced arrivals."""
        compiled = self.compiled
        sources = self.zeros("sources", compiled.total_users + compiled.total_sources)
        for index, workload in enumerate(compiled.workloads):
            if workload["kind"] == CLOSED:
                first, count = int(workload["first_user"]), int(workload["users"])
            else:
                first, count = compiled.total_users + int(workload["first_source"]), int(workload["sources"])
            concurrency = int(workload["concurrency"])
            numbers = np.arange(count, dtype=np.int64)
            rows = sources[first : first + count]
            rows["workload"], rows["position"] = index, numbers
            rows["process"], rows["slot"] = numbers // concurrency, numbers % concurrency
            rows["is_user"] = rows["fresh"] = workload["kind"] == CLOSED
        self.zeros("user_tasks", len(compiled.instances) * compiled.total_users, fill=-1)
        self.set(user_count=compiled.total_users, source_count=compiled.total_sources)

    def _measures(self, *, recording: bool, summing: bool) -> None:
        """Make the histogram, and the sums and records that were asked for."""
        bins = len(self.compiled.workloads) * BINS
        self.zeros("histogram", bins + 1)
        self.zeros("cause_sums", (BINS + 1) * CAUSE_COLUMNS if summing else 1)
        self.zeros("uncounted", DEFERRED)["value"] = bins
        self.zeros("unsummed", DEFERRED)["bin"] = BINS
        self.zeros("records", 4096 if recording else 1)
        self.zeros("record_causes", 4096 * CAUSE_COLUMNS if recording and self.get("tracking") else 1)

    # --- rows that come and go -------------------------------------------------------------------------------

    def _rows_that_come_and_go(self) -> None:
        """Make the tables that grow, with room for a start."""
        compiled = self.compiled
        users = compiled.total_users
        rows = len(compiled.program)
        forks = int(compiled.program["b"][compiled.program["code"] == program.FORK].max(initial=0))
        self.margins = {"operation": 4, "strand": forks + 4, "holding": rows + 8, "task": rows + 8, "batch": 4}
        first = len(compiled.batchers)
        self.set(first_dynamic_queue=self.queues)
        taken = first + DEFERRED  # strands that only wait for their causes to be summed
        self.arrays["unsummed"]["strand"] = np.arange(first, taken)
        capacity = 2 * min(users, 4096) + max(0, users - 4096) + _SPARE + forks  # rows cost memory when first used
        for name in self.margins:
            tasks = compiled.instances["workers"].clip(0).sum() + first if name == "task" else 0
            self.set(**{f"{name}_free": -1, f"{name}_top": taken if name == "strand" else 0})
            self._resize(name, capacity + self.margins[name] + int(tasks) + taken)
        self._resize_heap()
        self._set_record_margin()

    def _resize(self, name: str, capacity: int) -> None:
        """Give a table of rows that come and go, and all that goes with it, a capacity."""
        table = {"batch": "batches"}.get(name, f"{name}s")
        if len(self.arrays.get(table, ())) >= ROWS:  # events have no more bits for them
            problem = FieldProblem(("workloads",), f"{ROWS} operations at once", "fewer: a queue_limit bounds them")
            raise ScenarioError("the run", [problem])
        capacity = min(capacity, ROWS)
        self._enlarge(table, capacity)
        self.set(**{f"{name}_margin_at": capacity - self.margins[name]})
        if name == "operation":
            self._enlarge("operation_causes", capacity * CAUSE_COLUMNS if self.get("tracking") else 1)
        elif name == "strand":
            self._enlarge("chosen", capacity * len(self.compiled.services))
            self._enlarge("strand_causes", capacity * CAUSE_COLUMNS if self.get("tracking") else 1)
            self._enlarge("inside", capacity * (1 + self.get("service_count")))
            self._resize_ring("wakes", "wake", 2 * capacity)
            self._resize_ring("starts", "start", capacity)
            self._resize_heap()
        elif name in ("task", "batch"):
            both = max(len(self.arrays.get("tasks", ())), len(self.arrays.get("batches", ())))
            self._enlarge("queues", self.queues + 2 * both)  # those of tasks and batches are made with these

    def _enlarge(self, table: str, rows: int, fill: int = 0) -> None:
        """Enlarge a table; what it holds stays."""
        old = self.arrays.get(table)
        if old is not None and len(old) >= rows:
            return
        array = self.zeros(table, rows, fill)
        if table == "queues":
            array["head"][: self.queues] = array["tail"][: self.queues] = -1
        if old is not None:
            array.view(np.uint8)[: old.nbytes] = old.view(np.uint8)  # not field by field

    def _resize_ring(self, table: str, name: str, rows: int) -> None:
        """Enlarge a first-in-first-out table, whose length is a power of two, and unroll what it holds."""
        length = 1 << max(rows - 1, 1).bit_length()
        old = self.arrays.get(table)
        head, tail, mask = (self.get(f"{name}_{end}") for end in ("head", "tail", "mask"))
        array = self.zeros(table, length)
        for position in range(head, tail):
            assert old is not None
            array[position - head] = old[position & mask]
        self.set(**{f"{name}_head": 0, f"{name}_tail": tail - head, f"{name}_mask": length - 1})

    def _resize_heap(self) -> None:
        """Give the heap room for what one action may schedule at most, and as many events room in chunks."""
        most = len(self.arrays["strands"]) + len(self.arrays["sources"]) + len(self.compiled.events) + 1024
        needed = self.get("heap_count") + self.get("far_count") + most
        if len(self.arrays.get("heap", ())) < needed + most:
            self._enlarge("heap", 2 * (needed + most))
            if self.get("heap_count") == 0:
                self.arrays["heap"]["time"][TOP] = NEVER
            self._resize_far()
        margin = len(self.arrays["heap"]) - most
        self.set(heap_margin_at=margin, heap_watch_at=min(margin, layout.MANY))

    def _resize_far(self) -> None:
        """Give the events that are far ahead as many places as the heap has, if there can be many."""
        rows = len(self.arrays["heap"])
        before = len(self.arrays.get("far_chunks", ()))
        chunks = rows // CHUNK + BUCKETS if rows > layout.MANY else 1
        if before == 0:
            self.zeros("buckets", BUCKETS)
            self.zeros("bucket_levels", LEVELS)
            self.set(near_ns=NEVER, free_chunk=-1)
        if chunks > before:
            self._enlarge("far", chunks * CHUNK)
            self._enlarge("far_chunks", chunks)
            following = self.arrays["far_chunks"]["value"]
            following[before:chunks] = np.arange(before + 1, chunks + 1)
            following[chunks - 1] = self.get("free_chunk")
            self.set(free_chunk=before)

    def _set_record_margin(self) -> None:
        self.set(record_margin_at=len(self.arrays["records"]) - 4)

    def _tasks(self) -> None:
        """Make the tasks of workers and flushers, in the order of their instances."""
        compiled = self.compiled
        workers = self.zeros("workers", int(compiled.instances["workers"].clip(0).sum()))
        for index, instance in enumerate(compiled.instances):
            station = int(instance["worker_station"])
            if instance["worker_kind"] != PER_OPERATION:
                counted = station if instance["worker_kind"] == EVENT_LOOP else -1
                for number in range(instance["workers"]):
                    workers["value"][instance["first_worker"] + number] = self._new_task(index, counted)
            for batcher in np.flatnonzero(compiled.batchers["instance"] == index):
                t = self._new_task(index, -1)
                self.arrays["batchers"]["task"][batcher] = t
                self.arrays["tasks"]["batcher"][t] = batcher

    def _new_task(self, instance: int, station: int) -> int:
        """Make a task before the run, as `simulator.fast.cpu_tasks.new_task` does during it."""
        t = self.get("task_top")
        self.set(task_top=t + 1, next_task_serial=t + 1)
        task = self.arrays["tasks"][t : t + 1]
        for name in _OF_NO_TASK_YET:
            task[name] = -1
        task["serial"], task["group"], task["station"], task["fresh"] = t, instance, station, 1
        task["last_ran_ns"] = NEVER_NS
        ready = self.arrays["queues"][self.queues + 2 * t]
        ready["head"] = ready["tail"] = -1
        return t

    def check_ids(self) -> None:
        """Raise ScenarioError before an attempt or an operation gets a number that events have no bits for."""
        if max(self.get("next_strand_serial"), self.get("next_operation_serial")) > IDS - (1 << 22):
            problem = FieldProblem(
                ("run", "duration"), f"more than {IDS} attempts or branches in a run", "a shorter time"
            )
            raise ScenarioError("the run", [problem])

    def grow(self) -> None:
        """Enlarge every table that is nearly full."""
        for name in self.margins:
            if self.get(f"{name}_top") > self.get(f"{name}_margin_at"):
                table = {"batch": "batches"}.get(name, f"{name}s")
                self._resize(name, 2 * len(self.arrays[table]))
        self._resize_heap()
        if self.get("record_count") >= self.get("record_margin_at"):
            rows = 2 * len(self.arrays["records"])
            self._enlarge("records", rows)
            self._enlarge("record_causes", rows * CAUSE_COLUMNS if self.get("tracking") else 1)
            self._set_record_margin()
        self.set(grow=0)
