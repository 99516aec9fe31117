"""The result of a run: plain data that can be saved, loaded and reported later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from simulator.export import json_text
from simulator.output_files import write_atomically
from simulator.statistics import Estimate

SCHEMA_VERSION: Final = 1


_OF_ALL: Final = ("seed", "engine", "provenance")
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "run": (
        *_OF_ALL,
        *("scenario", "replications", "duration_s", "warmup_s", "operations", "throughput_per_s", "response_time_s"),
        *("success_rate", "error_rate", "cpu_utilization", "stations", "instances", "workloads", "bottleneck"),
        "warnings",
    ),
    "sweep": (*_OF_ALL, "name", "axes", "planned_points", "curves", "points"),
    "compare": (*_OF_ALL, "name", "replications", "duration_s", "paired", "arms", "differences", "factorial"),
    "limits": (*_OF_ALL, "scenario", "axis", "precision", "levels", "n_minus_1", "recovery", "monitoring", "warnings"),
    "plan": (*_OF_ALL, "scenario", "criteria", "probability", "plan", "smaller", "runners_up", "equal_cost"),
}
"""What a saved answer of each kind holds at least, that it can be printed again."""


class ResultError(ValueError):
    """A file that holds no result; its text is one line."""


def refuse_incomplete(data: Mapping[str, Any], source: str, *more: str) -> None:
    """Raise ResultError for an answer that lacks what its kind, or who asks, has to have.

    source: what the error calls it. more: names that are needed beside those.
    """
    missing = [name for name in (*REQUIRED[data["kind"]], *more) if name not in data]
    if missing:
        raise ResultError(f"{source}: has no {', '.join(missing[:3])}; accepted: a result saved by sim, whole")


@dataclass
class Result:
    """What a run answered.

    data: everything that is saved, as it stands in the JSON, in SI units. An estimate there is
        {"value": x, "half_width": h} at 95 % over replications, null where undefined.
    records: operations of each replication (OPERATION_RECORD), if they were asked for; not saved.
    """

    data: dict[str, Any]
    records: list[NDArray[Any]] = field(default_factory=list)

    def estimate(self, path: str) -> Estimate:
        """Return an estimate by its place in the data, such as "throughput_per_s" or "response_time_s.p95".

        Raises KeyError if there is none.
        """
        found: Any = self.data
        rest = path
        while rest and isinstance(found, dict):
            # A name may hold a point itself: p97.5.
            name, _, further = (rest, "", "") if rest in found else rest.partition(".")
            found, rest = found.get(name), further
        if rest or not isinstance(found, dict) or "half_width" not in found:
            raise KeyError(path)
        return Estimate(found["value"], found["half_width"])

    def __getitem__(self, path: str) -> float:
        """Return the value of an estimate, NaN where it is undefined. Raises KeyError if there is none."""
        value = self.estimate(path).value
        return float("nan") if value is None else value

    @property
    def throughput_per_s(self) -> Estimate:
        """Operations that ended, completed or failed, per second."""
        return self.estimate("throughput_per_s")

    @property
    def response_time_s(self) -> dict[str, Estimate]:
        """Response times by statistic: mean, p50, p90, p95, p99, p999, max."""
        return {name: self.estimate(f"response_time_s.{name}") for name in self.data["response_time_s"]}

    def workload(self, name: str) -> dict[str, Any]:
        """Return what was measured of one workload. Raises KeyError if there is none of that name."""
        return self._row("workloads", name=name)

    def station(self, name: str, service: str | None = None, instance: int = 0) -> dict[str, Any]:
        """Return what was measured of one station, of any service if none is named.

        Raises KeyError if there is none.
        """
        named = {} if service is None else {"service": service}
        return self._row("stations", name=name, instance=instance, **named)

    def _row(self, table: str, **wanted: Any) -> dict[str, Any]:
        for row in self.data[table]:
            if all(row[key] == value for key, value in wanted.items()):
                return dict(row)
        raise KeyError(f"{table}: {wanted}")

    @property
    def warnings(self) -> list[dict[str, str]]:
        """Warnings, each with code, message and advice."""
        return list(self.data["warnings"])

    @property
    def passed(self) -> bool:
        """Whether every threshold is met by its estimate."""
        return all(threshold["passed"] for threshold in self.data["thresholds"])

    @property
    def interrupted(self) -> bool:
        """Whether the run was cut short."""
        return bool(self.data["interrupted"])

    @property
    def law_violations(self) -> list[str]:
        """Sample-path laws that did not hold; empty too if they were not checked."""
        return [law["detail"] for law in self.data["laws"] or () if not law["holds"]]

    def to_json(self) -> str:
        """Print the data as JSON: the same text for the same seed, but for date and elapsed time."""
        return json_text(self.data)

    def save(self, path: str | Path) -> None:
        """Write the JSON, whole or not at all. Raises OSError."""
        write_atomically(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read a saved result. Raises ResultError if the file is missing or holds none."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise ResultError(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from None
        except ValueError:
            raise ResultError(f"{path}: is not JSON; accepted: a result saved by sim") from None
        return cls.from_data(data, str(path))

    @classmethod
    def from_data(cls, data: Any, source: str = "result") -> Result:
        """Take data that was read from JSON. source: what errors call it. Raises ResultError."""
        if not isinstance(data, dict) or "kind" not in data or "schema_version" not in data:
            raise ResultError(f"{source}: has no schema_version and kind; accepted: a result saved by sim")
        if data["schema_version"] != SCHEMA_VERSION:
            found = data["schema_version"]
            raise ResultError(f"{source}: schema_version: found {found!r}; accepted: {SCHEMA_VERSION}")
        if data["kind"] != "run":
            raise ResultError(f"{source}: kind: found {data['kind']!r}; accepted: 'run'")
        refuse_incomplete(data, source)
        return cls(data)
