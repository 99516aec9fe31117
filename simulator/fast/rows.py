"""Accessors of the kernel's tables: ``core_at(sim, c)`` is row ``c`` of the cores (see `simulator.fast.jit`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.fast.jit import array_accessor, row_accessor, state_accessor
from simulator.fast.layout import STATE, TABLES


def _offset(field: str) -> int:
    assert STATE.fields is not None
    return int(STATE.fields[field][1])


def _rows(table: str) -> Any:
    return row_accessor(_offset(table), table, TABLES[table])


def _array(table: str, dtype: Any, columns: int = 0) -> Any:
    return array_accessor(_offset(table), table, np.dtype(dtype), columns)


state_of = state_accessor(STATE)
step_at = _rows("steps")
branch_row_at = _rows("branch_rows")
distribution_at = _rows("distributions")
speed_at = _rows("speeds")
arrival_at = _rows("arrivals")
kind_weight_at = _rows("kinds")
phase_value_at = _rows("phases")
host_at = _rows("hosts")
core_at = _rows("cores")
core_group_at = _rows("core_groups")
instance_at = _rows("instances")
service_at = _rows("services")
batcher_at = _rows("batchers")
lock_at = _rows("locks")
token_at = _rows("tokens")
link_at = _rows("links")
channel_at = _rows("channels")
workload_at = _rows("workloads")
operation_kind_at = _rows("operation_kinds")
event_at = _rows("events")
pause_at = _rows("pauses")
station_at = _rows("stations")
source_at = _rows("sources")
worker_at = _rows("workers")
user_task_at = _rows("user_tasks")
timer_at = _rows("timers")
release_at = _rows("releases")
free_core_at = _rows("free_cores")
operation_at = _rows("operations")
strand_at = _rows("strands")
holding_at = _rows("holdings")
task_at = _rows("tasks")
batch_at = _rows("batches")
queue_at = _rows("queues")
pending_at = _rows("heap")
far_at = _rows("far")
far_chunk_at = _rows("far_chunks")
bucket_at = _rows("buckets")
bucket_level_at = _rows("bucket_levels")
wake_at = _rows("wakes")
start_at = _rows("starts")
chosen_at = _rows("chosen")
strand_cause_at = _rows("strand_causes")
operation_cause_at = _rows("operation_causes")
inside_at = _rows("inside")
record_at = _rows("records")
record_cause_at = _rows("record_causes")
uncounted_at = _rows("uncounted")
unsummed_at = _rows("unsummed")
histogram_at = _rows("histogram")
cause_sum_at = _rows("cause_sums")

quantiles_of = _array("quantiles", np.float64, 2)
weights_of = _array("weights", np.float64)
branch_shares_of = _array("branch_shares", np.float64)
phases_of = _array("phases", np.int64, 2)
