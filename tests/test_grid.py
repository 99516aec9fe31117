"""Values and ranges of a sweep, and the points that they make."""

import pytest

from models.errors import ScenarioError
from simulator.grid import grid, read_values
from simulator.overrides import PLACES


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4", ["4"]),
        ("2,4,8", ["2", "4", "8"]),
        ("1..5", ["1", "2", "3", "4", "5"]),
        ("1..10..4", ["1", "5", "9"]),
        ("1..5,10 , 20", ["1", "2", "3", "4", "5", "10", "20"]),
        ("1..64*2", ["1", "2", "4", "8", "16", "32", "64"]),
        ("100/s..300/s..100/s", ["100/s", "200/s", "300/s"]),
        ("100..300/s..100", ["100/s", "200/s", "300/s"]),
        ("0.1..0.3..0.1", ["0.1", "0.2", "0.3"]),
        ("0s,1ms", ["0s", "1ms"]),
        ("[2,1],[1,1]", ["[2,1]", "[1,1]"]),
        ('{ distribution = "gamma", mean = "1ms" },2ms', ['{ distribution = "gamma", mean = "1ms" }', "2ms"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ("linux,fifo", ["linux", "fifo"]),
    ],
)
def test_values_and_ranges_are_read(text: str, values: list[str]) -> None:
    assert read_values(text, "--cores") == values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "--cores: found"),
        ("1,,2", "--cores: found"),
        ("5..1", "goes up"),
        ("1..5..0", "goes up"),
        ("0..8*2", "goes up"),
        ("1..8*1", "goes up"),
        ("4,2,4", "4 twice"),
        ("100/s..500/s", "a step too, such as 100/s..500/s..50/s"),
        ("1ms..5s..1s", "one unit"),
        ("1..1000000000", "at most 1,000,000 values"),
    ],
)
def test_what_is_no_list_of_values_is_said(text: str, said: str) -> None:
    with pytest.raises(ScenarioError, match="--cores: found") as error:
        read_values(text, "--cores")
    assert said in str(error.value)


def test_every_combination_is_a_point_and_the_load_changes_fastest() -> None:
    found, single, fixed = grid(
        {"procs": "1,2", "cores": "4,8", "memory": "4GiB", "rate": None}, ["services.a.queue_limit=9", "x.y=1,2"]
    )
    assert [axis.name for axis in found.axes] == ["cores", "x.y", "procs"]
    assert found.size == 8
    points = list(found.points())
    assert points[0] == {"cores": "4", "x.y": "1", "procs": "1"}
    assert points[1] == {"cores": "4", "x.y": "1", "procs": "2"}
    assert points[-1] == {"cores": "8", "x.y": "2", "procs": "2"}
    assert len({tuple(point.items()) for point in points}) == 8
    assert single == {"memory": "4GiB"}
    assert fixed == ["services.a.queue_limit=9"]


def test_a_point_becomes_overrides_and_what_changes_the_structure_comes_first() -> None:
    found, _, _ = grid({"rate": "10/s,20/s", "procs": "1,2"})
    overrides = found.overrides({"procs": "2", "rate": "20/s"})
    assert [override.origin for override in overrides] == ["--rate", "--procs"]
    assert [override.value for override in overrides] == ["20/s", 2]
    assert overrides[0].path == PLACES["rate"]


def test_levels_are_numbers_in_base_units() -> None:
    found, _, _ = grid({"rate": "10/s,60/min", "memory": "1KiB,2KiB", "discipline": "linux,fifo", "procs": "1,2"})
    by_name = {axis.name: axis for axis in found.axes}
    assert by_name["rate"].level("60/min") == 1
    assert by_name["memory"].level("2KiB") == 2048
    assert by_name["procs"].level("2") == 2
    assert by_name["discipline"].level("fifo") is None


def test_the_same_field_twice_is_said() -> None:
    with pytest.raises(ScenarioError, match="twice"):
        grid({}, ["a.b=1,2", "a.b=3,4"])
