"""Is a load-test report possible? Its figures are held against operational laws and against each other."""

from __future__ import annotations

from collections.abc import Sequence

from calibration.audit import across_levels, single_level
from calibration.audit.claims import check_claims
from calibration.audit.curves import check_monotonicity, check_offered, is_steady
from calibration.audit.findings import AuditReport, Finding, Ledger, Severity, laws_of, untied_of
from calibration.audit.memory import check_memory
from calibration.audit.notes import add_notes
from calibration.audit.outcomes import check_outcomes
from calibration.audit.overload import check_lost, check_work_of_overload
from calibration.audit.overload_times import check_times_of_overload
from calibration.audit.repeats import check_repeats
from calibration.audit.shape import check_shape
from calibration.audit.think_times import check_interactive
from calibration.audit.together import check_together
from calibration.levels import Level, LevelTable

__all__ = ["AuditReport", "Finding", "audit"]

_RANK = {"impossible": 0, "implausible": 1, "note": 2}


def audit(tables: Sequence[LevelTable]) -> AuditReport:
    """Hold tables against the laws. Tables given together belong to one report: their claims meet."""
    ledger = Ledger()
    for table in tables:
        ledger.source = table.source
        for series in comparable(table):
            _check_series(series, ledger)
        _unreadable(table, ledger)
    check_claims(tables, ledger)
    findings = sorted(ledger.findings, key=lambda entry: _RANK[entry.severity])
    return AuditReport(
        tuple(table.source for table in tables),
        sum(len(table.levels) for table in tables),
        tuple(findings),
        laws_of(ledger),
        untied_of(ledger, (level for table in tables for level in table.levels)),
    )


def comparable(table: LevelTable) -> list[list[Level]]:
    """Return the levels that differ in their load alone: one series on one machine."""
    groups: dict[tuple[str, float | None, float | None], list[Level]] = {}
    for name, levels in table.series().items():
        for level in levels:
            groups.setdefault((name, level.cores, level.instances), []).append(level)
    return list(groups.values())


def _check_series(levels: Sequence[Level], ledger: Ledger) -> None:
    single_level.check_figures(levels, ledger)
    single_level.check_arithmetic(levels, ledger)
    single_level.check_distribution(levels, ledger)
    single_level.check_little(levels, ledger)
    across_levels.check_efficiency(levels, ledger)
    check_interactive(levels, ledger)
    check_offered(levels, ledger)
    check_lost(levels, ledger)
    steady = [level for level in levels if is_steady(level)]
    across_levels.check_utilization(steady, ledger)
    across_levels.check_forced_flow(steady, ledger)
    check_work_of_overload(levels, ledger)
    check_memory(steady, ledger)
    across_levels.check_bounds(steady, ledger)
    check_monotonicity(steady, ledger)
    check_outcomes(levels, ledger)
    check_together(steady, ledger)  # names the figure that moved; a form alone may as well say its neighbour
    check_shape(steady, ledger)
    check_times_of_overload(levels, ledger)
    check_repeats(levels, ledger)
    add_notes(levels, ledger)


def _unreadable(table: LevelTable, ledger: Ledger) -> None:
    """What the reader left out because no system can have it is a finding too; whatever else it did is a note."""
    ledger.check("figures", len(table.levels))
    for remark in table.remarks:
        severity: Severity = "impossible" if remark.code == "not_positive" else "note"
        ledger.find("figures", severity, None, remark.message, place=remark.place)
