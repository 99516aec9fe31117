"""Attempts at a validation: where the machine changed since the calibration, all of it is done again, within a bound.

Which attempt counts is decided by what the machine did between calibration and measurement, never by how well the
prediction came out: the first that nothing disturbed, or else the one in which the machine changed least.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from calibration.drift import Attempt
from calibration.live.errors import LiveError
from calibration.validate import BOUNDS, Validation
from calibration.validate_prediction import FIGURES

ATTEMPTS: Final = 3
"""That are made at most, unless something else is asked for."""


def until_undisturbed(
    attempt: Callable[[int], Validation],
    most: int,
    tell: Callable[[str], None],
    bound: float = BOUNDS["throughput"],
    before: Sequence[Validation] = (),
) -> tuple[Validation, int]:
    """Make attempts until one is undisturbed, `most` at most; return the one that counts, and its index.

    attempt: calibrates (the first need not), predicts and measures; is given its index. tell: is told why one more is
    made. bound: of the throughput's error; a drift of half of it disturbs. before: attempts that were made already.
    An attempt that cannot be made after others were, or that is interrupted, is the last; the validation is then
    interrupted too. Raises what the first raises.
    """
    made, stopped = [*before], False
    while len(made) < max(most, 1) and all(_asks_for_more(one, bound) for one in made):
        if made:
            tell(f"attempt {len(made)}: {drift_text(in_brief(made[-1], bound))}; calibrated, predicted, measured anew")
        try:
            made.append(attempt(len(made)))
        except (LiveError, KeyboardInterrupt) as error:
            if not made:
                raise
            stopped = isinstance(error, KeyboardInterrupt)
            tell(f"attempt {len(made) + 1} could not be made: {'interrupted' if stopped else error}")
            break
        if made[-1].interrupted:
            break
    return counting(made, bound, stopped=stopped)


def _asks_for_more(validation: Validation, bound: float) -> bool:
    return in_brief(validation, bound).disturbed or validation.interrupted


def counting(made: Sequence[Validation], bound: float, *, stopped: bool = False) -> tuple[Validation, int]:
    """Return the validation that counts, with all attempts in brief, and its index. stopped: there would be more.

    One that was interrupted counts where there is no other.
    """
    briefs = [in_brief(one, bound) for one in made]
    whole = [index for index, one in enumerate(briefs) if not one.interrupted] or [0]
    least = min(whole, key=lambda index: abs(briefs[index].drift or 0.0))
    chosen = next((index for index in whole if not briefs[index].disturbed), least)
    attempts = [one.model_copy(update={"counts": index == chosen}) for index, one in enumerate(briefs)]
    interrupted = stopped or made[-1].interrupted
    return made[chosen].model_copy(update={"attempts": attempts, "interrupted": interrupted}), chosen


def in_brief(validation: Validation, bound: float) -> Attempt:
    """Return an attempt in brief. bound: of the throughput's error."""
    again = validation.again
    summaries = {name: validation.summary(name) for name in FIGURES}
    return Attempt(
        date=validation.prediction.date,
        again=again.name if again else None,
        drift=again.changes.get("throughput") if again else None,
        allowed=again.allowed(bound) if again else None,
        errors={name: found.error for name, found in summaries.items() if found is not None},
        grade=validation.grade,
        coverage=validation.coverage,
        interrupted=validation.interrupted,
    )


def drift_text(attempt: Attempt) -> str:
    """Say by how much the machine changed during an attempt."""
    if attempt.drift is None or attempt.allowed is None:
        return "no fitted level was measured again"
    return (
        f"throughput at {attempt.again} {attempt.drift:+.1%} since it was calibrated (±{attempt.allowed:.1%} allowed)"
    )
