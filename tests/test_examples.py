"""Every scenario file that the project gives away can be read, and gives an answer when it is run."""

import re
from pathlib import Path

import pytest
from sample_scenario import COUNTER

from models.scenario import Scenario
from simulator.run import run
from simulator.summary import summary_text
from simulator.verdict import verdict

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.toml"))
README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def short(scenario: Scenario) -> Scenario:
    """Return the scenario with few and short replications, but not shorter than its events."""
    shortened = scenario.run.model_copy(update={"precision": 0.5, "replications": 2})
    return scenario.model_copy(update={"run": shortened})


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_what_it_answers(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert first.endswith("?")
    assert f"examples/{path.name}" in README


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_commands_in_an_example_speak_of_it(path: Path) -> None:
    commands = re.findall(r"^#\s+sim run (\S+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    assert set(commands) == {f"examples/{path.name}"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_gives_an_answer(path: Path) -> None:
    result = run(short(Scenario.load(path)), engine="auto", max_operations=20_000)
    assert result["throughput_per_s"] > 0
    assert 0 < result["response_time_s.p50"] <= result["response_time_s.p99"] <= result["response_time_s.max"]
    assert verdict(result.data).exit_code == 0
    assert summary_text(result.data).startswith(result.data["scenario"]["name"])


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    snippet = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert snippet is not None
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(COUNTER)
    exec(snippet[1], {})
    throughput_per_s, p99_s = map(float, capsys.readouterr().out.split()[:2])
    assert throughput_per_s > 100
    assert 0.001 < p99_s < 1
