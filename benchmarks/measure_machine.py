"""Measure response times on a real machine with more processes than cores.

Every level starts real processes that do the same small piece of CPU work again and again, in a closed loop
(`closed`), or with an exponential think time between two pieces (`think`); `single` measures one process
alone, both ways, for the parameters that a scenario needs. The answer is a table of medians over the repeats
with their range, and with `--output` a CSV file of every repeat.

What is measured, and how:

- The work is a fixed count of steps of one chain of dependent integer operations over 1 KiB (CRC-CCITT of the
  standard library). It allocates nothing, and a chain leaves a hyperthread beside it little to take away: of
  the candidates tried (SHA-256, a Python loop, the chain) it had the steadiest time. The count is calibrated
  once, before the first level.
- Processes wait at a barrier and begin at one common time. The first second is cut off.
- Response time runs from the intended begin: the end of the operation before it, or the intended end of the
  think time, however late the process really woke. Sleeps are absolute and have the default timer slack
  (50 us), as those of an ordinary process have.
- Times go to memory that was mapped before the start; nothing is written anywhere while a level runs. The CPU
  clock of a process is read only before its first and after its last operation: reading it makes the kernel
  account the running task and end its slice there and then, instead of at the next tick (with a reading per
  operation the slices of 4 processes fell from 4 ms to 1.6 ms, and p50 rose from 1.1 ms to 2.8 ms).
- Repeats are interleaved (every level once, then every level again), so a slow drift shows as range.
- A level is disturbed when other processes took more than `OTHERS_LIMIT` of the machine, when the hypervisor
  stole more than `STEAL_LIMIT`, or when an operation took `SLOW_LIMIT` more CPU time than in the median
  repeat (a neighbour on the physical core). Disturbed levels are measured again, a bounded number of times;
  `--again FILE` does it for the rows of an earlier file that are still disturbed.

A level is bounded in time, and its processes die with this one.
"""

from __future__ import annotations

import argparse
import binascii
import csv
import ctypes
import gc
import math
import mmap
import os
import platform
import random
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

CUT_NS = 1_000_000_000
"""What is cut off at the beginning of a level: caches and the scheduler settle well within it."""
START_DELAY_NS = 150_000_000
"""From the release of the barrier to the common begin: long enough for all processes to be waiting for it."""
OTHERS_LIMIT = 0.03
STEAL_LIMIT = 0.01
SLOW_LIMIT = 0.05
FIELDS_PER_OPERATION = 3
FIELDS_PER_PROCESS = 2
HEADER_FIELDS = 2
PR_SET_PDEATHSIG = 1
PERCENTILES = (50, 90, 95, 99)
LEVELS = {"closed": (1, 4, 16, 30, 50), "think": (4, 8, 16, 30, 50)}


@dataclass(frozen=True)
class Level:
    """What is run at once: so many processes, thinking so long on average (0: a plain closed loop)."""

    procs: int
    think_mean_ns: int
    seconds: float
    steps: int
    seed: int


@dataclass(frozen=True)
class Row:
    """What one level gave; times in milliseconds, shares of the whole machine's CPU time."""

    procs: int
    think_mean_ms: float
    repeat: int
    steps: int
    operations: int
    throughput_per_s: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    cpu_per_operation_ms: float
    start_delay_p50_ms: float
    others_share: float
    steal_share: float


def work(steps: int, block: bytes) -> int:
    """Do `steps` kilobytes of a chain of dependent integer operations."""
    crc_hqx = binascii.crc_hqx
    value = 0
    for _ in range(steps):
        value = crc_hqx(block, value)
    return value


