"""How many planted defects `sim audit` finds, and how many clean reports it accuses.

Clean reports come from theory (`tests/audit_reports.py`), with 0.3 % of scatter in each level's demand and think time,
and from the simulator (`tests/data/audit/`). Each defect multiplies or divides one figure of one level by 1.1 to 1.6.
"""

from __future__ import annotations

import argparse
import csv
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from audit_reports import Report, plant, report  # noqa: E402

from benchmarks.simulated_reports import FINAL, measurements, report_rows  # noqa: E402
from calibration.audit import audit  # noqa: E402
from calibration.tables import read_content  # noqa: E402
from calibration.tables.content import Content  # noqa: E402


def accused(text: str) -> bool:
    return bool(audit([read_content(Content("report.csv", text))]).accusations)


def simulated() -> list[Report]:
    reports = []
    for path in sorted((ROOT / "tests" / "data" / "audit").glob("*.csv")):
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        rows = [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(lines)]
        reports.append(Report(path.stem, rows, [0.0] * len(rows)))
    return reports


def judged(one: Report, index: int, defects_each: int) -> tuple[bool, list[tuple[str, bool]]]:
    """Return whether a clean report is accused, and of each defect its column and whether it is found."""
    found = []
    for repeat in range(defects_each):
        defective, said = plant(one, index + 1000 * repeat)
        found.append((said.split()[0], accused(defective.csv())))
    return accused(one.csv()), found


def score(title: str, reports: list[Report], defects_each: int) -> None:
    with ProcessPoolExecutor(2) as pool:
        indices, repeats = range(len(reports)), [defects_each] * len(reports)
        answers = list(pool.map(judged, reports, indices, repeats, chunksize=4))
    wrongly = [one.name for one, (is_accused, _) in zip(reports, answers, strict=True) if is_accused]
    defects = [defect for _, found in answers for defect in found]
    count, share = sum(found for _, found in defects), sum(found for _, found in defects) / len(defects)
    print(f"{title}: {len(wrongly)} of {len(reports)} clean reports accused; ", end="")
    print(f"{count} of {len(defects)} defects found ({100 * share:.1f} %)")
    for column in sorted({column for column, _ in defects}):
        hits = [found for one, found in defects if one == column]
        print(f"  {column:20} {sum(hits):4} of {len(hits)}")
    print(f"  accused: {', '.join(wrongly) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=200)
    parser.add_argument("--first-seed", type=int, help="of reports; without it 10000 by theory, simulated 0")
    parser.add_argument("--simulated", action="store_true", help="reports of services that are simulated now, alone")
    parser.add_argument("--final", action="store_true", help="simulated: seeds that nothing was developed on")
    parser.add_argument("--keep", type=Path, help="simulated: file of measurements, extended by what is missing")
    arguments = parser.parse_args()
    if arguments.simulated:
        start = arguments.first_seed if arguments.first_seed is not None else FINAL if arguments.final else 0
        found = measurements(range(start, start + arguments.reports), arguments.keep)
        score("services", [Report(f"service {one['seed']}", report_rows(one), []) for one in found], 1)
        return
    first = 10_000 if arguments.first_seed is None else arguments.first_seed
    score("theory", [report(seed) for seed in range(first, first + arguments.reports)], 1)
    score("simulated", simulated(), 3)


if __name__ == "__main__":
    main()
