"""What an HTTP load generator is told, apart from the libraries that it needs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from calibration.live.pacing import Pacing


@dataclass(frozen=True)
class HttpLoad:
    """What is sent, over how many connections, and when.

    timeout_s: of one request. body: sent with each. headers: (name, value) pairs. duration_ns: warm-up included.
    """

    url: str
    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str | None = None
    timeout_s: float = 10.0
    connections: int = 1
    think_mean_ns: int = 0
    think_kind: str = "exponential"
    rate_per_s: float | None = None
    duration_ns: int = 0
    seed: int = 1

    def to_json(self) -> str:
        """Print it as the one argument of the generator."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> HttpLoad:
        """Read what `to_json` printed."""
        data: dict[str, Any] = json.loads(text)
        return cls(**{**data, "headers": [(name, value) for name, value in data["headers"]]})

    def pacing(self) -> Pacing:
        """Return when requests are meant to be sent."""
        constant = self.think_kind == "constant"
        return Pacing(self.think_mean_ns, "constant" if constant else "exponential", self.rate_per_s)
