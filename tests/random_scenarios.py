"""Random scenarios over the whole language: small, full of ties, each a pure function of its seed.

All constant times are small multiples of one unit (1 ns, 1 us or 1 ms), links carry a whole number of bytes in a unit
and speeds are simple fractions, so that many things happen at the same nanosecond: completions beside changes of speed,
ends of slices beside arrivals, quota periods beside ticks. A share of the times is continuous instead.

`random_scenario` serves mass runs; `scenarios` is the same generator as a hypothesis strategy, so that failures shrink.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from hypothesis import assume
from hypothesis import strategies as st

from models.scenario import Scenario, ScenarioError

Item = TypeVar("Item")

UNITS_NS = (1, 1_000, 1_000_000)
DISCIPLINES = ("linux", "linux", "round_robin", "fifo", "processor_sharing")
POLICIES = ("round_robin", "random", "least_connections", "power_of_two", "session_affinity", "weighted")
ATTEMPTS_TO_BE_VALID = 200


class Chooser(Protocol):
    """Where the generator's choices come from."""

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        ...


class Seeded:
    """Choices of a seeded random generator."""

    def __init__(self, seed: int, attempt: int) -> None:
        self._random = random.Random(f"{seed}/{attempt}")

    def integer(self, low: int, high: int) -> int:
        return self._random.randint(low, high)


