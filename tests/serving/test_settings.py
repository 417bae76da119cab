"""Limits, and where the token comes from."""

import pytest

from macbdf_mm.errors import ArgumentError, ConfigError, MissingDataError
from macbdf_mm.serving.settings import TOKEN_VARIABLE, Settings, read_token, require_token

TOKEN = "a-token-of-the-tests"


@pytest.mark.parametrize(
    "limits",
    [
        {"max_bytes": 0},
        {"max_seconds": float("nan")},
        {"upload_seconds": -1.0},
        {"time_limit_seconds": 0.0},
        {"num_workers": 0},
        {"queue_length": -1},
    ],
)
def test_limits_out_of_range(limits):
    with pytest.raises(ArgumentError, match=f"Expected `{next(iter(limits))}`"):
        Settings(**limits)


def test_what_is_held_is_computed_or_waits():
    assert Settings(num_workers=3, queue_length=2).capacity == 5
    assert Settings(queue_length=0).capacity == 1


def test_the_token_is_taken_out_of_the_environment():
    environment = {TOKEN_VARIABLE: TOKEN, "HOME": "/"}
    assert read_token(None, environment) == TOKEN
    assert environment == {"HOME": "/"}
    assert read_token(None, environment) is None


def test_the_token_of_a_file_comes_first(tmp_path, capsys):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    environment = {TOKEN_VARIABLE: "another-token-than-that"}
    assert read_token(file, environment) == TOKEN
    assert environment == {}
    assert capsys.readouterr().err == ""
    file.chmod(0o640)
    assert read_token(file, {}) == TOKEN
    assert f"other users of this machine can read token file '{file}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "token", ["", "short", "a-token-with-\u00fcmlauts", "a-token-of-two\nlines-x"]
)
def test_tokens_that_are_none(token):
    with pytest.raises(ConfigError, match=f"Expected the token in `{TOKEN_VARIABLE}` to have at"):
        read_token(None, {TOKEN_VARIABLE: token})


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_token_file_that_cannot_be_read(tmp_path, content):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MissingDataError, match=r"Token file '.*' cannot be read: "):
        read_token(file, {})


def test_an_address_that_others_reach_needs_a_token():
    require_token(TOKEN, "0.0.0.0")
    with pytest.raises(ConfigError, match=r"Other machines can reach '0.0.0.0'.*--token-file"):
        require_token(None, "0.0.0.0")
