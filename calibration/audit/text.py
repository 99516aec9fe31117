"""An audit as text: the verdict, the findings with their figures and explanations, and the laws."""

from __future__ import annotations

import textwrap
from typing import Final

from calibration.audit.findings import AuditReport, Finding
from calibration.audit.words import named, percent

WIDTH: Final = 100
MARKS: Final = {"impossible": "✗", "implausible": "!", "note": "·"}
_STATES: Final = {"held": "✓", "broken": "✗", "skipped": "-"}


def audit_text(report: AuditReport) -> str:
    """Print an audit for a person."""
    blocks = [f"{_sources(report.sources)}: {report.levels} level{'s' * (report.levels != 1)}\n{_verdict(report)}"]
    accusing = [_finding(entry, len(report.sources) > 1) for entry in report.findings if entry.accuses]
    notes = [_finding(entry, len(report.sources) > 1) for entry in report.findings if not entry.accuses]
    blocks += ["\n".join(accusing)] if accusing else []
    blocks += ["to be known\n" + "\n".join(notes)] if notes else []
    blocks.append("laws\n" + "\n".join(_law(dict(law)) for law in report.laws))
    if report.untied:
        names = ", ".join("percentiles" if name == "percentiles_s" else named(name) for name in report.untied)
        blocks.append(textwrap.fill(f"not checked, because nothing in the report ties them to others: {names}", WIDTH))
    return "\n\n".join(blocks) + "\n"


def _sources(sources: tuple[str, ...]) -> str:
    """Name the files, and their directory once."""
    directories = {source.rpartition("/")[0] for source in sources}
    if len(sources) == 1 or len(directories) > 1 or "" in directories:
        return ", ".join(sources)
    names = ", ".join(source.rpartition("/")[2] for source in sources)
    return f"{directories.pop()} ({names})"


def _verdict(report: AuditReport) -> str:
    impossible = sum(entry.severity == "impossible" for entry in report.findings)
    implausible = sum(entry.severity == "implausible" for entry in report.findings)
    if impossible:
        more = f", {implausible} more implausible" if implausible else ""
        return f"✗ this report is not possible as it stands: {impossible} contradiction{'s' * (impossible != 1)}{more}"
    if implausible:
        return f"! {implausible} figure{'s' * (implausible != 1)} out of line with the rest of the report"
    if report.verdict == "unchecked":
        return "? this report prints too little: no law could be checked"
    return "✓ nothing in this report contradicts itself"


def _finding(finding: Finding, with_source: bool) -> str:
    place = [finding.source.rpartition("/")[2]] if with_source else []
    place += [part for part in (finding.place, finding.level) if part]
    off = f" ({percent(finding.off)})" if finding.off is not None else ""
    head = f"{MARKS[finding.severity]} {finding.law}: {': '.join(place) + ': ' if place else ''}{finding.message}{off}"
    lines = textwrap.wrap(head, WIDTH, initial_indent="  ", subsequent_indent="    ")
    for explanation in finding.explanations:
        lines += textwrap.wrap(f"perhaps {explanation}", WIDTH, initial_indent="      ", subsequent_indent="        ")
    return "\n".join(lines)


def _law(law: dict[str, object]) -> str:
    reason = f" (skipped: {law['reason']})" if law["reason"] else ""
    text = f"{_STATES[str(law['state'])]} {law['law']}: {law['text']}{reason}"
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