class Drawn:
    """Choices that hypothesis draws, and shrinks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))


@cache
def trace_directory() -> Path:
    """Return the directory in which the generated trace files stand until the program ends."""
    kept = tempfile.TemporaryDirectory(prefix="random-traces-")
    _KEPT.append(kept)
    return Path(kept.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def random_scenario(seed: int) -> Scenario:
    """Return the random scenario of a seed."""
    for attempt in range(ATTEMPTS_TO_BE_VALID):
        data = Generator(Seeded(seed, attempt), f"random-{seed}").scenario()
        try:
            return Scenario.from_dict(data, directory=trace_directory())
        except ScenarioError:
            continue
    raise AssertionError(f"no valid scenario in {ATTEMPTS_TO_BE_VALID} attempts with seed {seed}")


@st.composite
def scenarios(draw: Any) -> Scenario:
    """Random scenarios as a hypothesis strategy."""
    data = Generator(Drawn(draw), "drawn").scenario()
    try:
        return Scenario.from_dict(data, directory=trace_directory())
    except ScenarioError:
        assume(False)
        raise


class Generator:
    """Makes one scenario as the tables that a TOML file would hold; not every one is valid."""

    def __init__(self, chooser: Chooser, name: str) -> None:
        self.chooser = chooser
        self.name = name
        self.unit_ns = self.pick(UNITS_NS)
        self.continuous_percent = self.pick((0, 0, 15, 60))
        self.nested = 0
        self.pools_held = 0

    # --- choices ---------------------------------------------------------------------------------------------

    def integer(self, low: int, high: int) -> int:
        return self.chooser.integer(low, high)

    def pick(self, options: Sequence[Item]) -> Item:
        return options[self.integer(0, len(options) - 1)]

    def chance(self, percent: int) -> bool:
        return self.integer(1, 100) <= percent

    def units(self, low: int, high: int) -> str:
        """A constant time of some units."""
        return f"{self.integer(low, high) * self.unit_ns}ns"

    def time(self, low: int, high: int) -> Any:
        """A time or a distribution of times, from about low to about high units; low 0 may be 0."""
        if not self.chance(self.continuous_percent):
            if self.chance(20):
                return self.steps(low, high)
            return self.units(low, high)
        return self.distribution(max(low, 1), high, self.unit_ns, "ns")

    def steps(self, low: int, high: int) -> Any:
        """An empirical distribution that mostly gives one of two multiples of the unit."""
        first = self.integer(low, high) * self.unit_ns
        last = first + self.integer(0, 3) * self.unit_ns
        rows = [[0.0, f"{first}ns"], [0.5, f"{first}ns"], [0.501, f"{last}ns"], [1.0, f"{last}ns"]]
        return {"distribution": "empirical", "quantiles": rows}

    def distribution(self, low: int, high: int, scale: int, unit: str) -> dict[str, Any]:
        """Any kind of continuous distribution with a mean of some units."""
        mean = f"{self.integer(low, high) * scale}{unit}"
        first = self.integer(low, high) * scale
        longer = f"{first + self.integer(1, 4) * scale}{unit}"
        options: list[dict[str, Any]] = [
            {"distribution": "exponential", "mean": mean},
            {"distribution": "uniform", "low": f"{first}{unit}", "high": longer},
            {"distribution": "erlang", "shape": self.integer(1, 4), "mean": mean},
            {"distribution": "gamma", "mean": mean, "cv": self.pick((0.5, 1.5))},
            {"distribution": "lognormal", "mean": mean, "cv": self.pick((0.3, 1.0))},
            {"distribution": "hyperexponential", "mean": mean, "cv": 2.0},
            {"distribution": "weibull", "mean": mean, "cv": 0.7},
            {"distribution": "pareto", "shape": 1.5, "low": f"{first}{unit}", "high": longer},
        ]
        return self.pick(options)

    def size(self, low: int, high: int) -> Any:
        """A number of bytes; a link carries one in a unit, or two."""
        if self.chance(self.continuous_percent):
            return self.distribution(max(low, 1), high, 1, "B")
        return f"{self.integer(low, high)}B"

    # --- the whole -------------------------------------------------------------------------------------------

    def scenario(self) -> dict[str, Any]:
        """Make everything."""
        warmup, duration = self.integer(0, 120), self.integer(60, 320)
        self.end_units = warmup + duration
        self.service_names = [f"s{index}" for index in range(self.pick((1, 1, 1, 2, 2, 3)))]
        self.services: dict[str, dict[str, Any]] = {}
        for name in self.service_names:
            self.services[name] = self.service(name)
        self.operation_names = [f"o{index}" for index in range(self.pick((1, 1, 2, 3)))]
        self.fallible: list[dict[str, Any]] = []
        self.on_loops: list[dict[str, Any]] = []
        operations = [{"name": name, "stages": self.stages(5, None)} for name in self.operation_names]
        made = {
            "name": self.name,
            "run": {
                "warmup": f"{warmup * self.unit_ns}ns",
                "duration": f"{duration * self.unit_ns}ns",
                "seed": self.integer(0, 1000),
                "replications": 1,
            },
            "workloads": [self.workload(index) for index in range(self.pick((1, 1, 1, 2, 3)))],
            "services": self.services,
            "operations": operations,
            "events": [self.event() for _ in range(self.pick((0, 0, 0, 1, 3, 6)))],
        }
        self.add_what_came_later()
        return made

    def add_what_came_later(self) -> None:
        """Choose fields that came into the language later, last, so that a seed's other choices stay as they were."""
        for service in self.services.values():
            for batcher in service["batchers"].values():
                if "link" in batcher and self.chance(40):
                    batcher["overhead"] = f"{self.integer(1, 3)}B"
        for stage in self.fallible:
            if self.chance(40):
                stage["conflict"] = self.pick((0.02, 0.3))
        for stage in self.on_loops:
            if self.chance(40):
                stage["after_timer"] = True

    def event(self) -> dict[str, Any]:
        """Something that happens to an instance."""
        name = self.pick(self.service_names)
        action = self.pick(("down", "up", "up", "slow", "slow"))
        event = {
            "at": self.units(0, self.end_units - 1),
            "service": name,
            "instance": self.integer(0, self.services[name]["instances"] - 1),
            "action": action,
        }
        if action == "slow":
            event["factor"] = self.pick((0.5, 1.0, 2.0, 3.0))
        return event

    # --- workloads -------------------------------------------------------------------------------------------

    def workload(self, index: int) -> dict[str, Any]:
        """A population of clients."""
        kind = self.pick(("closed", "closed", "open", "trace"))
        table: dict[str, Any] = {"name": f"w{index}", "kind": kind}
        if kind == "closed":
            table |= {"procs": self.integer(1, 5), "concurrency": self.integer(1, 3), "think_time": self.time(0, 12)}
        elif kind == "open":
            table["procs"] = self.integer(1, 4)
            if self.chance(30):
                table["arrival_rate"] = f"{self.pick((0.1, 0.3, 1.0)) * 1e9 / self.unit_ns!r}/s"
            else:
                table["interarrival"] = self.time(1, 12)
        else:
            table |= self.trace(index)
        if kind != "trace" and self.chance(25):
            table["phases"] = [
                {"duration": self.units(5, 50), "factor": self.pick((0.0, 0.4, 0.5, 1.0, 2.0))}
                for _ in range(self.integer(1, 4))
            ]
        if "file" not in table or not self.trace_names:
            weights = {name: float(self.integer(0, 3)) for name in self.operation_names}
            if any(weights.values()):
                table["operations"] = weights
        if self.chance(40):
            table["timeout"] = self.time(2, 25)
            table["cancel_on_timeout"] = self.chance(60)
        if self.chance(40):
            table["retry"] = self.retry()
        return table

    def retry(self) -> dict[str, Any]:
        """Further attempts."""
        retry: dict[str, Any] = {"attempts": self.integer(1, 4)}
        backoff = self.integer(0, 4)
        if backoff:
            retry |= {"backoff": f"{backoff * self.unit_ns}ns", "multiplier": self.pick((1.0, 1.5, 2.0))}
            retry["jitter"] = self.pick(("full", "none"))
            if self.chance(50):
                retry["cap"] = f"{self.integer(backoff, 8) * self.unit_ns}ns"
        if self.chance(40):
            retry["budget"] = self.pick((0.0, 0.1, 0.5, 1.0, 2.5))
        return retry

    def trace(self, index: int) -> dict[str, Any]:
        """Traced arrivals, several at one instant among them, in a file named by what it holds."""
        self.trace_names = self.chance(50)
        at, lines = 0, []
        for _ in range(self.integer(1, 60)):
            at += self.integer(0, 4) * self.unit_ns
            seconds = f"{at // 10**9}.{at % 10**9:09d}"
            lines.append(f"{seconds},{self.pick(self.operation_names)}" if self.trace_names else seconds)
        text = "\n".join(lines) + "\n"
        file = trace_directory() / f"{random.Random(text).getrandbits(64):016x}.csv"
        file.write_text(text, encoding="utf-8")
        return {"file": file.name}

    # --- services --------------------------------------------------------------------------------------------

    def service(self, name: str) -> dict[str, Any]:
        """A service with everything that it may have."""
        hosts = [other for other, table in self.services.items() if "cores_of" not in table]
        table: dict[str, Any] = {"instances": self.pick((1, 1, 1, 2, 3))}
        discipline = None
        if hosts and self.chance(40):
            host = self.pick(hosts)
            table["cores_of"] = host
            discipline = self.services[host]["discipline"]
            if self.services[host]["instances"] > 1:
                table["instances"] = self.services[host]["instances"]
        else:
            table |= self.cores()
            discipline = table["discipline"]
        if self.chance(30):
            table["wakeup"] = self.units(0, 2)
        if self.chance(45):
            table["workers"] = self.integer(1, 4)
            table["worker_kind"] = self.pick(("event_loop", "blocking"))
            if table["worker_kind"] == "event_loop" and self.chance(50):
                table["ready_order"] = self.pick(("own_first", "client_first"))
        if self.chance(30):
            table |= self.quota(discipline)
        if self.chance(15):
            table["queue_limit"] = self.integer(1, 8)
        table |= self.memory()
        table |= self.parts()
        table["balancer"] = self.balancer(table["instances"])
        return table

    def cores(self) -> dict[str, Any]:
        """Cores, their speeds and their discipline."""
        discipline = self.pick(DISCIPLINES)
        cores = self.integer(1, 4)
        table: dict[str, Any] = {"discipline": discipline}
        if self.chance(25):
            cores = self.pick((2, 4))
            table |= {"threads_per_core": 2, "smt_speedup": self.pick((1.0, 1.3, 1.5, 2.0))}
        table["cores"] = cores
        if self.chance(25):
            table["speed_by_busy"] = [self.pick((0.5, 0.75, 0.97, 1.0, 2.0)) for _ in range(self.integer(1, 4))]
        if self.chance(20):
            table["background_cores"] = self.pick((0.25, 0.5, 0.3))
        if self.chance(15):
            table["interruptions"] = {"rate": f"{self.integer(20, 200)}/s", "duration": self.time(1, 4)}
        scopes = ("instance",) if discipline == "processor_sharing" else ("instance", "core")
        if self.chance(20):
            table["pauses"] = [
                {"every": self.time(5, 40), "duration": self.time(1, 6), "scope": self.pick(scopes)}
                for _ in range(self.pick((1, 1, 2)))
            ]
        if discipline == "linux":
            table["linux"] = {
                "base_slice": self.units(1, 6),
                "tick": self.units(1, 8),
                "idle_search": self.pick((0.0, 0.35, 1.0, 1.0)),
                "idle_steal": self.pick((0.0, 0.2, 1.0, 1.0)),
                "migration_cost": self.pick(("0us", "0us", self.units(1, 20))),
                "balance_interval": self.units(5, 40),
                "balance_from": self.pick((1.0, 1.17, 2.0)),
                "stray_moves": self.pick((0.0, 0.3, 1.0)),
                "protected_until": self.pick(("deadline", "parity")),
            }
        if discipline == "round_robin":
            table["round_robin"] = {"time_slice": self.units(1, 5)}
        if discipline != "processor_sharing":
            if self.chance(30):
                table["context_switch"] = self.units(0, 2)
            if self.chance(30):
                table["idle_exit"] = self.units(0, 2)
        return table

    def quota(self, discipline: str) -> dict[str, Any]:
        """A quota, drawn ideally or in slices."""
        table = {
            "cpu_quota": self.pick((0.25, 0.5, 1.0, 1.5, 2.0)),
            "cpu_quota_period": self.units(4, 30),
        }
        if discipline != "processor_sharing":
            table["cpu_quota_slice"] = self.units(0, 4) if self.chance(60) else "0ns"
        return table

    def memory(self) -> dict[str, Any]:
        """Memory with or without a limit and a pool."""
        table: dict[str, Any] = {}
        base = self.integer(0, 3)
        if self.chance(40):
            table["memory"] = f"{base + self.integer(5, 15)}B"
        table["memory_base"] = f"{base}B"
        if self.chance(30):
            table["memory_pool"] = {
                "enabled": self.chance(80),
                "size": f"{self.integer(1, 5)}B",
                "hit": self.units(0, 1),
                "miss": self.units(0, 3),
            }
        return table

    def parts(self) -> dict[str, Any]:
        """Links, batchers, locks and pools that stages can name."""
        speeds = [f"{factor * 10**9 // self.unit_ns}B/s" for factor in (1, 2, 1000)]
        links = {
            f"l{index}": {
                "bandwidth": self.pick(speeds),
                "delay": self.units(0, 3),
                "parallel": self.integer(1, 2),
            }
            for index in range(self.integer(1, 2))
        }
        batchers = {}
        for index in range(self.integer(1, 2)):
            batcher: dict[str, Any] = {
                "enabled": self.chance(85),
                "max_size": self.integer(1, 5),
                "linger": self.units(0, 4) if self.chance(60) else "0ns",
                "fixed": self.units(0, 2),
                "per_item": self.units(0, 1),
            }
            if self.chance(60):
                batcher["link"] = self.pick(list(links))
                batcher["compression"] = self.pick((0.5, 1.0, 1.5))
            if self.chance(30):
                batcher["compression_cpu"] = self.units(0, 1)
            batchers[f"b{index}"] = batcher
        locks: dict[str, dict[str, Any]] = {"k0": {"count": 1}, "k1": {"count": self.integer(2, 4), "skew": 0.8}}
        for lock in locks.values():
            if self.chance(35):
                lock["barging"] = self.units(0, 2)
        pools = {
            f"p{index}": {"enabled": self.chance(85), "size": self.integer(1, 4)} for index in range(self.integer(1, 2))
        }
        return {"links": links, "batchers": batchers, "locks": locks, "pools": pools}

    def balancer(self, instances: int) -> dict[str, Any]:
        """A load balancer."""
        policy = self.pick(POLICIES)
        table: dict[str, Any] = {"enabled": self.chance(85), "policy": policy}
        if policy == "weighted":
            table["weights"] = [float(self.integer(1, 3)) for _ in range(instances)]
        if self.chance(25):
            table["dispatch"] = self.units(0, 1)
        if self.chance(25):
            table["hop"] = self.units(0, 2)
        return table

    # --- stages ----------------------------------------------------------------------------------------------

    def stages(self, most: int, inherited: str | None) -> list[dict[str, Any]]:
        """Some stages of any kind; nesting ends after three levels."""
        kinds = ["cpu", "cpu", "cpu", "cpu", "delay", "memory", "batch", "lock", "link", "failure"]
        if self.nested < 3:
            kinds += ["pool", "choice", "parallel"]
        return [self.stage(self.pick(kinds), inherited) for _ in range(self.integer(1, most))]

    def stage(self, kind: str, inherited: str | None) -> dict[str, Any]:
        """One stage."""
        stage: dict[str, Any] = {"kind": kind}
        if self.chance(30):
            stage["service"] = self.pick(self.service_names)
        runs_on = stage.get("service") or inherited or self.service_names[0]
        service = self.services[runs_on]
        if kind == "cpu":
            stage["demand"] = self.time(0, 5) if self.chance(20) else self.time(1, 5)
            if service.get("worker_kind") == "event_loop":
                self.on_loops.append(stage)
        elif kind == "delay":
            stage["time"] = self.time(0, 8)
        elif kind == "memory":
            stage |= {"bytes": self.size(0, 4), "on_exhaustion": self.pick(("wait", "wait", "fail"))}
        elif kind == "batch":
            stage["batcher"] = self.pick(list(service["batchers"]))
            if service["batchers"][stage["batcher"]].get("link"):
                stage["bytes"] = self.size(0, 4)
        elif kind == "lock":
            stage |= {"lock": self.pick(("k0", "k1")), "hold": self.time(0, 3)}
        elif kind == "link":
            stage |= {"link": self.pick(list(service["links"])), "bytes": self.size(0, 4)}
        elif kind == "failure":
            stage["probability"] = self.pick((0.0, 0.05, 0.3, 1.0))
            self.fallible.append(stage)
        else:
            self.nested += 1
            stage |= self.nest(kind, runs_on, service)
            self.nested -= 1
        return stage

    def nest(self, kind: str, runs_on: str, service: dict[str, Any]) -> dict[str, Any]:
        """What a stage with nested stages holds."""
        if kind == "pool":
            return {"pool": self.pick(list(service["pools"])), "stages": self.stages(3, runs_on)}
        if kind == "parallel":
            return {"branches": [{"stages": self.stages(2, runs_on)} for _ in range(self.integer(1, 3))]}
        branches = [
            {
                "weight": float(self.integer(0, 3)),
                "stages": self.stages(2, runs_on) if self.chance(70) else [],
            }
            for _ in range(self.integer(1, 3))
        ]
        return {"branches": branches}
