"""The one sentence that a result comes down to, and the exit code that goes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from simulator.quantity_text import value_of

OK: Final = "ok"
SATURATED: Final = "saturated"
UNSTABLE: Final = "unstable"
FAILED: Final = "threshold failed"
FAILING: Final = "failing"
INTERRUPTED: Final = "interrupted"
NOTHING: Final = "nothing completed"
DEFECT: Final = "defect"

ERROR_ALERT: Final = 0.01  # above it operators are called, as in the load test that the built-in scenario is of
TIGHT: Final = 0.8  # utilization from which on waiting grows fast with every further per cent

EXIT_OK: Final = 0
EXIT_DEFECT: Final = 1
EXIT_THRESHOLD_FAILED: Final = 99
EXIT_INTERRUPTED: Final = 130

_EXIT_CODES: Final = {DEFECT: EXIT_DEFECT, INTERRUPTED: EXIT_INTERRUPTED, FAILED: EXIT_THRESHOLD_FAILED}


class Verdict(NamedTuple):
    """What a result comes down to.

    state: the gravest thing found, one of the states above. text: one sentence that starts with it.
    exit_code: of the command that made the result.
    """

    state: str
    text: str
    exit_code: int


def verdict(data: Mapping[str, Any]) -> Verdict:
    """Judge a result: the gravest finding first, then the others."""
    findings = list(_findings(data))
    state = findings[0][0]
    text = "; ".join(f"{name}: {text}" for name, text in findings)
    return Verdict(state, text, _EXIT_CODES.get(state, EXIT_OK))


def _findings(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find what stands out, the gravest first; at the end `ok` if nothing does."""
    messages = {warning["code"]: warning["message"] for warning in data.get("warnings") or ()}
    found = [
        (DEFECT, messages.get("law_violated")),
        (INTERRUPTED, _interrupted(messages)),
        (FAILED, _failed(data)),
        (NOTHING, messages.get("nothing_completed")),
        (FAILING, _failing(data)),
        (UNSTABLE, messages.get("overload") or messages.get("not_stationary")),
        (SATURATED, _saturated(data)),
    ]
    standing_out = [(state, text) for state, text in found if text]
    yield from standing_out
    if not standing_out:
        yield OK, _room(data)


def _interrupted(messages: Mapping[str, str]) -> str | None:
    message = messages.get("interrupted")
    return f"partial result, {message.removeprefix('interrupted: ')}" if message else None


def _failed(data: Mapping[str, Any]) -> str | None:
    thresholds = data.get("thresholds") or []
    failed = [threshold["threshold"] for threshold in thresholds if not threshold["passed"]]
    if not failed:
        return None
    return f"{len(failed)} of {len(thresholds)}, {', '.join(failed[:3])}"


def _failing(data: Mapping[str, Any]) -> str | None:
    rate = value_of(data.get("error_rate"))
    return None if rate is None or rate <= ERROR_ALERT else f"{rate:.1%} of the operations fail"


def _saturated(data: Mapping[str, Any]) -> str | None:
    binds = data.get("bottleneck") or {}
    if binds.get("kind") != "station":
        return None
    # A reason that is not the station's own utilization (a quota) says more than its name.
    is_full = binds["why"].startswith(binds["name"])
    return f"{binds['name']} binds the throughput" if is_full else str(binds["why"])


def _room(data: Mapping[str, Any]) -> str:
    """Say how much room there is, and whether all thresholds passed."""
    thresholds = data.get("thresholds") or []
    passed = f"all {len(thresholds)} thresholds passed, " if len(thresholds) > 1 else ""
    passed = "the threshold passed, " if len(thresholds) == 1 else passed
    ahead = (data.get("bottleneck") or {}).get("next")
    if not ahead:
        return f"{passed}no station is saturated"
    little = ", which leaves little room" if ahead["utilization"] >= TIGHT else ""
    return f"{passed}no station is saturated; the busiest, {ahead['name']}, is at {ahead['utilization']:.0%}{little}"
