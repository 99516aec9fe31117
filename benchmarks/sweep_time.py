"""How long `sim sweep --procs 1..50` takes on the default to its default precision: `python -m benchmarks.sweep_time`.

Wanted: less than 30 s on two cores that do nothing else.
"""

from __future__ import annotations

import time

from simulator.grid import grid
from simulator.parallel_runs import Workers
from simulator.sweep import prepare_sweep, sweep


def main() -> None:
    """Time the sweep, without the start of the interpreter and the compilation of the engine."""
    wanted, _, _ = grid({"procs": "1..50"}, [])
    read = prepare_sweep(None, wanted)
    sweep(prepare_sweep(None, grid({"procs": "1,2"}, [])[0]), Workers("fast"), max_operations=2_000)
    started = time.monotonic()
    answer = sweep(read, Workers("fast"))
    elapsed_s = time.monotonic() - started
    operations = sum(point["operations"]["offered"] for point in answer.data["points"])
    print(f"{len(answer.data['points'])} points, {operations:,} operations: {elapsed_s:.1f} s")


if __name__ == "__main__":
    main()
