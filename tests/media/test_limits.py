import re
from pathlib import Path

import pytest

from macbdf_mm.errors import ConfigError, UndecodableMediaError
from macbdf_mm.media import limits
from macbdf_mm.media.limits import check_seconds, limit_of


def test_a_limit_is_that_of_the_environment(monkeypatch):
    assert limit_of("MACBDF_MAX_TEST", 7) == 7
    monkeypatch.setenv("MACBDF_MAX_TEST", "8")
    assert limit_of("MACBDF_MAX_TEST", 7) == 8


@pytest.mark.parametrize("text", ["0", "-1", "1e6", "many", "9" * 5000])
def test_a_limit_that_is_no_number_is_refused(text, monkeypatch):
    monkeypatch.setenv("MACBDF_MAX_TEST", text)
    with pytest.raises(ConfigError, match="`MACBDF_MAX_TEST` to be a whole number > 0"):
        limit_of("MACBDF_MAX_TEST", 7)


@pytest.mark.parametrize("seconds", [1e18, float("inf"), float("nan")])
def test_a_length_beyond_the_limit_is_refused(seconds):
    check_seconds("a.mp4", 999_999.0)
    with pytest.raises(UndecodableMediaError, match=r"a\.mp4 claims a length of .* MACBDF_MAX_SEC"):
        check_seconds("a.mp4", seconds)


def test_every_limit_is_documented_with_its_default():
    page = (Path(__file__).parents[2] / "docs" / "loading.md").read_text()
    documented = dict(re.findall(r"^\| `(MACBDF_\w+)` \| ([\d,]+) \|", page, re.MULTILINE))
    calls = re.findall(r'limit_of\("(\w+)", ([\d_]+)\)', Path(limits.__file__).read_text())
    assert {name: text.replace(",", "_") for name, text in documented.items()} == dict(calls)
    assert len(calls) == 8
