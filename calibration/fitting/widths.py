"""How well a measured figure is known, as the fit takes it."""

from __future__ import annotations

from calibration.live.measured import Figure


def relative_width(figure: Figure, least: float) -> float:
    """Return the relative standard deviation of a measured figure. least: of it; twice that where it has none."""
    if figure.half_width is None or not figure.value:
        return 2.0 * least
    return max(figure.half_width / 2.0 / figure.value, least)
