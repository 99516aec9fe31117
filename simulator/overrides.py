"""Changes to a scenario by options and variables, made on its TOML tables before they are validated.

So an option takes the same units as the file, is checked by the same rules, and an error names the option.
"""

from __future__ import annotations

import copy
import datetime
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from models.errors import FieldProblem, Path, ScenarioError, dotted, shown

Table = dict[str, Any]

ENTRY: Final = "<first service>"  # stands in a place for the name of the service on which operations enter

PLACES: Final[Mapping[str, Path]] = {
    "cores": ("services", ENTRY, "cores"),
    "instances": ("services", ENTRY, "instances"),
    "memory": ("services", ENTRY, "memory"),
    "workers": ("services", ENTRY, "workers"),
    "discipline": ("services", ENTRY, "discipline"),
    "procs": ("workloads", 0, "procs"),
    "concurrency": ("workloads", 0, "concurrency"),
    "think_time": ("workloads", 0, "think_time"),
    "rate": ("workloads", 0, "arrival_rate"),
    "duration": ("run", "duration"),
    "warmup": ("run", "warmup"),
    "seed": ("run", "seed"),
    "replications": ("run", "replications"),
    "precision": ("run", "precision"),
}
"""Each option that sets a field of the scenario, by its name in Python, and the field it sets."""

_CLOSED_ONLY: Final = ("concurrency", "think_time")
_OTHER_SOURCES: Final = ("interarrival", "file")
_STRUCTURAL: Final = ("rate", "discipline")
_PART: Final = re.compile(r'"([^"]*)"|([^.\[\]"=\s]+)|\[(\d+)\]')


class Override(NamedTuple):
    """One value that replaces a field.

    origin: the option or variable as the user knows it, such as `--cores`; errors begin with it.
    path: place of the field; a list's tables may be named by their `name` instead of their index.
    value: what tomllib would have read there; None takes the field out.
    option: name of the option in PLACES, empty for `--set`.
    """

    origin: str
    path: Path
    value: object
    option: str = ""

    def __str__(self) -> str:
        """Return it as it is given on the command line."""
        value = self.value if isinstance(self.value, str) else shown(self.value)
        if self.option:
            return f"{self.origin} {value}"
        return f"{self.origin}={'' if self.value is None else value}"


class Overridden(NamedTuple):
    """A scenario's tables after the overrides.

    notes: what was changed beyond the field that was named, a sentence each, for the answer's first lines.
    paths: for each override the place in the table that it set.
    """

    table: Table
    notes: tuple[str, ...]
    paths: tuple[tuple[Path, Override], ...]


def collect(
    options: Mapping[str, str | None],
    settings: Sequence[str] = (),
    environment: Iterable[str] = (),
    environment_settings: Sequence[str] = (),
) -> list[Override]:
    """Put all overrides into the order in which they are made: variables, then options; `--set` last of each.

    What changes the structure of the scenario (`--rate`, `--discipline`) comes first of all, so that it takes
    out only what the file says, and another option that it makes meaningless is an error.

    options: texts by the names in PLACES; None where the option was not given.
    settings: the texts of `--set`.
    environment: names of the options whose text came from their `SIM_*` variable.
    environment_settings: the texts of `SIM_SET`.
    """
    of_environment = set(environment)
    variables = {name: text for name, text in options.items() if name in of_environment}
    flags = {name: text for name, text in options.items() if name not in of_environment}
    overrides = [
        *_from_options(variables, "SIM_{}", str.upper),
        *from_settings(environment_settings, "SIM_SET"),
        *_from_options(flags, "--{}", lambda name: name.replace("_", "-")),
        *from_settings(settings),
    ]
    return sorted(overrides, key=lambda override: override.option not in _STRUCTURAL)


def _from_options(values: Mapping[str, str | None], form: str, spelled: Callable[[str], str]) -> list[Override]:
    return [
        Override(form.format(spelled(name)), PLACES[name], read_value(text), name)
        for name, text in values.items()
        if text is not None
    ]


def from_settings(texts: Sequence[str], origin: str = "--set") -> list[Override]:
    """Read texts of the form PATH=VALUE, such as `services.hub.batchers.outbox.max_size=16`.

    Raises ScenarioError for a text that is not of that form.
    """
    overrides = []
    for text in texts:
        place, equals, value = (part.strip() for part in text.partition("="))
        path = _read_path(place)
        if not equals or not path:
            accepted = 'PATH=VALUE, such as "services.hub.queue_limit=500"'
            raise ScenarioError(origin, [FieldProblem((), shown(text), accepted)])
        overrides.append(Override(f"{origin} {place}", path, read_value(value) if value else None))
    return overrides


def read_value(text: str) -> object:
    """Read a value as TOML where it is one (16, true, { mean = "1ms" }), else as a string (150ms, auto)."""
    try:
        value = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    found = value["value"]
    is_date = isinstance(found, datetime.date | datetime.time)
    return text if is_date or len(value) > 1 else found


def apply(table: Table, overrides: Sequence[Override]) -> Overridden:
    """Return a copy of a scenario's tables with the overrides made in their order; a later one wins.

    Raises ScenarioError, naming the override, where its place cannot be in the scenario.
    """
    changed = copy.deepcopy(table)
    notes: list[str] = []
    paths: list[tuple[Path, Override]] = []
    for override in overrides:
        path = _resolved(changed, override)
        if override.option == "rate":
            notes += _make_open(changed, override)
        elif override.option == "discipline":
            notes += _drop_other_disciplines(changed, path, override)
        elif override.option == "think_time":
            path = _mean_of(changed, path, override)
        _put(changed, path, override)
        paths.append((path, override))
    return Overridden(changed, tuple(notes), tuple(paths))


