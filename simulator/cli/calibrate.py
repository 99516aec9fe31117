"""`sim calibrate ...`: measure a host, a program, a service, or read what other tools measured."""

import typer

from simulator.cli.calibrate_host import host
from simulator.cli.calibrate_live import command, http, python
from simulator.cli.calibrate_table import table

app = typer.Typer(no_args_is_help=True, help="Measure this host or a live service, for simulations of it.")
app.command()(host)
app.command()(command)
app.command()(python)
app.command()(http)
app.command()(table)
