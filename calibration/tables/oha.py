"""The JSON of oha."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures, number


class OhaReader:
    """`oha --output-format json` (formerly `-j`): times are seconds, and the connections are not in it.

    With a rate (-q) oha leaves out the wait of requests sent late unless --latency-correction is given; the
    file does not say which.
    """

    tool = "oha"

    def recognizes(self, content: Content) -> bool:
        """Return whether it is oha's."""
        return isinstance(content.json, Mapping) and {"summary", "latencyPercentiles"} <= content.json.keys()

    def read(self, content: Content) -> LevelTable:
        """Read the one level of the run."""
        collected = Collected(content.source, self.tool)
        figures = Figures()
        document = content.json
        rate, total = number(document, "summary", "requestsPerSec"), number(document, "summary", "total")
        figures.set("throughput_per_s", rate)
        figures.set("duration_s", total)
        for name, key in (("mean_s", "average"), ("min_s", "fastest"), ("max_s", "slowest")):
            figures.set(name, number(document, "summary", key))
        _percentiles(figures, document["latencyPercentiles"])
        success = number(document, "summary", "successRate")
        if success is not None:
            figures.set("success_rate", success)
            figures.set("error_rate", max(1.0 - success, 0.0))
        figures.set("network_bytes_per_s", number(document, "summary", "sizePerSec"))
        codes = document.get("statusCodeDistribution")
        if isinstance(codes, Mapping):
            figures.set("operations", sum(number(codes, code) or 0.0 for code in codes))
        collected.remark("without_procs", "", "oha does not write its connections (-c)")
        collected.add(figures)
        return collected.table(leaves_out_late_starts=None, accepted="oha JSON with summary.requestsPerSec")


def _percentiles(figures: Figures, table: Any) -> None:
    if not isinstance(table, Mapping):
        return
    for key in table:
        match = re.fullmatch(r"p(\d+(?:\.\d+)?)", key)
        if match:
            figures.percentile(float(match[1]), number(table, key))
