"""The tables of a compiled scenario: their fields, and the numbers that stand in them for names.

They say what `simulator.compile` makes and the engines read, and need nothing of a scenario.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

FIFO: Final = 0
PROCESSOR_SHARING: Final = 1
ROUND_ROBIN: Final = 2
LINUX: Final = 3
DISCIPLINES: Final = {
    "fifo": FIFO,
    "processor_sharing": PROCESSOR_SHARING,
    "round_robin": ROUND_ROBIN,
    "linux": LINUX,
}

POLICY_ROUND_ROBIN: Final = 0
POLICY_RANDOM: Final = 1
POLICY_LEAST_CONNECTIONS: Final = 2
POLICY_POWER_OF_TWO: Final = 3
POLICY_SESSION_AFFINITY: Final = 4
POLICY_WEIGHTED: Final = 5
POLICY_FIXED: Final = 6  # a switched-off balancer: process modulo instances
POLICIES: Final = {
    "round_robin": POLICY_ROUND_ROBIN,
    "random": POLICY_RANDOM,
    "least_connections": POLICY_LEAST_CONNECTIONS,
    "power_of_two": POLICY_POWER_OF_TWO,
    "session_affinity": POLICY_SESSION_AFFINITY,
    "weighted": POLICY_WEIGHTED,
}

PER_OPERATION: Final = 0
EVENT_LOOP: Final = 1
BLOCKING: Final = 2

ARRIVAL_ORDER: Final = 0
OWN_FIRST: Final = 1
CLIENT_FIRST: Final = 2
READY_ORDERS: Final = {"arrival": ARRIVAL_ORDER, "own_first": OWN_FIRST, "client_first": CLIENT_FIRST}

CLOSED: Final = 0
OPEN: Final = 1
TRACE: Final = 2

EVENT_DOWN: Final = 0
EVENT_UP: Final = 1
EVENT_SLOW: Final = 2


def _table(fields: str, floats: str = "") -> np.dtype[Any]:
    """Return a dtype of int64 fields, those named in ``floats`` as float64."""
    real = set(floats.split())
    return np.dtype([(name, np.float64 if name in real else np.int64) for name in fields.split()])


DISTRIBUTION: Final = _table("kind a b c first count", "a b c")
HOST: Final = _table(
    "instance first_core cores threads_per_core discipline time_slice_ns base_slice_ns tick_ns idle_search idle_steal "
    "migration_ns balance_ns balance_permille stray_moves until_parity switch_ns exit_ns first_speed uniform "
    "first_pause pauses",
    "idle_search idle_steal stray_moves",
)
INSTANCE: Final = _table(
    "service position host memory_bytes memory_base_bytes pool_bytes hit_ns miss_ns worker_kind workers queue_limit "
    "ready_order wakeup_ns quota_ns period_ns quota_slice_ns first_batcher first_lock first_pool first_link "
    "cpu_station worker_station memory_station first_worker"
)
SERVICE: Final = _table("first_instance instances policy dispatch_ns hop_ns first_weight station")
BATCHER: Final = _table(
    "instance station max_size linger_ns fixed_ns per_item_ns compression_q20 compression_cpu_ns overhead_bytes link"
)
LOCK: Final = _table("instance station count first_weight first_lock_unit barging_ns")
POOL: Final = _table("instance station size")
LINK: Final = _table("instance station bandwidth_bytes_per_s delay_ns parallel first_channel", "bandwidth_bytes_per_s")
WORKLOAD: Final = _table(
    "kind procs concurrency first_user users think first_source sources interarrival timeout cancel attempts "
    "backoff_ns multiplier cap_ns jitter budget first_phase phases first_kind kinds first_arrival arrivals",
    "multiplier",
)
OPERATION: Final = _table("first_row service")
EVENT: Final = _table("at_ns action instance factor_q20")
PAUSE: Final = _table("host core every duration")
ALL_CORES: Final = -1
"""Position of the core that a pause stops, if it stops all."""

BUDGET_ONE: Final = 1_000_000
"""A retry budget counts tokens in millionths."""
