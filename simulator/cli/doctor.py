"""`sim doctor`: whether the fast engine is ready on this machine, and where its compiled kernel is kept."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from models.compiled import HAVE_NUMBA


def doctor(
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Say whether the kernel is compiled, but do not compile it.")
    ] = False,
) -> None:
    """Compile the fast engine ahead, and say what is kept where."""
    typer.echo(f"python            {platform.python_version()} on {platform.system()} {platform.machine()}")
    typer.echo(f"numpy             {np.__version__}")
    if not HAVE_NUMBA:
        typer.echo("numba             not at hand: the reference engine answers everything, more slowly")
        return
    import llvmlite
    import numba

    from simulator.fast import cache

    typer.echo(f"numba             {numba.__version__}, llvmlite {llvmlite.__version__}")
    if check_only and not cache.is_ready():
        typer.echo("fast engine       not yet compiled")
    else:
        made = cache.kernel()
        how = "loaded" if made.from_disk else "compiled"
        typer.echo(f"fast engine       {how} in {made.seconds:.2f} s")
    typer.echo(f"compiled kernel   {_place(cache.kernel_file())}")
    if cache.note():
        typer.echo(cache.note(), err=True)


def _place(path: Path | None) -> str:
    """Return where the kernel is kept and how large it is."""
    if path is None:
        return "kept nowhere"
    if not path.is_file():
        return f"{path} (not there)"
    return f"{path} ({path.stat().st_size / 1e3:.0f} kB)"
