"""The cgroup in which a benchmark measures under a CPU quota, on directories that stand for the kernel's."""

import os
import subprocess

import pytest

from benchmarks.cpu_quota import cpu_quota, joining
from benchmarks.real_programs_list import with_quota
from benchmarks.real_servers import NotHere


class _Made:
    """Notes what is written into a new cgroup's files, as the kernel would create them."""

    def __init__(self, monkeypatch, files):
        self.files = files
        make = os.mkdir

        def mkdir(path, *arguments, **options):
            make(path, *arguments, **options)
            for name in self.files:
                open(os.path.join(path, name), "w").close()

        monkeypatch.setattr(os, "mkdir", mkdir)


def _empty(group):
    for file in group.iterdir():
        file.unlink()


def test_quota_of_the_second_version(tmp_path, monkeypatch) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpu\n")
    _Made(monkeypatch, ["cpu.max", "cgroup.procs"])
    with cpu_quota(1.2, tmp_path) as procs:
        assert (procs.parent / "cpu.max").read_text() == "120000 100000"
        _empty(procs.parent)
    assert not procs.parent.exists()


def test_quota_of_the_first_version(tmp_path, monkeypatch) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1")
    _Made(monkeypatch, ["cpu.cfs_quota_us", "cpu.cfs_period_us"])
    with cpu_quota(0.5, tmp_path) as procs:
        assert (procs.parent / "cpu.cfs_quota_us").read_text() == "50000"
        assert (procs.parent / "cpu.cfs_period_us").read_text() == "100000"
        _empty(procs.parent)
    assert not procs.parent.exists()


def test_a_host_without_quotas_says_why(tmp_path) -> None:
    with pytest.raises(NotHere, match="no cpu controller"), cpu_quota(0.5, tmp_path):
        pass
    (tmp_path / "cgroup.controllers").write_text("cpu\n")
    (tmp_path / "cgroup.subtree_control").write_text("memory\n")
    with pytest.raises(NotHere, match="does not hand the cpu controller on"), cpu_quota(0.5, tmp_path):
        pass


def test_a_process_joins_before_it_becomes_the_program(tmp_path) -> None:
    procs = tmp_path / "cgroup.procs"
    said = subprocess.run(joining(procs, ["echo", "a b", "c"]), capture_output=True, text=True, check=True)
    assert said.stdout == "a b c\n"
    assert procs.read_text().strip().isdigit()


def test_a_quota_is_put_into_every_service() -> None:
    services, stages = with_quota(0.5)(({"host": {"cores": 2}}, [{"kind": "cpu"}]))
    assert services["host"]["cores"] == 2
    assert services["host"]["cpu_quota"] == 0.5
    assert services["host"]["cpu_quota_period"] == "100ms"
    assert stages == [{"kind": "cpu"}]
