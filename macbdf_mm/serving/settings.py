"""What a server takes, from whom, and how much of it."""

import os
import stat
import sys
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from macbdf_mm.errors import ArgumentError, ConfigError, MissingDataError

TOKEN_VARIABLE = "MACBDF_SERVE_TOKEN"
_MIN_TOKEN_LENGTH = 16
_NEW_TOKEN = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


@dataclass(frozen=True)
class Settings:
    """Limits of a server, and who may ask it.

    Attributes:
        max_bytes: Of one file.
        max_seconds: Of one video, by its own clock.
        queue_length: Requests that may wait, beside those that are computed.
        upload_seconds: How long one request may take to arrive.
        time_limit_seconds: How long one video may be computed.
        num_workers: Processes that compute, each with its own model.
        token: What a request has to show; None if nothing has to be.
        allowed_hosts: Names of the server beside ``localhost`` and addresses.

    Raises:
        ValueError: If a limit is out of range.
    """

    max_bytes: int = 512_000_000
    max_seconds: float = 600.0
    queue_length: int = 4
    upload_seconds: float = 300.0
    time_limit_seconds: float = 600.0
    num_workers: int = 1
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        limits = ("max_bytes", "max_seconds", "upload_seconds", "time_limit_seconds", "num_workers")
        for name in limits:
            if not getattr(self, name) > 0:
                raise ArgumentError(f"Expected `{name}` > 0, got {getattr(self, name)}.")
        if self.queue_length < 0:
            raise ArgumentError(f"Expected `queue_length` >= 0, got {self.queue_length}.")

    @property
    def capacity(self) -> int:
        """How many requests are held at a time: those computed, and those that wait."""
        return self.num_workers + self.queue_length


def read_token(
    path: str | Path | None, environment: MutableMapping[str, str] = os.environ
) -> str | None:
    """Return the token of a file, or else of the environment; None if neither has one.

    It is taken out of the environment: processes that are started later, such as those that decode
    the files of strangers, do not get it.

    Args:
        path: A file that holds the token and nothing else.
        environment: Variables of this process.

    Raises:
        MissingDataError: If the file cannot be read.
        ConfigError: If the token is too short, or holds what a header cannot.
    """
    token = environment.pop(TOKEN_VARIABLE, None)
    place = f"`{TOKEN_VARIABLE}`"
    if path is not None:
        place = f"'{path}'"
        try:
            token = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise MissingDataError(f"Token file {place} cannot be read: {reason}.") from error
        if os.stat(path).st_mode & (stat.S_IRGRP | stat.S_IROTH):
            print(
                f"warning: other users of this machine can read token file {place}; "
                f"chmod 600 {place} keeps it to you.",
                file=sys.stderr,
            )
    if token is None:
        return None
    if len(token) < _MIN_TOKEN_LENGTH or not (token.isascii() and token.isprintable()):
        raise ConfigError(
            f"Expected the token in {place} to have at least {_MIN_TOKEN_LENGTH} characters of "
            f"printable ASCII, got {len(token)} characters; {_NEW_TOKEN}."
        )
    return token


def require_token(token: str | None, host: str) -> None:
    """Return if a server may listen on an address that others can reach.

    Raises:
        ConfigError: If it has no token.
    """
    if token is None:
        raise ConfigError(
            f"Other machines can reach '{host}', so requests have to show a token: put one into "
            f"`{TOKEN_VARIABLE}` or into a file that --token-file names ({_NEW_TOKEN}), or listen "
            "on 127.0.0.1."
        )
