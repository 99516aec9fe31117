"""The kernel's tables: one dtype each, and the accessor of each.

``h`` host, ``c`` core, ``g`` instance (a group of tasks on its host), ``t`` task, ``a`` strand (one thread of an
attempt), ``o`` operation, ``v`` holding (a visit, an allocation, a token), ``b`` batch, ``q`` queue: an identifier is
the position of a row, -1 is none. Times are nanoseconds, work is in units of 2^-20 ns. Rows of strands, operations,
holdings, tasks and batches are used again when they are free, so that memory is constant in the number of operations;
``serial`` tells two users of one row apart. Tables that only repeat the compiled scenario carry its columns in front
of their own.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import numpy as np

from models.records import CAUSES
from simulator import compiled_tables as compiled
from simulator.program import PROGRAM

NEVER: Final = (1 << 63) - 1
LINE: Final = 64  # bytes of a line of the cache
CAUSE_COLUMNS: Final = 16  # of the tables of causes; they are cleared, copied and added at once
CAUSES_OF_A_LINE: Final = 8  # the causes after these are none of most operations'
DEFERRED: Final = 4  # ended operations that are not yet in the histogram and the sums; a power of two
assert CAUSES <= CAUSE_COLUMNS


def _dtype(
    fields: str,
    *,
    base: np.dtype[Any] | None = None,
    floats: str = "",
    keys: str = "",
    halves: str = "",
    lines: bool = False,
) -> np.dtype[Any]:
    """Return a dtype of the columns of ``base`` and int64 ``fields``; some are float64, unsigned (keys) or int32.

    A row's size is a power of two, so that its address is a shift away from its position. With ``lines`` it fills whole
    lines of the processor's cache; the fields that are used most stand first.
    """
    kinds: dict[str, Any] = dict.fromkeys(floats.split(), np.float64) | dict.fromkeys(keys.split(), np.uint64)
    kinds |= dict.fromkeys(halves.split(), np.int32)
    columns: list[Any] = [(name, base[name]) for name in base.names or ()] if base is not None else []
    columns += [(name, kinds.get(name, np.int64)) for name in fields.split()]
    made = np.dtype(columns, align=True)
    assert made.fields is not None
    names = made.names or ()
    padded: Any = {
        "names": list(names),
        "formats": [made.fields[name][0] for name in names],
        "offsets": [made.fields[name][1] for name in names],
        "itemsize": max(1 << (made.itemsize - 1).bit_length(), LINE if lines else 1),
    }
    return np.dtype(padded, align=True)


VALUE: Final = _dtype("value")
FLOAT: Final = np.dtype([("value", np.float64)], align=True)
PAIR: Final = _dtype("first second")

# --- what the scenario says, with the state of each part -------------------------------------------------------------

STEP: Final = _dtype("", base=PROGRAM)
DISTRIBUTION: Final = _dtype("fixed", base=compiled.DISTRIBUTION)  # fixed: every draw of a constant, else -1
HOST: Final = _dtype(
    "queue busy_cores busy_core_ns busy_since_ns pausing speeds_vary speed has_quota first_member utilization_q20 "
    "balanced_core_ns search_key search_count steal_key steal_count stray_key stray_count "
    "sharing_head sharing_tail sharing_count active_count since_ns dirty held_head throttled_groups",
    base=compiled.HOST,
    keys="search_key steal_key stray_key",
)
CORE: Final = _dtype(
    "host task held busy speed exit_left_ns switch_left_ns slice_left_ns since_ns last_serial throttled releasing "
    "working_ns switching_ns exiting_ns throttled_ns paused_ns idle_ns "
    "queue sum_v count last_average repick delayed pausing"
)
CORE_GROUP: Final = _dtype("throttled budget_ns released")
INSTANCE: Final = _dtype(
    "next_member left_ns speed throttled work_asked work_done work_withdrawn work_present "
    "up connections inside held_bytes pooled_bytes peak_bytes byte_ns since_ns taken_bytes given_back_bytes "
    "memory_queue worker_queue free_hint active_tasks batcher_count weight current_weight",
    base=compiled.INSTANCE,
    floats="byte_ns weight current_weight",
)
SERVICE: Final = _dtype("key draws next_index queue current due_ns", base=compiled.SERVICE, keys="key")
BATCHER: Final = _dtype("open closed_head closed_tail sending executing task", base=compiled.BATCHER)
LOCK: Final = _dtype("", base=compiled.LOCK)
TOKEN: Final = _dtype("free cause queue station barging_ns group groups")  # a lock or a pool; locks first
LINK: Final = _dtype("queue", base=compiled.LINK)
CHANNEL: Final = _dtype("cargo due_ns link")
WORKLOAD: Final = _dtype(
    "tokens active base_users response_sum_ns response_max_ns failed_sum_ns offered completed failed timed_out "
    "rejected retried",
    base=compiled.WORKLOAD,
)
KIND: Final = _dtype("", base=compiled.OPERATION)
EVENT: Final = _dtype("", base=compiled.EVENT)
PAUSE: Final = _dtype("key draws running", base=compiled.PAUSE, keys="key")
STATION: Final = _dtype(
    "present waiting busy busy_changes number_changes waiting_changes arrivals departures arrival_sum_ns residence_ns "
    "bytes busy_ns number_ns waiting_ns"
)
SOURCE: Final = _dtype(
    "workload key operation_key following_key operations is_user position fresh parked process slot",
    keys="key operation_key following_key",
    halves="is_user position parked fresh process slot",
    lines=True,
)

# --- what comes and goes ---------------------------------------------------------------------------------------------

OPERATION: Final = _dtype(
    "next source kind key start_ns outcome attempts instance serial record attempt_ns live causes_of",
    keys="key",
    lines=True,
)
STRAND: Final = _dtype(
    "serial due_ns row end_outcome parent operation next key "
    "place resume settled attempt pending visit first_holding last_holding root source "
    "previous place_id demand_ns size_bytes arrived_ns batch behind cause since_ns "
    "first_child next_child previous_child join_outcome first_task",
    keys="key",
    halves="place resume settled attempt pending",
    lines=True,
)
HOLDING: Final = _dtype(
    "type what service next previous strand runner entered is_user_task arrived_ns size_bytes pooled_bytes", lines=True
)
TASK: Final = _dtype(
    "next v deadline state delayed attempts current lag executed_ns work "
    "strand next_task core last_core batcher visit group station serial previous demand_ns arrived_ns "
    "wakeup_ns ran_ns joined_ns orphan in_held active fresh rate next_held turn_end first_timer turn_own own_end "
    "finished_ns turn_began_ns client last_ran_ns",
    keys="client",
    halves="state group delayed core attempts current last_core batcher station visit orphan in_held fresh active "
    "turn_end first_timer turn_own own_end",
    lines=True,
)
BATCH: Final = _dtype("next member_bytes due_ns")
QUEUE: Final = _dtype("head tail count")
ENDED_STRAND: Final = _dtype("strand bin")  # whose row holds the causes of an operation, and its bin
PENDING: Final = _dtype("time key")  # a time event: four are a line of the cache
BUCKET: Final = _dtype("chunk count")  # its first chunk of events, and how many events it has
RECORD: Final = _dtype("source number kind attempts start_ns end_ns outcome instance")

TABLES: Final[dict[str, np.dtype[Any]]] = {
    "steps": STEP,
    "branch_rows": VALUE,
    "branch_shares": FLOAT,
    "distributions": DISTRIBUTION,
    "quantiles": FLOAT,  # rows of two
    "weights": FLOAT,
    "kinds": VALUE,
    "phases": VALUE,  # rows of two
    "arrivals": PAIR,
    "speeds": VALUE,
    "hosts": HOST,
    "cores": CORE,
    "core_groups": CORE_GROUP,  # [cores][instances]
    "instances": INSTANCE,
    "services": SERVICE,
    "batchers": BATCHER,
    "locks": LOCK,
    "tokens": TOKEN,
    "links": LINK,
    "channels": CHANNEL,
    "workloads": WORKLOAD,
    "operation_kinds": KIND,
    "events": EVENT,
    "pauses": PAUSE,
    "stations": STATION,
    "sources": SOURCE,
    "workers": VALUE,  # the task of each worker
    "user_tasks": VALUE,  # [instances][users] the task of each closed user, -1 before its first visit
    "timers": VALUE,  # the cores' timers: a tournament tree
    "releases": VALUE,  # the cores to be released at the end of the cascade
    "free_cores": VALUE,  # stack of cores that are about to take a task
    "operations": OPERATION,
    "strands": STRAND,
    "holdings": HOLDING,
    "tasks": TASK,
    "batches": BATCH,
    "queues": QUEUE,
    "heap": PENDING,
    "far": PENDING,  # chunks of events that are far ahead
    "far_chunks": VALUE,  # the chunk after each, in its bucket or among those that are free
    "buckets": BUCKET,  # [LEVELS][digits]
    "bucket_levels": VALUE,  # a bit for each bucket that is not empty
    "wakes": VALUE,  # first in, first out: strands to go on and clients to be told
    "starts": VALUE,  # first in, first out: parallel branches to begin
    "chosen": VALUE,  # [strands][services] the instance that an attempt uses
    "strand_causes": VALUE,  # [strands][CAUSE_COLUMNS]
    "operation_causes": VALUE,  # [operations][CAUSE_COLUMNS]
    "inside": VALUE,  # the strands inside an instance that goes down
    "records": RECORD,
    "record_causes": VALUE,  # [records][CAUSE_COLUMNS]
    "uncounted": VALUE,  # [DEFERRED] bins
    "unsummed": ENDED_STRAND,  # [DEFERRED]
    "histogram": VALUE,  # [workloads][BINS], and a bin that counts for nothing
    "cause_sums": VALUE,  # [2][BINS + 1][CAUSES_OF_A_LINE]: the last row of each counts for nothing
}

_SCALARS: Final = (
    "now choosing warmup_ns until_ns handled handled_limit started reading tracking summing recording checking grow "
    "host_count station_count pause_count event_count workload_count instance_count service_count user_count "
    "source_count batcher_count first_pool_token first_dynamic_queue timer_leaves record_count record_margin_at "
    "next_strand_serial next_operation_serial next_task_serial heap_count heap_margin_at "
    "heap_watch_at near_ns base_ns far_count free_chunk "
    "wake_head wake_tail wake_mask start_head start_tail start_mask "
    "release_count free_core_count"
)
_ROW_SCALARS: Final = [
    f"{name}_{field}"
    for name in ("operation", "strand", "holding", "task", "batch")
    for field in ("free", "top", "margin_at")
]
STATE: Final = np.dtype(
    [("run_key", np.uint64)]
    + [(name, np.int64) for name in (*_SCALARS.split(), *_ROW_SCALARS)]
    + [(name, np.int64) for table in TABLES for name in (table, f"{table}_length")],
    align=True,
)


def __getattr__(name: str) -> Any:
    """Return an accessor. They are made when the kernel is compiled, so that its caller need not load the compiler."""
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(import_module("simulator.fast.rows"), name)


# Kinds of holdings.
VISIT: Final = 0
ALLOCATION: Final = 1
TOKEN_HELD: Final = 2
TOKEN_TRIED: Final = 3  # nothing: woken to try again for a token that is free

# Where a strand waits.
NOWHERE: Final = 0
PAUSING: Final = 1
AT_RUNNER: Final = 2  # place_id: task
AT_WORKERS: Final = 3  # instance
AT_MEMORY: Final = 4  # instance
AT_TOKEN: Final = 5  # token
IN_OPEN_BATCH: Final = 6  # batcher
ON_LINK_QUEUE: Final = 7  # link
ON_CHANNEL: Final = 8  # channel
ON_LINK_DELAY: Final = 9  # link
AT_DISPATCHER: Final = 10  # service
AT_JOIN: Final = 11
IN_CLOSED_BATCH: Final = 12

# What is known of a visit, in its row of the program.
ENTRY: Final = 1  # it is the first of the service that its operation enters
AGAIN: Final = 2  # the operation visits the service elsewhere too, and goes to the same instance

# What a strand does when it goes on.
BEGIN: Final = 0
GO_ON: Final = 1
DISPATCHED: Final = 2
HOPPED: Final = 3
GOT_WORKER: Final = 4
GOT_MEMORY: Final = 5
GOT_LOCK: Final = 6
DONE_UNDER_LOCK: Final = 7
JOINED: Final = 8
CALLED_TO_LOCK: Final = 9
TRIES_LOCK: Final = 10

# How a stage leaves its strand.
NEXT: Final = 0
WAITS: Final = 1
ENDED: Final = 2

# Why the kernel stops.
REACHED: Final = 0  # `until_ns`
GROW: Final = 1  # a table is nearly full
PAUSED: Final = 2  # `handled_limit`

# The heap of events.
ROW_BITS: Final = 24
RANK_AT: Final = 58  # ids have the bits between
ROWS: Final = 1 << ROW_BITS
IDS: Final = 1 << (RANK_AT - ROW_BITS)
CHUNK: Final = 64  # events
DIGIT_BITS: Final = 5
LEVELS: Final = 13  # of digits in a time
BUCKETS: Final = LEVELS << DIGIT_BITS
MANY: Final = 4096  # events in the heap from which on those that are far ahead lie elsewhere
TOP: Final = 3  # the first event; the children of position p are 4 p - 8 to 4 p - 5
