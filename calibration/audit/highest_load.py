"""The highest load of an open system: what its mean and percentiles usually are after those of the two loads before.

Waiting lengthens a tail that was long already by less than one that was short: near saturation any wait is about
exponential (Kingman, 1962), so that a form does not go on as it went before. How means and percentiles of three loads
go together was estimated on 256 simulated services (`benchmarks.usual_forms`) as a multivariate t distribution, whose
scale the report's own figures set.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from calibration.audit.left_out import LeftOut

Numbers = NDArray[np.float64]

STATISTICS: Final = ("mean_s", "p50", "p90", "p95", "p99")
LOADS: Final = 3
"""The highest ones, whose figures go together."""
FREEDOM: Final = 3.0
"""Degrees of freedom: how much farther than usual a service may be from what is usual."""
NOISE: Final = 0.004
"""Relative sampling noise of a figure."""
FREE: Final = 10.0
"""Standard deviation of the scale of a report, natural logarithm: it is free."""
USUAL: Final = (
    -0.671,
    -0.863,
    -0.085,
    0.119,
    0.488,
    -0.554,
    -0.748,
    0.036,
    0.242,
    0.614,
    -0.203,
    -0.418,
    0.416,
    0.630,
    0.998,
)
"""Natural logarithms of STATISTICS at the highest LOADS in turn, but for the scale of the report."""
TOGETHER: Final = (
    (6083,),
    (8301, 12115),
    (3858, 4553, 3587),
    (2835, 2819, 3227, 3232),
    (1197, 55, 2512, 3089, 4042),
    (3232, 4582, 1776, 1139, 132, 1909),
    (5783, 8760, 2865, 1491, -716, 3390, 6648),
    (726, 557, 1121, 1161, 1113, 353, 296, 639),
    (-446, -1324, 580, 969, 1513, -343, -1187, 615, 975),
    (-2330, -4336, -417, 539, 2174, -1465, -3584, 459, 1463, 3166),
    (-3823, -4235, -3727, -3544, -3193, -1742, -2481, -1307, -973, -390, 4335),
    (-517, 638, -1701, -2254, -3192, 120, 1275, -920, -1485, -2462, 2729, 3809),
    (-6909, -8697, -5273, -4461, -3147, -3549, -5821, -1448, -406, 1279, 5654, 2120, 8927),
    (-8217, -10635, -6057, -4939, -3073, -4309, -7334, -1615, -197, 2171, 6193, 1547, 10249, 12098),
    (-9772, -13152, -6903, -5301, -2507, -5224, -9384, -1749, 247, 3734, 6504, 291, 11483, 14119, 17615),
)
"""Their covariance in units of 1e-5, below its diagonal and on it."""


def at_the_highest_load(names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    """Predict each figure of the highest load from all others of the three highest; None for too few of them.

    Figures of other loads, and statistics that are not among STATISTICS, are as expected.

    Args:
        names: of statistics. figures: (levels, statistics), natural logarithms, by increasing load.
        rounding: relative, of each.
    """
    known = [place for place, name in enumerate(names) if name in STATISTICS]
    if len(figures) < LOADS or len(known) < 2:
        return None
    places = [STATISTICS.index(names[place]) for place in known]
    taken = np.array([load * len(STATISTICS) + place for load in range(LOADS) for place in places])
    off, chance = _left_out(taken, figures[-LOADS:, known].ravel(), rounding[-LOADS:, known].ravel())
    found = LeftOut(np.zeros(figures.shape), np.ones(figures.shape))
    found.off[-1, known], found.chance[-1, known] = off[-len(known) :], chance[-len(known) :]
    return found


def _left_out(taken: NDArray[np.int_], figures: Numbers, rounding: Numbers) -> tuple[Numbers, Numbers]:
    """Return how far each figure is from its conditional mean, and the chance of that by Student's t distribution."""
    lower = np.zeros((len(USUAL), len(USUAL)))
    for place, row in enumerate(TOGETHER):
        lower[place, : len(row)] = row
    covariance = 1e-5 * (lower + np.tril(lower, -1).T)[np.ix_(taken, taken)]
    covariance += FREE**2 + np.diag(NOISE**2 + rounding**2)
    inverse = np.linalg.inv(covariance)
    apart = figures - np.array(USUAL)[taken]
    pulled, precision = inverse @ apart, np.diag(inverse)
    of_others = np.maximum(apart @ pulled - pulled**2 / precision, 0.0)
    freedom = FREEDOM + len(taken) - 2.0  # one goes to the scale
    deviation = np.sqrt((FREEDOM + of_others) / freedom / precision)
    off = pulled / precision
    return off, 2.0 * student.sf(np.abs(off) / deviation, freedom)