def calibrate(demand_ns: int, block: bytes) -> int:
    """Return the steps that take `demand_ns` of CPU time here, by the median of 150 warm trials."""
    steps = 100
    for trials in (50, 300):
        times = []
        for _ in range(trials):
            before = time.process_time_ns()
            work(steps, block)
            times.append(time.process_time_ns() - before)
        steps = max(1, round(steps * demand_ns / statistics.median(times[trials // 2 :])))
    return steps


def operate(level: Level, process: int, slab: memoryview, window_ns: tuple[int, int], block: bytes) -> None:
    """Run one process's loop through `window_ns` and record it in `slab`.

    `slab` holds 64-bit integers: the count of operations, their CPU time, (intended, begin, end) of each.
    """
    generator = random.Random(f"{level.seed}/{process}")
    capacity = (len(slab) - FIELDS_PER_PROCESS) // FIELDS_PER_OPERATION
    rate = 1.0 / level.think_mean_ns if level.think_mean_ns else 0.0
    thinks = [int(generator.expovariate(rate)) for _ in range(capacity)] if rate else []
    count = 0
    now = window_ns[0]
    time.sleep(max(0, now - time.monotonic_ns()) / 1e9)
    cpu_before_ns = time.process_time_ns()
    while now < window_ns[1] and count < capacity:
        intended = now
        if rate:
            intended += thinks[count]
            time.sleep(max(0, intended - time.monotonic_ns()) / 1e9)
        begin = time.monotonic_ns()
        work(level.steps, block)
        now = time.monotonic_ns()
        base = FIELDS_PER_PROCESS + count * FIELDS_PER_OPERATION
        slab[base], slab[base + 1], slab[base + 2] = intended, begin, now
        count += 1
    slab[1] = time.process_time_ns() - cpu_before_ns
    slab[0] = count


def start_processes(
    level: Level, shared: memoryview, slab_fields: int, barrier: tuple[int, int]
) -> list[int]:
    """Fork the level's processes, which wait until the write end of `barrier` is closed; return their ids."""
    libc = ctypes.CDLL(None)
    block = random.Random(1).randbytes(1024)
    pids: list[int] = []
    for process in range(level.procs):
        pid = os.fork()
        if pid:
            pids.append(pid)
            continue
        try:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            os.close(barrier[1])
            work(level.steps, block)
            os.read(barrier[0], 1)
            first = HEADER_FIELDS + process * slab_fields
            operate(level, process, shared[first : first + slab_fields], (shared[0], shared[1]), block)
        finally:
            os._exit(0)
    return pids


def reap(pids: Sequence[int], timeout_s: float) -> None:
    """Wait for the processes, and kill what is still there after `timeout_s`."""
    remaining = set(pids)
    give_up = time.monotonic() + timeout_s
    while remaining and time.monotonic() < give_up:
        remaining -= {pid for pid in remaining if os.waitpid(pid, os.WNOHANG)[0]}
        time.sleep(0.01)
    for pid in remaining:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def others_cpu_s(own: set[int]) -> float:
    """Return the CPU seconds that all processes except `own`, kernel threads included, have used so far."""
    total = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) in own:
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        total += sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])
    return total / os.sysconf("SC_CLK_TCK")


def steal_s() -> float:
    """Return the CPU seconds that the hypervisor has taken from this machine so far."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(timeout_s: float = 3.0) -> None:
    """Wait, at most `timeout_s`, until nothing but this process is running."""
    give_up = time.monotonic() + timeout_s
    while time.monotonic() < give_up:
        with open("/proc/loadavg") as file:
            if int(file.read().split()[3].split("/")[0]) <= 1:
                return
        time.sleep(0.1)


def measure(level: Level, repeat: int) -> Row:
    """Run one level and return its row."""
    # Nothing finishes faster than the calibrated work; twice as many operations as that leaves room to spare.
    capacity = int(level.seconds * 4000)
    slab_fields = FIELDS_PER_PROCESS + capacity * FIELDS_PER_OPERATION
    size_bytes = 8 * (HEADER_FIELDS + level.procs * slab_fields)
    with mmap.mmap(-1, size_bytes) as memory, memoryview(memory) as plain, plain.cast("q") as shared:
        wait_until_idle()
        barrier = os.pipe()
        pids = start_processes(level, shared, slab_fields, barrier)
        try:
            shared[0] = time.monotonic_ns() + START_DELAY_NS
            shared[1] = shared[0] + int(level.seconds * 1e9)
            os.close(barrier[1])
            time.sleep((shared[0] - time.monotonic_ns()) / 1e9)
            own = {os.getpid(), *pids}
            before = others_cpu_s(own), steal_s(), time.monotonic()
            time.sleep((shared[1] - time.monotonic_ns()) / 1e9)
            after = others_cpu_s(own), steal_s(), time.monotonic()
        finally:
            reap(pids, timeout_s=5.0)
            os.close(barrier[0])
        machine_s = (after[2] - before[2]) * (os.cpu_count() or 1)
        shares = (after[0] - before[0]) / machine_s, (after[1] - before[1]) / machine_s
        slabs = [
            shared[first : first + slab_fields] for first in range(HEADER_FIELDS, len(shared), slab_fields)
        ]
        row = summarize(level, repeat, slabs, (shared[0] + CUT_NS, shared[1]), shares)
        for slab in slabs:
            slab.release()
        return row


def collect(slabs: Sequence[memoryview]) -> Iterator[tuple[int, int, int]]:
    """Yield (intended, begin, end) of every operation."""
    for slab in slabs:
        for operation in range(slab[0]):
            base = FIELDS_PER_PROCESS + operation * FIELDS_PER_OPERATION
            yield slab[base], slab[base + 1], slab[base + 2]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest value with at least that share of all values at or below it."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summarize(
    level: Level,
    repeat: int,
    slabs: Sequence[memoryview],
    window_ns: tuple[int, int],
    shares: tuple[float, float],
) -> Row:
    """Reduce the operations that ended within the window to a row."""
    kept = [row for row in collect(slabs) if window_ns[0] <= row[2] < window_ns[1]]
    responses_ms = sorted((end - intended) / 1e6 for intended, _, end in kept)
    cpu_ms = sum(slab[1] for slab in slabs) / sum(slab[0] for slab in slabs) / 1e6
    p50, p90, p95, p99 = (round(percentile(responses_ms, percent), 4) for percent in PERCENTILES)
    return Row(
        procs=level.procs,
        think_mean_ms=level.think_mean_ns / 1e6,
        repeat=repeat,
        steps=level.steps,
        operations=len(kept),
        throughput_per_s=round(len(kept) / (window_ns[1] - window_ns[0]) * 1e9, 2),
        mean_ms=round(statistics.fmean(responses_ms), 4),
        p50_ms=p50,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        cpu_per_operation_ms=round(cpu_ms, 4),
        start_delay_p50_ms=round(statistics.median((row[1] - row[0]) / 1e6 for row in kept), 4),
        others_share=round(shares[0], 4),
        steal_share=round(shares[1], 4),
    )


@dataclass(frozen=True)
class LevelMaker:
    """What all levels of one invocation have in common."""

    seconds: float
    steps: int

    def __call__(self, procs: int, think_mean_ns: int, seed: int) -> Level:
        """Return the level of `procs` processes."""
        return Level(procs, think_mean_ns, self.seconds, self.steps, seed)


def measure_all(levels: Sequence[tuple[int, int]], repeats: int, make_level: LevelMaker) -> list[Row]:
    """Measure every (procs, think_mean_ns) `repeats` times, interleaved."""
    return [
        report(measure(make_level(procs, think_mean_ns, repeat), repeat))
        for repeat in range(1, repeats + 1)
        for procs, think_mean_ns in levels
    ]


def measure_again(rows: Sequence[Row], retries: int, make_level: LevelMaker) -> tuple[list[Row], int]:
    """Measure at most `retries` disturbed rows again and keep the quieter of each two.

    Returns the rows in order and how many are still disturbed.
    """
    kept = sorted(rows, key=lambda row: (row.think_mean_ms, row.procs, row.repeat))
    usual_cpu_ms = {
        key: statistics.median(row.cpu_per_operation_ms for row in group) for key, group in by_level(kept)
    }
    for index in [index for index, row in enumerate(kept) if disturbance(row, usual_cpu_ms) > 1][:retries]:
        row = kept[index]
        print("disturbed, again:", file=sys.stderr)
        level = make_level(row.procs, round(row.think_mean_ms * 1e6), row.repeat + len(rows))
        again = report(measure(level, row.repeat))
        kept[index] = min(row, again, key=lambda row: disturbance(row, usual_cpu_ms))
    return kept, sum(disturbance(row, usual_cpu_ms) > 1 for row in kept)


def by_level(rows: Sequence[Row]) -> list[tuple[tuple[float, int], list[Row]]]:
    """Return the rows of each (think_mean_ms, procs), in that order."""
    keys = sorted({(row.think_mean_ms, row.procs) for row in rows})
    return [(key, [row for row in rows if (row.think_mean_ms, row.procs) == key]) for key in keys]


def disturbance(row: Row, usual_cpu_ms: dict[tuple[float, int], float]) -> float:
    """Return the largest of the three interferences relative to its limit: above 1 is disturbed."""
    slowdown = row.cpu_per_operation_ms / usual_cpu_ms[row.think_mean_ms, row.procs] - 1
    return max(row.others_share / OTHERS_LIMIT, row.steal_share / STEAL_LIMIT, slowdown / SLOW_LIMIT)


def report(row: Row) -> Row:
    """Say on standard error what a level gave."""
    print(
        f"{row.procs:3d} processes, repeat {row.repeat}: {row.throughput_per_s:.0f}/s, "
        f"p50 {row.p50_ms:.2f} ms, p99 {row.p99_ms:.2f} ms, CPU {row.cpu_per_operation_ms:.3f} ms; "
        f"others {row.others_share:.1%}, steal {row.steal_share:.1%}",
        file=sys.stderr,
    )
    return row


def summary_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the table of medians and ranges, a line for each level."""
    names = ("throughput_per_s", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "cpu_per_operation_ms")
    yield "| think ms | procs | " + " | ".join(names) + " |"
    yield "| --- " * (len(names) + 2) + "|"
    for (think_ms, procs), group in by_level(rows):
        cells = []
        for name in names:
            values = [getattr(row, name) for row in group]
            middle = statistics.median(values)
            digits = 0 if name == "throughput_per_s" else 3 if middle < 2 else 2 if middle < 20 else 1
            cells.append(f"{middle:.{digits}f} ({min(values):.{digits}f}..{max(values):.{digits}f})")
        yield f"| {think_ms:g} | {procs} | " + " | ".join(cells) + " |"


def single_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield what one process alone says about the machine: demand, wake-up and idle exit."""

    def median(name: str, think: bool) -> float:
        values: list[float] = [getattr(row, name) for row in rows if (row.think_mean_ms > 0) == think]
        return statistics.median(values)

    demand_ms = median("cpu_per_operation_ms", think=False)
    yield f"demand: {demand_ms:.3f} ms of CPU time per operation in a closed loop"
    extra_ms = median("cpu_per_operation_ms", think=True) - demand_ms
    yield f"sleeping and waking: {extra_ms:.3f} ms more CPU time per operation with think time, cores idle"
    yield (
        f"begin after the intended time: {median('start_delay_p50_ms', think=True):.3f} ms "
        "(median: timer slack, interrupt, idle exit, switch)"
    )
    delta_ms = median("p50_ms", think=True) - median("p50_ms", think=False)
    yield f"idle exit and wake-up together: {delta_ms:.3f} ms (p50 with think time less p50 without)"


def read_csv(path: Path) -> tuple[list[str], list[Row]]:
    """Return the comment lines and the rows of a file that `write_csv` wrote."""
    lines = path.read_text().splitlines()
    header = [line.removeprefix("# ") for line in lines if line.startswith("#")]
    kinds: dict[str, Any] = {field.name: int if field.type == "int" else float for field in fields(Row)}
    table = csv.DictReader(line for line in lines if not line.startswith("#"))
    return header, [Row(**{name: kind(line[name]) for name, kind in kinds.items()}) for line in table]


def write_csv(path: Path, rows: Sequence[Row], header: Sequence[str]) -> None:
    """Write `rows` with `header` as comment lines before them, at once."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", newline="") as file:
        file.writelines(f"# {line}\n" for line in header)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(astuple(row) for row in rows)
    temporary.replace(path)


