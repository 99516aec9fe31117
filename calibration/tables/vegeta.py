"""The JSON report of vegeta."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures, number

_PERCENTILE: Final = re.compile(r"(\d+(?:\.\d+)?)(?:th|st|nd|rd)")


class VegetaReader:
    """`vegeta report -type=json`: an open workload, times in nanoseconds.

    "rate" is what was sent, "throughput" what succeeded, over the sending time and the wait for the last.
    """

    tool = "vegeta"

    def recognizes(self, content: Content) -> bool:
        """Return whether it is vegeta's."""
        return isinstance(content.json, Mapping) and {"latencies", "requests", "rate"} <= content.json.keys()

    def read(self, content: Content) -> LevelTable:
        """Read the one level of the run."""
        collected = Collected(content.source, self.tool)
        figures = Figures()
        document = content.json
        sending, waiting = number(document, "duration"), number(document, "wait")
        requests, success = number(document, "requests"), number(document, "success")
        figures.set("kind", "open")
        figures.set("arrival_rate_per_s", number(document, "rate"))
        figures.set("operations", requests)
        if sending is not None and requests is not None:
            duration_s = (sending + (waiting or 0.0)) / 1e9
            figures.set("duration_s", duration_s)
            figures.set("throughput_per_s", requests / duration_s if duration_s > 0 else 0.0)
        figures.set("goodput_per_s", number(document, "throughput"))
        if success is not None:
            figures.set("success_rate", success)
            figures.set("error_rate", max(1.0 - success, 0.0))
        _times(figures, document["latencies"])
        moved = [number(document, name, "total") for name in ("bytes_in", "bytes_out")]
        if None not in moved and figures.values.get("duration_s"):
            total = sum(count for count in moved if count is not None)
            figures.set("network_bytes_per_s", total / figures.values["duration_s"])
        collected.add(figures)
        return collected.table(
            leaves_out_late_starts=False, accepted="a vegeta report with requests and duration"
        )


def _times(figures: Figures, latencies: object) -> None:
    if not isinstance(latencies, Mapping):
        return
    for name, key in (("mean_s", "mean"), ("min_s", "min"), ("max_s", "max")):
        nanoseconds = number(latencies, key)
        figures.set(name, None if nanoseconds is None else nanoseconds / 1e9)
    for key in latencies:
        match = _PERCENTILE.fullmatch(str(key))
        nanoseconds = number(latencies, key)
        if match and nanoseconds is not None:
            figures.percentile(float(match[1]), nanoseconds / 1e9)
