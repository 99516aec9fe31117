"""Operations compiled to linear programs.

A program is a run of rows that an engine walks with a position. Visits to services begin and end explicitly:
consecutive stages on one service are one visit; the entry service's visit lasts for the whole attempt; a visit begun
inside nested stages ends with them; a stage on a service whose visit is open runs in that visit. A stage's draw
coordinate is its place in the operation's tree, so switching a batcher or a pool off does not shift any other draw.
"""

from __future__ import annotations

from typing import Final

import numpy as np

END: Final = 0  # of the operation, or of a parallel branch
VISIT: Final = 1  # service
LEAVE: Final = 2  # service
CPU: Final = 3  # distribution: demand; a: 1 if it follows a timer
DELAY: Final = 4  # distribution: time
MEMORY: Final = 5  # distribution: bytes; a: 1 if exhaustion fails the attempt
BATCH: Final = 6  # a: batcher within its service; distribution: bytes
LOCK: Final = 7  # a: lock within its service; distribution: hold
ACQUIRE: Final = 8  # a: pool within its service
RELEASE: Final = 9  # a: pool within its service
LINK: Final = 10  # a: link within its service; distribution: bytes; b: further bytes
CHOICE: Final = 11  # a: first row of `BRANCH`; b: branches
JUMP: Final = 12  # a: row
FAILURE: Final = 13  # value: probability
FORK: Final = 14  # a: first row of `BRANCH`; b: branches; goes on behind them when all have ended
CONFLICT: Final = 15  # value: probability for each other visit inside the instance

PROGRAM: Final = np.dtype(
    [
        ("code", np.int64),
        ("service", np.int64),
        ("stage", np.int64),  # draw coordinate
        ("distribution", np.int64),
        ("a", np.int64),
        ("b", np.int64),
        ("next", np.int64),  # the row that follows, behind a fork's branches
        ("value", np.float64),
    ]
)
BRANCH: Final = np.dtype([("cumulative", np.float64), ("row", np.int64)])
