import os
import platform

import torch

from macbdf_mm.utils.environment import hardware, package_versions, processor_name


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
