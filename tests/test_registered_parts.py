import subprocess
import sys
from collections.abc import Mapping
from typing import Annotated

import pytest
from mmengine.registry import Registry

from macbdf_mm.errors import ConfigError
from macbdf_mm.registered_parts import (
    Option,
    find_part,
    given_options,
    import_modules,
    make_parser,
)

PARTS = Registry("part")


@PARTS.register_module("cut")
def cut(
    rows,
    where: Annotated[str | None, Option("a place")] = None,
    num_pieces: Annotated[int, Option("how many", flag="--pieces")] = 2,
    shares: Annotated[Mapping[str, float], Option("how much", "PART=SHARE")] = {},
    is_clean: Annotated[bool, Option("without crumbs")] = False,
):
    """Cut into pieces.

    More of it.
    """


@PARTS.register_module("tear")
class Tear:
    """Tear apart."""

    def __init__(self, where: Annotated[str, Option("another place")] = "middle"):
        self.where = where


def parse(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["tool", *words])
    return given_options(PARTS, make_parser(PARTS).parse_args())


def test_options_that_were_given_are_known_by_their_parameters(monkeypatch):
    assert parse(monkeypatch) == {}
    words = ("--where", "x", "--pieces", "3", "--is-clean", "--shares", "a=0.5", "--shares", "b=1")
    assert parse(monkeypatch, *words) == {
        "where": "x", "num_pieces": 3, "is_clean": True, "shares": {"a": 0.5, "b": 1.0},
    }  # fmt: skip


def test_the_help_lists_each_part_with_its_first_line(monkeypatch):
    monkeypatch.setattr("sys.argv", ["tool"])
    text = make_parser(PARTS).format_help()
    assert "cut:\n  Cut into pieces.\n" in text
    assert "tear:\n  Tear apart." in text
    assert text.count("--where WHERE") == 2  # In the usage, and once below.


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--shares", "a:1"), "argument --shares: expected PART=SHARE, got 'a:1'"),
        (("--shares", "a=b"), "argument --shares: expected PART=SHARE, got 'a=b'"),
        (("--pieces", "few"), "argument --pieces: invalid int value"),
    ],
)
def test_values_of_another_kind(monkeypatch, capsys, words, message):
    with pytest.raises(SystemExit):
        parse(monkeypatch, *words)
    assert message in capsys.readouterr().err


def test_a_part_is_found_if_it_takes_the_options():
    assert find_part(PARTS, "cut", {"num_pieces": 3}) is cut
    assert find_part(PARTS, "tear", {"where": "end"}) is Tear
    with pytest.raises(ConfigError, match="Expected a part of cut, tear, got 'bite'; one of your"):
        find_part(PARTS, "bite", {})
    with pytest.raises(ConfigError, match="option `num_pieces` with 'cut' only, got it with 'tea"):
        find_part(PARTS, "tear", {"num_pieces": 3})
    with pytest.raises(ConfigError, match="option `size` with no part, got it with 'cut'"):
        find_part(PARTS, "cut", {"size": 3})


@pytest.mark.parametrize(
    ("registry", "heavy"),
    [("CONVERTERS", "torch cv2 scipy mmcv"), ("SPLIT_PROTOCOLS", "torch cv2 av mmcv")],
)
def test_the_parts_of_the_package_are_found_without_anything_heavy(registry, heavy):
    script = (
        "import sys\n"
        "from macbdf_mm import registry\n"
        "from macbdf_mm.registered_parts import known_parts\n"
        f"assert len(known_parts(registry.{registry})) >= 4\n"
        f"print([name for name in {heavy.split()} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_modules_of_ones_own_are_imported_before_the_options_are_read(monkeypatch, tmp_path):
    (tmp_path / "own_part_of_a_test.py").write_text(
        "from test_registered_parts import PARTS\n"
        "@PARTS.register_module('bite')\n"
        "def bite(rows): 'Bite off.'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "test_registered_parts", sys.modules[__name__])
    try:
        assert parse(monkeypatch, "--import", "own_part_of_a_test") == {}
        assert find_part(PARTS, "bite", {}).__name__ == "bite"
    finally:
        PARTS.module_dict.pop("bite", None)
    with pytest.raises(ConfigError, match="Module 'gone_module' of `--import` cannot be imported"):
        import_modules(["gone_module"])
