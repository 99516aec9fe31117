"""`sim scenario init | check | schema`: start a scenario file, check one, and describe the format."""

import json
from pathlib import Path
from typing import Annotated

import typer

from models.errors import FieldProblem, ScenarioError
from models.scenario import Scenario
from models.scenario_schema import scenario_schema
from simulator.output_files import Outputs
from simulator.scenario_source import built_in_text

app = typer.Typer(no_args_is_help=True, help="Start a scenario file, check one, or print the format.")


@app.command()
def init(
    file: Annotated[Path | None, typer.Argument(help="File to write; without it, standard output.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
) -> None:
    """Write a commented scenario to start from."""
    text = built_in_text("starter.toml")
    if file is None:
        typer.echo(text, nl=False)
        return
    if file.exists() and not force:
        raise ScenarioError(str(file), [FieldProblem((), "a file that exists", "a new file, or --force")])
    with Outputs() as outputs:
        outputs.open("FILE", str(file))
        outputs.write("FILE", text)
    typer.echo(f"{file} written; try: sim scenario check {file}", err=True)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="Scenario file (TOML).")]) -> None:
    """Read a scenario as a run would, and say what it is or what is wrong with it."""
    typer.echo(f"{file}: {summary(Scenario.load(file))}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files (draft 2020-12)."""
    typer.echo(json.dumps(scenario_schema(), indent=2))


def summary(scenario: Scenario) -> str:
    """Say on one line what a scenario is."""
    workloads = ", ".join(f"{workload.name} ({workload.kind})" for workload in scenario.workloads)
    services = ", ".join(
        f"{name} ({service.instances} x "
        + (f"cores of {service.cores_of})" if service.cores_of else f"{service.cores} cores)")
        for name, service in scenario.services.items()
    )
    operations = ", ".join(operation.name for operation in scenario.operations)
    return f"{scenario.name}: workloads {workloads}; services {services}; operations {operations}"