def machine_lines(arguments: argparse.Namespace, steps: int) -> Iterator[str]:
    """Yield what the numbers were measured on, and how."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    virtual = "virtual machine" if "hypervisor" in Path("/proc/cpuinfo").read_text() else "bare metal"
    yield f"measured {time.strftime('%Y-%m-%d')} with benchmarks/measure_machine.py {arguments.kind}"
    yield f"{os.cpu_count()} cores, {model}, {virtual}, Linux {platform.release().split('-')[0]}"
    yield (
        f"{arguments.seconds:g} s a level, the first {CUT_NS / 1e9:g} s cut, {arguments.repeats} interleaved "
        f"repeats, {steps} steps of work for {arguments.demand_ms:g} ms"
    )
    yield "response times from the intended begin; shares are of the machine's CPU time"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", choices=("closed", "think", "single"))
    parser.add_argument("--procs", type=int, nargs="+", help="levels (default: those of the measured tables)")
    parser.add_argument("--seconds", type=float, default=8.0, help="of one level, the cut included")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--retries", type=int, default=3, help="how many disturbed levels are measured again")
    parser.add_argument("--demand-ms", type=float, default=1.13, help="CPU time of an operation, closed loop")
    parser.add_argument("--think-ms", type=float, default=10.2, help="mean of the exponential think time")
    parser.add_argument("--output", type=Path, help="CSV file of every repeat")
    parser.add_argument("--again", type=Path, help="CSV file of which only the disturbed rows are measured")
    arguments = parser.parse_args()
    if (
        not 1 < arguments.seconds <= 60
        or not 1 <= arguments.repeats <= 20
        or not 0 <= arguments.retries <= 20
    ):
        parser.error("accepted: --seconds above 1 up to 60, --repeats 1 to 20, --retries 0 to 20")
    if arguments.demand_ms < 0.3 or arguments.think_ms <= 0:
        parser.error("accepted: --demand-ms of at least 0.3, --think-ms above 0")
    if arguments.procs and not all(1 <= procs <= 200 for procs in arguments.procs):
        parser.error("accepted: --procs 1 to 200")
    return arguments


def levels_of(arguments: argparse.Namespace) -> list[tuple[int, int]]:
    """Return the (procs, think_mean_ns) that the command line asks for."""
    think_mean_ns = round(arguments.think_ms * 1e6)
    if arguments.kind == "single":
        return [(1, 0), (1, think_mean_ns)]
    procs_of_levels = arguments.procs or LEVELS[arguments.kind]
    return [(procs, think_mean_ns if arguments.kind == "think" else 0) for procs in procs_of_levels]


def main() -> int:
    """Measure, print the table and write the file; 4 when a level stayed disturbed."""
    arguments = parse_arguments()
    gc.freeze()
    gc.disable()
    if arguments.again:
        header, rows = read_csv(arguments.again)
        make_level = LevelMaker(arguments.seconds, rows[0].steps)
        note = f"disturbed rows measured again on {time.strftime('%Y-%m-%d')}"
        header += [] if note in header else [note]
    else:
        steps = calibrate(round(arguments.demand_ms * 1e6), random.Random(1).randbytes(1024))
        make_level = LevelMaker(arguments.seconds, steps)
        header = list(machine_lines(arguments, steps))
        rows = measure_all(levels_of(arguments), arguments.repeats, make_level)
    rows, disturbed = measure_again(rows, arguments.retries, make_level)
    print("\n".join([*header, *summary_lines(rows)]))
    if arguments.kind == "single":
        print("\n".join(single_lines(rows)))
    if arguments.output:
        write_csv(arguments.output, rows, header)
    print(f"{disturbed} of {len(rows)} levels disturbed", file=sys.stderr)
    return 4 if disturbed else 0


if __name__ == "__main__":
    sys.exit(main())
