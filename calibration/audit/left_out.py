"""Figures against what all others predict, over several Gaussian models that are weighed by the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class LeftOut:
    """Every figure against its prediction from all others.

    off: natural logarithm of stated over expected. chance: of being at least so far off.
    """

    off: Numbers
    chance: Numbers


def left_out(centred: Numbers, covariances: Numbers, likely: Numbers) -> LeftOut:
    """Predict each figure from all others, over all models by how well each suits those others.

    Leave-one-out residuals by Dubrule (1983).

    Args:
        centred: figures less their mean by the model, (figures,) or (models, figures).
        covariances: (models, figures, figures). likely: (models,), natural logarithm of how likely each model is.
    """
    inverse = np.linalg.inv(covariances)
    centred = np.broadcast_to(centred, inverse.shape[:2])
    pulled, precision = np.einsum("kij,kj->ki", inverse, centred), np.einsum("kii->ki", inverse)
    fits = -0.5 * ((pulled * centred).sum(axis=1) + np.linalg.slogdet(covariances)[1])
    off = pulled / precision
    weight = (likely + fits)[:, None] + 0.5 * (off**2 * precision - np.log(precision))
    weight = np.exp(weight - weight.max(axis=0))
    weight /= weight.sum(axis=0)
    chance = (weight * 2.0 * ndtr(-np.abs(off) * np.sqrt(precision))).sum(axis=0)
    return LeftOut((weight * off).sum(axis=0), chance)
