"""What is kept of long work, whatever moment it is interrupted at."""

from pathlib import Path

import pytest

from simulator.checkpoint import Checkpoint
from simulator.output_files import OutputError
from simulator.result import ResultError

WORK = {"scenario": "a", "seed": 1}


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "new" / "kept.jsonl", WORK)
    kept.add(3, {"x": 1.5, "name": "µ"})
    kept.add(0, {"x": None})
    again = Checkpoint(kept.path, {"seed": 1, "scenario": "a"})
    assert again.load() == {3: {"x": 1.5, "name": "µ"}, 0: {"x": None}}
    again.add(1, {"x": 2})
    assert Checkpoint(kept.path, WORK).load().keys() == {0, 1, 3}


def test_a_line_that_was_cut_off_is_lost_alone(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "kept.jsonl", WORK)
    kept.add(0, {"x": 1})
    kept.add(1, {"x": 2})
    whole = kept.path.read_bytes()
    for cut in range(1, len(whole.splitlines()[2]) + 1):
        kept.path.write_bytes(whole[:-cut])
        again = Checkpoint(kept.path, WORK)
        assert again.load() == {0: {"x": 1}}
        again.add(1, {"x": 2})
        assert Checkpoint(kept.path, WORK).load() == {0: {"x": 1}, 1: {"x": 2}}


def test_without_a_file_nothing_is_done_yet_and_a_new_start_forgets_the_old(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "kept.jsonl", WORK)
    assert kept.load() == {}
    kept.add(0, {})
    Checkpoint(kept.path, WORK).add(7, {})
    assert kept.load().keys() == {7}
    kept.discard()
    assert not kept.path.exists()
    kept.discard()


@pytest.mark.parametrize("content", [b"", b"\n", b"[]\n", b"{}\n", b"not json\n", b'{"kind": "run", "work": ""}\n'])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=r"kept\.jsonl: "):
        Checkpoint(path, WORK).load()
    assert path.read_bytes() == content


def test_other_work_is_refused(tmp_path: Path) -> None:
    Checkpoint(tmp_path / "kept.jsonl", WORK).add(0, {})
    with pytest.raises(ResultError, match="another scenario, other values or another seed"):
        Checkpoint(tmp_path / "kept.jsonl", {**WORK, "seed": 2}).load()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--checkpoint"):
        Checkpoint(tmp_path / "file" / "kept.jsonl", WORK).add(0, {})
