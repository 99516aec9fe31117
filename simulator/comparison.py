"""How results differ from the first of them, as it is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simulator.arms import Arm, switch_names
from simulator.controls import CONTROLS, controlled, controls_of, worth_taking_out
from simulator.factorial import combinations, effect
from simulator.operation_controls import BEYOND, CYCLES
from simulator.paired import Difference, Series, over, paired_difference, unpaired_difference
from simulator.result import SCHEMA_VERSION, Result, refuse_incomplete
from simulator.statistics import Estimate

HIDDEN: Final = ("started_per_s", CYCLES, *CONTROLS)  # serve others, as do all of BEYOND
EXTREME: Final = ".max"  # of a sample: its mean over replications is no estimate of anything


def sample(data: Mapping[str, Any], name: str) -> Series:
    """Return a measure of each replication of a result, as it is compared.

    The throughput of a closed system is taken from the operations that start: in the long run they are as many as
    those that end, but they come one by one, while a batch that ends just inside or outside of the window is noise
    of the size of a batch, which no common random numbers take away.
    """
    closed = all(workload["kind"] == "closed" for workload in data["scenario"]["workloads"])
    started: Series | None = data["samples"].get("started_per_s")
    series: Series = data["samples"][name]
    return started if name == "throughput_per_s" and closed and started is not None else series


def controlled_sample(data: Mapping[str, Any], name: str, count: int | None = None) -> Series:
    """Return a measure of each of the first replications without the chance that controls show."""
    values = sample(data, name)[:count]
    controls = [control[:count] for control in controls_of(name, data["samples"])]
    return controlled(values, [one for one in controls if len(one) == len(values)])


def paired_of(first: Mapping[str, Any], second: Mapping[str, Any], name: str, count: int | None = None) -> Difference:
    """Return the difference of a measure of two results, of the first replications of both.

    Chance that controls show is taken out where that is worth it, of both or of none.
    """
    alone = sample(first, name)[:count], sample(second, name)[:count]
    plain = paired_difference(*alone)
    without = paired_difference(controlled_sample(first, name, count), controlled_sample(second, name, count), alone)
    return without if worth_taking_out(plain.difference, without.difference) else plain


def comparison(names: Sequence[str], results: Sequence[Result]) -> dict[str, Any]:
    """Return how each result differs from the first, as it is saved.

    Raises ResultError for one that lacks its replications' measures.
    """
    for name, result in zip(names, results, strict=True):
        refuse_incomplete(result.data, name, "samples")
    first = results[0].data
    same = ("seed", "warmup_s", "duration_s", "stagger_s")
    paired = all([result.data.get(key) for key in same] == [first.get(key) for key in same] for result in results)
    # Further replications of one side have no partner.
    count = min(len(result.data["samples"]["throughput_per_s"]) for result in results)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "compare",
        "name": first["scenario"]["name"],
        "seed": first["seed"],
        "engine": first["engine"],
        "warmup_s": first["warmup_s"],
        "duration_s": first["duration_s"],
        "stagger_s": first.get("stagger_s", 0.0),
        "replications": count if paired else min(result.data["replications"] for result in results),
        "paired": paired,
        "interrupted": False,
        "arms": [{"name": name, **result.data} for name, result in zip(names, results, strict=True)],
        "differences": [
            {"name": name, "metrics": _differences(results[0], result, count if paired else None)}
            for name, result in zip(names[1:], results[1:], strict=True)
        ],
        "factorial": None,
    }


def _differences(first: Result, second: Result, paired: int | None) -> dict[str, Any]:
    """Return the difference of every measure that both have. paired: so many replications are pairs."""
    found = {}
    for name in _compared(first):
        if name in second.data["samples"]:
            before, after = sample(first.data, name), sample(second.data, name)
            if paired is None:
                found[name] = unpaired_difference(before, after).as_json()
            else:
                found[name] = paired_of(first.data, second.data, name, paired).as_json()
    return found


def _compared(result: Result) -> list[str]:
    names = result.data["samples"]
    return [one for one in names if one not in HIDDEN and not one.endswith(EXTREME) and not one.startswith(BEYOND)]


def switch_effects(switches: Sequence[str], arms: Sequence[Arm], results: Sequence[Result]) -> dict[str, Any]:
    """Return the effects of the switches and their interactions, of every measure.

    switches: texts of all. arms, results: of all their combinations, none thrown first.
    """
    by_combination = {arm.thrown: result.data for arm, result in zip(arms, results, strict=True)}
    names = _compared(results[0])
    count = min(result.data["replications"] for result in results)  # all the same unless it was stopped
    plain = {name: {one: sample(data, name)[:count] for one, data in by_combination.items()} for name in names}
    without = {
        name: {one: controlled_sample(data, name, count) for one, data in by_combination.items()} for name in names
    }
    short = switch_names(switches)
    effects = []
    for chosen in combinations(len(switches))[1:]:
        metrics = {}
        for name in names:
            found = [effect(chosen, series[name], len(switches)) for series in (plain, without)]
            better = worth_taking_out(*found)
            metrics[name] = _effect(found[better], (without if better else plain)[name][frozenset()])
        effects.append({"switches": [short[position] for position in sorted(chosen)], "metrics": metrics})
    named = [{"name": name, "set": text} for name, text in zip(short, switches, strict=True)]
    return {"switches": named, "effects": effects}


def _effect(found: Estimate, baseline: Series) -> dict[str, Any]:
    defined = [value for value in baseline if value is not None]
    relative = over(found, sum(defined) / len(defined) if defined else None)
    known = found.value is not None and found.half_width is not None
    return {
        "effect": {"value": found.value, "half_width": found.half_width},
        "relative": {"value": relative.value, "half_width": relative.half_width},
        "more_than_noise": abs(found.value or 0.0) > (found.half_width or 0.0) if known else None,
    }
