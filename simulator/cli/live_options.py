"""Options and readers that measuring commands share; the readers' errors name the option."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.host.facts import read_host
from calibration.live.errors import LiveError
from calibration.profile import Profile, different_hosts
from models.errors import InvalidField
from models.units import RATE, Quantity

LARGEST_SHARE = 3.0


def quantity(name: str, text: str, kind: Quantity) -> float:
    """Read a value with a unit, above 0. Raises LiveError that names the option."""
    try:
        value = kind.read_float(text)
    except InvalidField as error:
        problem = error.problems[0]
        raise LiveError(name, problem.found, problem.accepted) from None
    if value == 0 and name != "--warmup":
        raise LiveError(name, f'"{text}"', f"{kind.name} above 0")
    return value


def counts(text: str) -> list[int]:
    """Read counts of clients. Raises LiveError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part[:9]) > 0 and len(part) < 9 for part in parts):
        raise LiveError("--procs", f'"{text}"', "counts from 1, such as 1,2,4")
    return [int(part) for part in parts]


def rates(text: str) -> tuple[list[float], list[float]]:
    """Read rates, and shares of the capacity such as 70%; return both lists. Raises LiveError."""
    found: tuple[list[float], list[float]] = ([], [])
    for part in (part.strip() for part in text.split(",")):
        if not part.endswith("%"):
            found[0].append(quantity("--rate", part, RATE))
            continue
        try:
            share = float(part[:-1]) / 100.0
        except ValueError:
            share = 0.0
        if not 0.0 < share <= LARGEST_SHARE:
            raise LiveError("--rate", f'"{part}"', "rates such as 500/s, or shares of the capacity from 1% to 300%")
        found[1].append(share)
    return found


def host_profile(path: str) -> tuple[Profile | None, str | None]:
    """Return the profile of this host, and why there is none: no file, or one of another host.

    Raises ProfileError for a file that is no profile.
    """
    if not Path(path).is_file() or not Path(path).stat().st_size:
        return None, f"{path} does not exist: the scheduler's numbers are the usual ones (sim calibrate host measures)"
    profile = Profile.load(path)
    differences = different_hosts(profile.host, read_host())
    if differences:
        return None, f"{path} is of another host and not used ({'; '.join(differences)})"
    return profile, None


def joined(texts: Sequence[float | int]) -> str:
    """Print numbers as an option takes them."""
    return ",".join(f"{one:g}" for one in texts)
