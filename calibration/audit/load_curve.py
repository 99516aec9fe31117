"""Response times over what is offered: what each figure should be by those of the other rates.

The logarithm of a response time is flat at low rates and grows as -log(1 - utilization ** k) towards the capacity:
with k of 1 as of one server (M/M/1), the later the more servers there are. Capacity, k, how strongly it grows and how
closely it keeps to that course are unknown and weighed by how well they suit the other levels.
"""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.left_out import LeftOut, left_out

Numbers = NDArray[np.float64]

FREE: Final = 10.0
"""Standard deviation of the time at low load, natural logarithm: it is free."""
HIGHEST: Final = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
"""Utilizations that the highest rate may come to, each as likely."""
SERVERS: Final = (1, 2, 4, 8)
"""Powers of the utilization, each as likely."""
GROWTH: Final = (0.6, 0.5)
"""Mean and standard deviation of how strongly a time grows: 1 for the response time of M/M/1."""
DEPARTURES: Final = ((0.003, 0.5), (0.02, 0.3), (0.1, 0.2))
"""Standard deviation by which a time leaves that course, and how likely each is."""
SMOOTH_OVER: Final = 2.0
"""Natural logarithm of the rate over which such a departure stays alike."""
NOISES: Final = ((0.001, 0.4), (0.004, 0.4), (0.015, 0.2))
"""Relative sampling noise of a time at low load, and how likely each is. It grows as queues do: successive operations
meet the same ones."""


def along_the_load(rates: Numbers, figures: Numbers, rounding: Numbers, noisier: Numbers) -> LeftOut:
    """Predict each figure from the same figure at the other rates.

    Args:
        rates: (levels,), offered. figures: (levels, statistics), natural logarithms. rounding: relative, of each.
        noisier: (statistics,), by how much each varies more than a median.
    """
    found = [
        _one_statistic(rates, figures[:, place], rounding[:, place], float(noisier[place]))
        for place in range(figures.shape[1])
    ]
    return LeftOut(np.column_stack([one.off for one in found]), np.column_stack([one.chance for one in found]))


def _one_statistic(rates: Numbers, figures: Numbers, rounding: Numbers, noisier: float) -> LeftOut:
    apart = np.sqrt(5.0) * np.abs(np.log(rates[:, None] / rates[None])) / SMOOTH_OVER
    alike = (1.0 + apart + apart**2 / 3.0) * np.exp(-apart)
    covariances, means, likely = [], [], []
    for highest, servers in product(HIGHEST, SERVERS):
        idle = 1.0 - (highest * rates / rates.max()) ** servers
        growth = -np.log(idle)
        given = FREE**2 + GROWTH[1] ** 2 * np.outer(growth, growth) + np.diag(rounding**2)
        for (departure, one), (noise, other) in product(DEPARTURES, NOISES):
            covariances.append(given + departure**2 * alike + np.diag((noisier * noise / idle) ** 2))
            means.append(GROWTH[0] * growth)
            likely.append(one * other)
    return left_out(figures - figures.mean() - np.array(means), np.array(covariances), np.log(likely))
