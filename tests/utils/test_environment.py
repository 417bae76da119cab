import os
import platform
import sys

import pytest
import torch

from macbdf_mm.utils.environment import command_line, hardware, package_versions, processor_name


def test_versions_are_those_in_use():
    versions = package_versions()
    assert versions["Python"] == platform.python_version()
    assert torch.__version__.startswith(versions["torch"])


def test_the_processor_s_name_is_read_and_has_a_substitute(tmp_path):
    path = tmp_path / "cpuinfo"
    path.write_text("processor\t: 0\nmodel name\t: A: Processor 9\nprocessor\t: 1\n")
    assert processor_name(path) == "A: Processor 9"
    assert processor_name(tmp_path / "nowhere") in (platform.processor(), platform.machine())
    path.write_text("processor\t: 0\n")
    assert processor_name(path)


def test_hardware_names_the_cores_of_this_process():
    number = len(os.sched_getaffinity(0))
    assert f", {number} core" in hardware()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("macbdf evaluate", "macbdf evaluate c.py 'a b.pth'"),
        ("tools/evaluate.py", "python tools/evaluate.py c.py 'a b.pth'"),
        ("/a macbdf b/evaluate.py", "python '/a macbdf b/evaluate.py' c.py 'a b.pth'"),
    ],
)
def test_the_command_can_be_run_again(monkeypatch, program, expected):
    monkeypatch.setattr(sys, "argv", [program, "c.py", "a b.pth"])
    assert command_line() == expected
