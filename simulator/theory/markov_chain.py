"""Steady states of Markov chains, solved numerically."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

State = TypeVar("State", bound=Hashable)


def birth_death_probabilities(birth_rates: Sequence[float], death_rates: Sequence[float]) -> NDArray[np.float64]:
    """Steady state of a birth-death process on 0, 1, ..., n (Kleinrock, 1975, eq. 3.11).

    Args:
        birth_rates: rates out of 0, 1, ..., n-1 upwards, per second.
        death_rates: rates out of 1, 2, ..., n downwards, per second, as many.

    Returns:
        The n + 1 probabilities. Computed in logarithms, so that large populations do not overflow.
    """
    if len(birth_rates) != len(death_rates):
        raise ValueError(f"{len(birth_rates)} birth rates but {len(death_rates)} death rates")
    births = np.asarray(birth_rates, dtype=np.float64)
    deaths = np.asarray(death_rates, dtype=np.float64)
    with np.errstate(divide="ignore"):
        logs = np.concatenate(([0.0], np.cumsum(np.log(births) - np.log(deaths))))
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def chain_probabilities(
    start: State, transitions: Callable[[State], Iterable[tuple[float, State]]]
) -> dict[State, float]:
    """Steady state of the continuous-time chain that can be reached from one state.

    Args:
        start: any recurrent state.
        transitions: the rates per second and the next states of a state; next states equal to the state, and
            rates of zero, are allowed and do nothing. The reachable states must be finitely many and one
            recurrent class.

    Returns:
        The probability of every reachable state.
    """
    index: dict[State, int] = {start: 0}
    order = [start]
    rows: list[int] = []
    columns: list[int] = []
    rates: list[float] = []
    for state in order:  # grows while it is read: breadth-first
        for rate, following in transitions(state):
            if rate == 0.0 or following == state:
                continue
            if following not in index:
                index[following] = len(order)
                order.append(following)
            rows += [index[following], index[state]]
            columns += [index[state], index[state]]
            rates += [rate, -rate]
    size = len(order)
    # One balance equation follows from the others. It makes way for "the first weight is one", which keeps
    # the system sparse where the sum of all would not.
    kept = [entry for entry, row in enumerate(rows) if row != 0]
    at = ([0] + [rows[entry] for entry in kept], [0] + [columns[entry] for entry in kept])
    system = csc_matrix(([1.0] + [rates[entry] for entry in kept], at), shape=(size, size))
    right = np.zeros(size)
    right[0] = 1.0
    weights = np.atleast_1d(spsolve(system, right))
    total = float(weights.sum())
    return {state: float(weights[position]) / total for state, position in index.items()}


def embedded_chain_probabilities(transition_matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steady state of a discrete-time chain.

    Args:
        transition_matrix: square, rows summing to one, one recurrent class.
    """
    size = len(transition_matrix)
    system = transition_matrix.T - np.eye(size)
    system[-1] = 1.0
    right = np.zeros(size)
    right[-1] = 1.0
    return np.asarray(np.linalg.solve(system, right))
