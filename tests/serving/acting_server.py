"""A server without a model."""

import json

from acting_scorer import ActingScorer

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.serving.listen import open_socket
from macbdf_mm.serving.server import serve
from macbdf_mm.serving.settings import Settings


def main(text):
    """Return the exit code of a server with these settings."""
    settings = Settings(**json.loads(text))
    listener = open_socket("127.0.0.1", 0)
    return run_command(lambda: serve(listener, ActingScorer(), ["said of all scores"], settings))
