"""Stops of a service, as the tail of one connection shows them, and what they do to arrivals at a rate."""

import pytest

from calibration.fitting.blueprint import Load
from calibration.fitting.by_simulation import simulate
from calibration.fitting.server_blueprints import served_blueprints
from calibration.fitting.stops import STOLEN_S, Stops, core_stops_of, stops_of
from tests.test_server_blueprints import LOOP

FAST = [(0.0, 70e-6), (0.5, 80e-6), (0.95, 100e-6), (0.999, 150e-6)]


def with_tail(*tails):
    """Return the measurement of a loop whose repeats at one connection have these quantiles, 10 000 operations each."""
    first, level = LOOP.details[0], LOOP.table.levels[0]
    details = [first.model_copy(update={"response_quantiles_s": tail}) for tail in tails]
    table = LOOP.table.model_copy(update={"levels": [level] * len(tails) + LOOP.table.levels[1:]})
    others = {"table": table, "details": [*details, *LOOP.details[1:]], "duration_s": 2.0}
    return LOOP.model_copy(update=others)


def test_answers_that_are_late_by_milliseconds_are_stops():
    # of 10 000 answers in two seconds 5 take 4 ms more than the median
    tail = [*FAST, (0.99949, 160e-6), (0.9995, 4.08e-3), (1.0, 4.08e-3)]
    found = stops_of(with_tail(tail, tail))
    assert found.rate_per_s == pytest.approx(2.5, rel=0.05)
    assert found.seconds == pytest.approx(4e-3, rel=0.05)


def test_repeats_share_their_stops():
    tail = [*FAST, (0.99949, 160e-6), (0.9995, 4.08e-3), (1.0, 4.08e-3)]
    found = stops_of(with_tail(tail, [*FAST, (1.0, 200e-6)]))
    assert found.rate_per_s == pytest.approx(1.25, rel=0.05)


def test_a_repeat_whose_answers_differ_by_much_anyway_is_left_out():
    tail = [*FAST, (0.99949, 160e-6), (0.9995, 4.08e-3), (1.0, 4.08e-3)]
    rough = [(0.0, 70e-6), (0.5, 80e-6), (0.95, 900e-6), (1.0, 9e-3)]
    assert stops_of(with_tail(tail, rough)) == stops_of(with_tail(tail))


@pytest.mark.parametrize(
    "tail",
    [
        [*FAST, (1.0, 200e-6)],
        [(0.0, 7e-3), (0.5, 8e-3), (0.95, 8.8e-3), (0.999, 11e-3), (1.0, 13e-3)],
        [],
    ],
)
def test_there_are_none_where_no_answer_is_late_or_where_answers_differ_by_as_much_anyway(tail):
    assert stops_of(with_tail(tail)) is None


def test_time_that_passes_faster_has_more_and_shorter_ones():
    assert Stops(2.0, 4e-3).faster(2.0) == Stops(4.0, 2e-3)


def _stolen(share):
    details = [one.model_copy(update={"steal_share": share}) for one in LOOP.details]
    return LOOP.model_copy(update={"details": details})


def test_cores_stop_for_what_the_hypervisor_was_seen_to_take():
    found = core_stops_of(_stolen(0.01), None)
    assert found.rate_per_s * found.seconds == pytest.approx(0.01)
    assert found.seconds == STOLEN_S
    assert core_stops_of(_stolen(0.01), Stops(1.0, 5e-3)) == Stops(pytest.approx(2.0), 5e-3)
    assert core_stops_of(_stolen(0.0), Stops(1.0, 5e-3)) is None


def test_a_fitted_service_has_the_stops_of_its_cores_and_at_a_rate_those_of_all_instead():
    measured = _stolen(0.02)
    blueprint = next(served_blueprints(measured, measured.workload, lambda: {"cores": 2}))
    position = [0.0] * len(blueprint.free)
    (pause,) = blueprint.scenario(position, Load(8)).services["server"].pauses
    assert (pause.scope, pause.duration.mean) == ("core", STOLEN_S * 1e9)
    (whole,) = blueprint.scenario(position, Load(8, rate_per_s=1e4), None, Stops(1.0, 1e-3)).services["server"].pauses
    assert whole.scope == "instance"
    steady = next(served_blueprints(LOOP, LOOP.workload, lambda: {"cores": 2})).scenario(position, Load(8))
    assert steady.services["server"].pauses == []


def test_stops_of_single_cores_take_time_from_the_loop_and_from_its_generator():
    rates = []
    for share in (0.0, 0.1):
        measured = _stolen(share)
        blueprint = next(served_blueprints(measured, measured.workload, lambda: {"cores": 2}))
        data = simulate(blueprint, [0.0] * len(blueprint.free), Load(16), 1e5, 200_000)
        rates.append(data["throughput_per_s"]["value"])
    # server and generator, each on a core, wait for each other while one of them is stopped
    assert 0.9**2 * rates[0] < rates[1] < 0.9 * rates[0]


def test_arrivals_gather_while_the_service_stops():
    measured = with_tail([*FAST, (0.99949, 160e-6), (0.9995, 4.08e-3), (1.0, 4.08e-3)])
    blueprint = next(served_blueprints(measured, measured.workload, lambda: {"cores": 2}))
    assert blueprint.stops is not None
    position, load = [0.0] * len(blueprint.free), Load(8, rate_per_s=20_000.0)
    scenario = blueprint.scenario(position, load, None, blueprint.stops)
    (pause,) = scenario.services["server"].pauses
    assert pause.duration.mean == pytest.approx(4e6, rel=0.05)
    steady, stopped = (
        simulate(blueprint, position, load, 20_000.0, 100_000, stops=stops)["response_time_s"]
        for stops in (None, blueprint.stops)
    )
    # who arrives in a stop waits for half of it in the mean, and then behind those that came before
    waited_s = blueprint.stops.rate_per_s * blueprint.stops.seconds**2 / 2.0
    more_s = stopped["mean"]["value"] - steady["mean"]["value"]
    assert waited_s < more_s < 1.3 * waited_s
    # 2.5 a second of 4 ms are one in a hundred: the last of a thousand is nearly as late as can be
    assert stopped["p999"]["value"] == pytest.approx(blueprint.stops.seconds, rel=0.1)
    assert steady["p999"]["value"] < 0.1 * blueprint.stops.seconds
    assert stopped["p50"]["value"] == pytest.approx(steady["p50"]["value"], rel=0.1)
