"""Sample-path laws: exact on every run of every scenario, whatever its distributions. Violations are defects.

The engines report 4, 5 and 6 while they run with `check`; the others are read off their output.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final

import numpy as np

from models.records import COUNT_COMPLETED, COUNT_FAILED, COUNT_IN_FLIGHT, OFFERED
from simulator.output import EngineOutput

LAWS: Final = {
    1: "offered = completed + failed + in flight, for each workload",
    2: "Little's law at each station and for each workload",  # Little, 1961; exact on a sample path that starts empty
    3: "each core's times add up to the time",
    4: "work done = work demanded",
    5: "no core idles beside a task that waits and may run on it",  # linux: with both placement chances at 1
    6: "memory taken = memory given back + memory held",
    7: "each operation's causes add up to its response time",
    8: "nothing ends before it starts",
    9: "the same seed gives the same bytes",
}


def violations(output: EngineOutput, compiled: Any) -> list[str]:
    """Return one line for each violation of laws 1 to 8, starting with the law's number.

    compiled: the compiled scenario, for the names.
    """
    found = [*output.law_violations]
    found.extend(_counts(output, compiled))
    found.extend(_little(output, compiled))
    found.extend(_cores(output))
    if output.records is not None:
        found.extend(_records(output.records))
        found.extend(_in_flight(output, output.records))
    return sorted(found)


def _counts(output: EngineOutput, compiled: Any) -> Iterator[str]:
    for name, row in zip(compiled.workload_names, output.counts, strict=True):
        ended = int(row[COUNT_COMPLETED]) + int(row[COUNT_FAILED])
        if int(row[OFFERED]) != ended + int(row[COUNT_IN_FLIGHT]):
            yield f"law 1: workload {name}: offered {row[OFFERED]} != ended {ended} + {row[COUNT_IN_FLIGHT]}"
        if (row < 0).any():
            yield f"law 1: workload {name}: a count is negative: {row.tolist()}"


def _little(output: EngineOutput, compiled: Any) -> Iterator[str]:
    for index, station in enumerate(compiled.stations):
        totals = output.stations_whole[index]
        number_ns = int(totals["number_ns"])
        sojourns_ns = int(totals["residence_ns"]) + int(output.stations_present_ns[index])
        if number_ns != sojourns_ns:
            place = f"{station.service}[{station.instance}].{station.name}"
            yield f"law 2: station {place}: number x time {number_ns} ns != sojourns {sojourns_ns} ns"


def _cores(output: EngineOutput) -> Iterator[str]:
    for core, states in enumerate(output.cores_whole_ns):
        total_ns = int(states.sum())
        if total_ns != output.end_ns:
            yield f"law 3: core {core}: its states add up to {total_ns} ns, not {output.end_ns} ns"
        if (states < 0).any():
            yield f"law 3: core {core}: a state has a negative time: {states.tolist()}"
    window_ns = output.end_ns - output.warmup_ns
    for core, states in enumerate(output.cores_ns):
        if int(states.sum()) != window_ns:
            total_ns = int(states.sum())
            yield f"law 3: core {core}: its states in the window add up to {total_ns} ns, not {window_ns} ns"


def _records(records: np.ndarray[Any, Any]) -> Iterator[str]:
    ended = records[records["end_ns"] >= 0]
    response_ns = ended["end_ns"] - ended["start_ns"]
    causes_ns = ended["causes_ns"].sum(axis=1)
    for row in np.flatnonzero(causes_ns != response_ns):
        yield f"law 7: {_named(ended[row])}: causes {causes_ns[row]} ns != response {response_ns[row]} ns"
    for row in np.flatnonzero((ended["causes_ns"] < 0).any(axis=1)):
        yield f"law 7: {_named(ended[row])}: a cause is negative: {ended['causes_ns'][row].tolist()}"
    for row in np.flatnonzero(response_ns < 0):
        record = ended[row]
        yield f"law 8: {_named(record)}: starts at {record['start_ns']} ns, ends at {record['end_ns']} ns"


def _in_flight(output: EngineOutput, records: np.ndarray[Any, Any]) -> Iterator[str]:
    """Hold the operations in flight against the part of each operation that lies in the window."""
    last = np.where(records["end_ns"] < 0, output.end_ns, records["end_ns"])
    first_ns = np.clip(records["start_ns"], output.warmup_ns, output.end_ns)
    inside_ns = np.maximum(np.clip(last, output.warmup_ns, output.end_ns) - first_ns, 0)
    for workload, number_ns in enumerate(output.in_flight_ns.tolist()):
        sojourns_ns = int(inside_ns[records["workload"] == workload].sum())
        if number_ns != sojourns_ns:
            yield f"law 2: workload {workload}: in flight x time {number_ns} ns != sojourns {sojourns_ns} ns"


def _named(record: Any) -> str:
    return (
        f"operation {record['operation']} of slot {record['slot']} of process {record['process']} "
        f"of workload {record['workload']}"
    )


def fingerprint(output: EngineOutput) -> str:
    """Return a hash of everything that a replication returned, for law 9 and for comparing engines.

    The engine's name and its own count of events are left out: they say how it was done.
    """
    digest = hashlib.sha256()
    for field in fields(output):
        if field.name in ("engine", "events"):
            continue
        value = getattr(output, field.name)
        digest.update(field.name.encode())
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()


def same_bytes(first: EngineOutput, second: EngineOutput) -> list[str]:
    """Return the violations of law 9 between two runs of one replication."""
    if fingerprint(first) == fingerprint(second):
        return []
    return [f"law 9: replication {first.replication} came out differently when it was run again"]
