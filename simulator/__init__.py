"""How a scenario is run and answered: `run(Scenario.load("scenario.toml"))` returns a `Result`."""

from models.scenario import Scenario
from simulator.result import Result
from simulator.run import run

__all__ = ["Result", "Scenario", "run"]
