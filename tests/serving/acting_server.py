"""A server without a model; its argument are settings as JSON."""

import json
import sys

from acting_scorer import ActingScorer

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.serving.listen import open_socket
from macbdf_mm.serving.server import serve
from macbdf_mm.serving.settings import Settings

if __name__ == "__main__":
    settings = Settings(**json.loads(sys.argv[1]))
    listener = open_socket("127.0.0.1", 0)
    sys.exit(run_command(lambda: serve(listener, ActingScorer(), ["said of all scores"], settings)))
