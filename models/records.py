"""Outcomes, causes and the layout of what an engine writes down of each operation."""

from __future__ import annotations

from typing import Final

import numpy as np

# Outcomes of an operation and of an attempt.
IN_FLIGHT: Final = -1
COMPLETED: Final = 0
TIMED_OUT: Final = 1
REJECTED: Final = 2
FAILED: Final = 3  # by a failure stage
MEMORY_EXHAUSTED: Final = 4
INSTANCE_DOWN: Final = 5
CANCELLED: Final = 6  # server side only: a timed-out attempt that was taken out, or a branch whose sibling failed

OUTCOME_NAMES: Final = {
    IN_FLIGHT: "in_flight",
    COMPLETED: "completed",
    TIMED_OUT: "timed_out",
    REJECTED: "rejected",
    FAILED: "failed",
    MEMORY_EXHAUSTED: "memory_exhausted",
    INSTANCE_DOWN: "instance_down",
    CANCELLED: "cancelled",
}

# Causes that an operation's response time is accounted to; they add up to it exactly.
WORKING: Final = 0
WAITING_FOR_CORE: Final = 1
WAKING: Final = 2  # context switch, wake-up work, idle exit
THROTTLED_OR_PAUSED: Final = 3
WAITING_FOR_MEMORY: Final = 4
IN_BATCH: Final = 5
WAITING_FOR_LOCK: Final = 6
WAITING_FOR_TOKEN: Final = 7
WAITING_FOR_WORKER: Final = 8
WAITING_FOR_LINK: Final = 9
ON_LINK: Final = 10  # transfer and the link's delay
DELAYED: Final = 11
HOP_AND_DISPATCH: Final = 12
BACKING_OFF: Final = 13
ABANDONED_ATTEMPTS: Final = 14
CAUSES: Final = 15

CAUSE_NAMES: Final = (
    "working",
    "waiting_for_core",
    "waking",
    "throttled_or_paused",
    "waiting_for_memory",
    "in_batch",
    "waiting_for_lock",
    "waiting_for_token",
    "waiting_for_worker",
    "waiting_for_link",
    "on_link",
    "delay",
    "hop_and_dispatch",
    "backoff",
    "abandoned_attempts",
)

OPERATION_RECORD: Final = np.dtype(
    [
        ("workload", np.int32),
        ("process", np.int32),
        ("slot", np.int32),  # which of the process's concurrent operations; 0 in open workloads
        ("operation", np.int64),  # counts the operations of this user or source from 0
        ("kind", np.int32),  # index of the operation in the scenario
        ("attempts", np.int32),
        ("start_ns", np.int64),  # intended start
        ("end_ns", np.int64),  # -1 while in flight
        ("outcome", np.int32),
        ("instance", np.int32),  # index of the entry service's instance in the last attempt, -1 if none was reached
        ("causes_ns", np.int64, (CAUSES,)),
    ]
)
"""One row an operation, in the order in which the operations started."""

TIMES_RECORD: Final = np.dtype([(name, OPERATION_RECORD[name]) for name in ("start_ns", "end_ns", "outcome")])
"""What a pilot needs of it: an eighth of the bytes to write."""

# Columns of the counts by workload.
OFFERED: Final = 0
COUNT_COMPLETED: Final = 1
COUNT_FAILED: Final = 2
COUNT_IN_FLIGHT: Final = 3
COUNT_TIMED_OUT: Final = 4  # attempts
COUNT_REJECTED: Final = 5  # attempts
COUNT_RETRIED: Final = 6  # attempts
COUNTS: Final = 7

# What a core's time is made of; the columns add up to the time.
CORE_WORKING: Final = 0
CORE_SWITCHING: Final = 1
CORE_EXITING_IDLE: Final = 2
CORE_THROTTLED: Final = 3
CORE_PAUSED: Final = 4
CORE_IDLE: Final = 5
CORE_STATES: Final = 6
CORE_STATE_NAMES: Final = ("working", "switching", "exiting_idle", "throttled", "paused", "idle")

STATION_TOTALS: Final = np.dtype(
    [
        ("busy_ns", np.int64),  # integral of the busy servers (memory: of the bytes held, in byte-microseconds)
        ("number_ns", np.int64),  # integral of the number present, waiting and in service
        ("waiting_ns", np.int64),  # integral of the number waiting
        ("arrivals", np.int64),
        ("departures", np.int64),  # taken out (timeout, down) included
        ("residence_ns", np.int64),  # sum over the departures
        ("bytes", np.int64),  # carried (links), allocated (memory)
    ]
)
"""Time-weighted totals of one station."""
