"""The picture of a result and the page of several; `sim report`."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sample_result import RESULT, THRESHOLDS, estimate, sample

from simulator.cli.main import main
from simulator.plot import plot_bytes
from simulator.report_html import report_html

SIGNATURES = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


class Page(HTMLParser):
    """Collects the text of a page and checks that its tags are closed in order."""

    VOID = ("meta", "br", "hr", "img")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


@pytest.mark.parametrize("form", SIGNATURES)
def test_a_picture_is_the_same_bytes_each_time(form: str) -> None:
    picture = plot_bytes(sample(), form)
    assert picture.startswith(SIGNATURES[form])
    assert picture == plot_bytes(sample(), form)


def test_the_picture_shows_what_the_result_says() -> None:
    svg = plot_bytes(sample(), "svg").decode()
    for text in ("p99.9", "140 ms", "hub[0].cpu", "waiting for core", "from", "ok: no station is saturated"):
        assert text in svg
    changed = plot_bytes(sample(cpu_utilization=estimate(0.1), bottleneck=None), "svg").decode()
    assert changed != svg


def test_a_result_without_completed_operations_can_be_drawn() -> None:
    nothing = {name: estimate(None) for name in RESULT["response_time_s"]}
    svg = plot_bytes(sample(response_time_s=nothing, causes=None, stations=[]), "svg").decode()
    for text in ("no operation completed", "not accounted in this run", "no station was used"):
        assert text in svg


def test_a_page_stands_alone_and_says_everything() -> None:
    warning = {"code": "x", "message": "queue <grew>", "advice": "lower the rate"}
    html = report_html([("a.json", sample(thresholds=THRESHOLDS, warnings=[warning]))])
    page = read(html)
    text = " ".join(" ".join(page.text).split())
    for said in (
        "orchestrator-hub (hub.toml with --procs, not calibrated)",
        "26,112 ± 87 /s",
        "140.2 ± 3.1 ms",
        "✗ throughput > 27000/s",
        "queue <grew>",
        "lower the rate",
        "bottleneck: think time",
        'name = "orchestrator-hub"',
    ):
        assert said in text
    assert [reference for reference in page.references if not reference.startswith("#")] == []
    assert "<script" not in html
    assert not re.search(r"url\((?!['\"]?#)", html)


def test_several_results_stand_side_by_side() -> None:
    other = sample(throughput_per_s=estimate(30000.0, 100.0))
    html = report_html([("a.json", sample()), ("b.json", other)])
    row = re.search(r"<tr><td>throughput</td><td>(.*?)</td><td>(.*?)</td></tr>", html)
    assert row is not None
    assert row.groups() == ("26,112 ± 87 /s", "30,000 ± 100 /s")
    assert html.count("<svg") == 2
    read(html)


def save(path: Path, **changes: Any) -> str:
    path.write_text(json.dumps(sample(**changes)))
    return str(path)


def test_saved_results_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["report", save(tmp_path / "a.json"), save(tmp_path / "b.json", seed=8)])
    printed = capsys.readouterr().out
    assert code == 0
    assert printed.count("throughput....") == 2
    assert "seed 7" in printed
    assert "seed 8" in printed


def test_a_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "page.html"
    assert main(["report", save(tmp_path / "a.json"), "--output", str(output)]) == 0
    read(output.read_text())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "accepted: a result saved by sim"),
        ('{"schema_version": 99, "kind": "run"}', "schema_version: found 99"),
        ('{"schema_version": 1, "kind": "sweep"}', "has no seed, engine, provenance"),
        ('{"schema_version": 1, "kind": "limits", "levels": 3}', "accepted: a result saved by sim, whole"),
    ],
)
def test_what_is_no_result_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    path = tmp_path / "result.json"
    if content is not None:
        path.write_text(content)
    assert main(["report", str(path), "--output", str(tmp_path / "page.html")]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.startswith(f"sim: {path}: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
    assert not (tmp_path / "page.html").exists()


def test_an_unwritable_page_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "missing" / "page.html"
    assert main(["report", save(tmp_path / "a.json"), "--output", str(target)]) == 2
    assert f"--output {target}: cannot be written" in capsys.readouterr().err
