"""Breakages of the libraries beneath, numbered as in docs/breakages.md, that no other test meets.

The others have their tests where the answer to them is; the table names both.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.config import Config
from torchaudio.functional import melscale_fbanks

REPOSITORY = Path(__file__).parents[2]
CONFIGS = sorted(
    path for path in (REPOSITORY / "configs").glob("*.py") if not path.name.startswith("_")
)


def types_in(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "type" in node:
            yield str(node["type"])
        for value in node.values():
            yield from types_in(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from types_in(value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("number", "name"),
    [
        (3, "ColorJitter"),
        (6, "AccMetric"),
        (7, "LoadAudioFeature"),
        (8, "ActionVisualizer"),
        (12, "SyncBN"),
    ],
)
def test_no_config_names_a_part_that_breaks(path, number, name):
    names = {item.rpartition(".")[2] for item in types_in(Config.fromfile(str(path)).to_dict())}
    assert name not in names, f"breakage {number}"


def test_4_no_config_inherits_across_packages():
    for path in (REPOSITORY / "configs").rglob("*.py"):
        assert "::" not in path.read_text(), path


def test_8_no_data_loader_uses_decord_by_default():
    for path in CONFIGS:
        assert "'decord'" not in str(Config.fromfile(str(path)).to_dict())


def test_10_nothing_requires_openmim():
    for name in ("setup.cfg", "constraints.txt", "pyproject.toml", "Makefile"):
        assert "openmim" not in (REPOSITORY / name).read_text(), name


def test_13_the_mel_filters_of_the_front_end_have_full_rank():
    """With 80 bands at n_fft 512 some are empty or alike, which `InverseMelScale` refuses."""

    def rank(num_mels: int) -> int:
        return int(torch.linalg.matrix_rank(melscale_fbanks(257, 0.0, 8000.0, num_mels, 16000)))

    assert rank(64) == 64
    assert rank(80) < 80


def test_every_number_has_a_row_and_every_test_named_there_exists():
    table = (REPOSITORY / "docs" / "breakages.md").read_text()
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)]
    assert numbers == list(range(1, 19))
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", table))
    assert not [path for path in named if not (REPOSITORY / path).is_file()]