def attributed(error: ScenarioError, overridden: Overridden) -> ScenarioError:
    """Return the error under the name of the override that brought it; unchanged where none did."""
    by_origin: dict[str, list[FieldProblem]] = {}
    for problem in error.problems:
        origin, place = _origin_of(problem.path, overridden)
        by_origin.setdefault(origin, []).append(FieldProblem(place, problem.found, problem.accepted))
    by_origin.pop("", None)
    for origin, problems in by_origin.items():
        return ScenarioError(origin, problems)
    return error


def _origin_of(path: Path, overridden: Overridden) -> tuple[str, Path]:
    """Return the origin of the last override at, above or below a place, and the place as seen from there."""
    for place, override in reversed(overridden.paths):
        if path[: len(place)] == place:
            return override.origin, path[len(place) :]
        if path and place[: len(path)] == path:
            return override.origin, ()
    return "", path


def _read_path(text: str) -> Path:
    """Split a place such as `workloads[0].think_time` into its parts; empty where the text is none."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        if parts and text[position] == ".":
            position += 1
        match = _PART.match(text, position)
        if match is None:
            return ()
        quoted, bare, index = match.groups()
        if index is not None:
            parts.append(int(index))
        else:
            parts.append(quoted if quoted is not None else bare)
        position = match.end()
    return tuple(parts)


def _resolved(table: Table, override: Override) -> Path:
    """Return the override's path with ENTRY and the names of list entries replaced by what stands there."""
    path: list[str | int] = []
    here: Any = table
    for part in override.path:
        step = _step(here, part, tuple(path), override)
        path.append(step)
        if isinstance(here, dict):
            here = here.get(step)
        elif isinstance(here, list) and isinstance(step, int):
            here = here[step]
    return tuple(path)


def _step(here: Any, part: str | int, path: Path, override: Override) -> str | int:
    """Return the key or index that one part of a path means in the value `here`, which stands at `path`."""
    if part == ENTRY:
        return _first_service(here, override)
    if isinstance(here, list):
        names = [entry.get("name") if isinstance(entry, dict) else None for entry in here]
        if isinstance(part, str) and part in names:
            return names.index(part)
        index = int(part) if isinstance(part, int) or part.isdecimal() else len(here)
        if index >= len(here):
            known = ", ".join(name for name in names if isinstance(name, str))
            accepted = f"0 to {len(here) - 1}" + (f" or a name ({known})" if known else "")
            raise _misplaced(override, f"{shown(part)} in {dotted(path)}", accepted)
        return index
    if here is not None and not isinstance(here, dict):
        raise _misplaced(override, f"{shown(here)} in {dotted(path)}", "a place inside a table")
    if isinstance(part, int):
        raise _misplaced(override, f"no list at {dotted(path) or 'the top'}", "an index only inside a list")
    return part


def _first_service(services: Any, override: Override) -> str:
    if isinstance(services, dict) and services:
        return str(next(iter(services)))
    raise _misplaced(override, "a scenario without services", "a scenario with at least one service")


def _misplaced(override: Override, found: str, accepted: str) -> ScenarioError:
    return ScenarioError(override.origin, [FieldProblem((), found, accepted)])


def _at(table: Table, path: Path) -> Any:
    """Return what stands at a place, None where there is nothing."""
    here: Any = table
    for part in path:
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return None
    return here


def _put(table: Table, path: Path, override: Override) -> None:
    """Set the value at a resolved place, making the tables on the way to it; None takes the field out."""
    here: Any = table
    for part in path[:-1]:
        if isinstance(here, dict):
            if not isinstance(here.get(part), dict | list):
                here[part] = {}
            here = here[part]
        else:
            here = here[part]
    last = path[-1]
    if override.value is not None:
        here[last] = override.value
    elif isinstance(here, dict) and last in here:
        del here[last]
    else:
        raise _misplaced(override, f"no {dotted(path)} to take out", "PATH=VALUE")


def _make_open(table: Table, override: Override) -> list[str]:
    """Make the first workload open; return what that changed."""
    workload = _at(table, ("workloads", 0))
    if not isinstance(workload, dict):
        raise _misplaced(override, "a scenario without workloads", "a scenario with at least one workload")
    kind = workload.get("kind", "closed")
    replaced = [key for key in _OTHER_SOURCES if key in workload]
    dropped = [key for key in (*_CLOSED_ONLY, *_OTHER_SOURCES) if workload.pop(key, None) is not None]
    workload["kind"] = "open"
    name = workload.get("name", "the first")
    if kind == "open" and not replaced:
        return []
    without = f" (without its {' and '.join(dropped)})" if dropped else ""
    return [f"workload {name} is {kind} in the scenario and is made open by {override.origin}{without}"]


def _drop_other_disciplines(table: Table, path: Path, override: Override) -> list[str]:
    """Take out what describes the machine under the discipline that is replaced; return what that changed."""
    service = _at(table, path[:-1])
    if not isinstance(service, dict):
        return []
    meaningless = [key for key in ("linux", "round_robin") if key != override.value]
    if override.value == "processor_sharing":
        meaningless += ["context_switch", "idle_exit", "cpu_quota_slice"]
    dropped = [key for key in meaningless if service.pop(key, None) is not None]
    if not dropped:
        return []
    return [f"{override.origin} takes {' and '.join(dropped)} out of {dotted(path[:-1])}"]


def _mean_of(table: Table, path: Path, override: Override) -> Path:
    """Return the place of the mean where a distribution stands there and a plain value is given."""
    stands = _at(table, path)
    if not isinstance(stands, dict) or isinstance(override.value, dict):
        return path
    if "mean" in stands:
        return (*path, "mean")
    accepted = f"--set {dotted(path)}=... for a distribution that is not given by its mean"
    raise _misplaced(override, shown(override.value), accepted)
