"""What an audit says: findings, each with its figures, and which laws held, broke or could not be checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from calibration.levels import Level

LAWS: Final[Mapping[str, str]] = {
    "figures": "throughputs and times are positive, shares between 0 and 1",
    "arithmetic": "totals, efficiency, speedup, shares and changes follow from the figures they are made of",
    "distribution": "there is a distribution with these percentiles, mean, deviation and extremes",
    "little": "operations in flight = throughput x response time (Little, 1961)",
    "interactive": "operations circulating = throughput x (response time + think time)",
    "utilization": "cores busy = throughput x CPU demand, and no more than there are",
    "forced_flow": "bytes and further operations per operation do not depend on the load",
    "memory": "memory = base + operations in flight x memory of one",
    "bounds": "no process is faster among others than alone, and no more ends than is offered",
    "monotonicity": "more load does not bring a dip that heals, in throughput or in response time",
    "shape": "percentiles move together from level to level",
    "repeats": "repeats differ by at least the chance of their operations",
    "claims": "stated changes agree with their figures, with each other and with the laws",
}
"""What each law says; SI symbols are left to docs/audit.md."""

TIED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "throughput_per_s": (
        "arithmetic", "little", "interactive", "utilization", "forced_flow", "bounds", "monotonicity", "claims",
    ),
    "mean_s": ("little", "interactive", "distribution", "monotonicity", "shape"),
    "percentiles_s": ("distribution", "monotonicity", "shape"),
    "stdev_s": ("distribution",),
    "efficiency": ("arithmetic",),
    "speedup": ("arithmetic",),
    "cpu_utilization": ("utilization",),
    "cpu_busy_cores": ("utilization",),
    "memory_bytes": ("memory",),
    "network_bytes_per_s": ("forced_flow",),
    "disk_bytes_per_s": ("forced_flow",),
}  # fmt: skip
"""By which laws a figure is tied to others: where none of them could be checked, a wrong one stays unseen."""

Severity = Literal["impossible", "implausible", "note"]
ACCUSING: Final = ("impossible", "implausible")


@dataclass(frozen=True)
class Finding:
    """One contradiction, or a note on figures that were not measured apart.

    Attributes:
        law: key of LAWS. severity: "impossible" breaks a law by more than rounding and measurement allow;
            "implausible" is out of line with all the other levels; "note" accuses nobody.
        source, place, level: where, and which level.
        figures: fields that take part, of which at least one is wrong.
        message: one sentence with the figures. off: how far the stated figure is from the expected one,
            relative; None where there is no such number.
        explanations: what could explain it, the likeliest first.
    """

    law: str
    severity: Severity
    message: str
    source: str = ""
    place: str = ""
    level: str = ""
    figures: tuple[str, ...] = ()
    stated: float | None = None
    expected: float | None = None
    off: float | None = None
    explanations: tuple[str, ...] = ()

    @property
    def accuses(self) -> bool:
        """Whether it says that a figure is wrong."""
        return self.severity in ACCUSING


@dataclass
class Ledger:
    """Findings and skipped laws while tables are audited. source: the table that is audited now."""

    source: str = ""
    findings: list[Finding] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    checked: dict[str, int] = field(default_factory=dict)

    def check(self, law: str, count: int = 1) -> None:
        """Count figures that a law was held against."""
        self.checked[law] = self.checked.get(law, 0) + count

    def skip(self, law: str, reason: str) -> None:
        """Say why a law could not be checked; it counts where nothing else could be checked by it."""
        self.skipped.setdefault(law, reason)

    def find(self, law: str, severity: Severity, level: Level | None, message: str, **more: Any) -> None:
        """Add a finding at a level. more: further fields of Finding."""
        stated, expected = more.get("stated"), more.get("expected")
        if stated is not None and expected and more.get("off") is None:
            more["off"] = stated / expected - 1.0
        self.findings.append(
            Finding(
                law,
                severity,
                message,
                source=self.source,
                place=level.place if level else more.pop("place", ""),
                level=level.name if level else "",
                **more,
            )
        )

    def found_at(self, law: str, level: Level) -> bool:
        """Return whether a law already accuses a level."""
        return any(
            entry.law == law and entry.place == level.place and entry.source == self.source and entry.accuses
            for entry in self.findings
        )


@dataclass(frozen=True)
class AuditReport:
    """The answer of an audit: plain data.

    sources: what was audited. findings: accusations first. laws: of each law its text, whether it was
    checked, broken or skipped, and why. untied: figures that no law that was checked ties to others.
    """

    sources: tuple[str, ...]
    levels: int
    findings: tuple[Finding, ...]
    laws: tuple[Mapping[str, Any], ...]
    untied: tuple[str, ...] = ()

    @property
    def accusations(self) -> tuple[Finding, ...]:
        """The findings that say that a figure is wrong."""
        return tuple(entry for entry in self.findings if entry.accuses)

    @property
    def verdict(self) -> str:
        """What the findings come to: "consistent", "implausible" or "impossible"; "unchecked" where no law applied."""
        found = {entry.severity for entry in self.findings}
        checked = any(law["checked"] for law in self.laws if law["law"] != "figures")
        return next((severity for severity in ACCUSING if severity in found), "consistent" if checked else "unchecked")

    def to_data(self) -> dict[str, Any]:
        """Return everything as plain data for JSON."""
        return {
            "schema_version": 1,
            "kind": "audit",
            "sources": list(self.sources),
            "levels": self.levels,
            "verdict": self.verdict,
            "findings": [asdict(entry) for entry in self.findings],
            "laws": [dict(law) for law in self.laws],
            "untied": list(self.untied),
        }


def untied_of(ledger: Ledger, levels: Iterable[Level]) -> tuple[str, ...]:
    """Return the figures of levels that no law that was checked ties to others."""
    printed = {name for level in levels for name in TIED_BY if getattr(level, name)}
    return tuple(
        name for name in TIED_BY if name in printed and not any(ledger.checked.get(law) for law in TIED_BY[name])
    )


def laws_of(ledger: Ledger) -> tuple[dict[str, Any], ...]:
    """Return what became of each law."""
    rows = []
    for law, text in LAWS.items():
        count = ledger.checked.get(law, 0)
        broken = sum(entry.law == law and entry.accuses for entry in ledger.findings)
        state = "broken" if broken else "held" if count else "skipped"
        reason = ledger.skipped.get(law, "the table has no figure that it is about") if state == "skipped" else None
        rows.append({"law": law, "text": text, "state": state, "checked": count, "broken": broken, "reason": reason})
    return tuple(rows)
