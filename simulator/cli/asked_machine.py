"""The CPUs of a measured service as the command line names them."""

from __future__ import annotations

import typer

from calibration.fitting.skeleton import Machine


def asked_machine(cpus: int | None, threads_per_core: int) -> Machine | None:
    """Return the machine that --cores and --threads-per-core name; None where they name none.

    Raises typer.BadParameter for hyperthreads of an unknown number of CPUs.
    """
    if threads_per_core != 1 and cpus is None:
        raise typer.BadParameter("--threads-per-core: found no --cores beside it; accepted: both")
    return None if cpus is None else Machine(float(cpus), threads_per_core)
