"""Servers in processes of their own, and how to talk to them."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class RunningServer:
    """A server in a process of its own.

    Attributes:
        process: It.
        port: Where it listens.
        folder: Its folder of temporary files.
        log: What it says on stderr.
    """

    def __init__(self, words, folder, **environment):
        self.folder = folder
        self._log = folder.with_name(f"{folder.name}.log")
        paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "serving")))
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, words)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(folder), **environment},
            )
        for line in self.process.stdout:
            if line.startswith("Listening on "):
                self.url = line.split()[2]
                self.port = int(self.url.rpartition(":")[2])
                return
        raise RuntimeError(self.log)

    @property
    def log(self):
        return self._log.read_text()

    @property
    def uploads(self):
        """The files of requests that are there now."""
        return [path for path in self.folder.glob("macbdf-serve-*/*") if path.is_file()]

    def request(self, method, path, body=None, **headers):
        """Return the status, the headers and the body of an answer, as JSON if it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            content = answer.read()
        is_json = answer.headers["content-type"] == "application/json"
        return answer.status, answer.headers, json.loads(content) if is_json else content.decode()

    def send(self, content, path="/predict", **headers):
        """Return the answer to a file that is sent as the body."""
        return self.request(
            "POST", path, content, **{"content_type": "application/octet-stream", **headers}
        )

    def health(self):
        return self.request("GET", "/health")[2]

    def end(self, number=signal.SIGTERM):
        """Return the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            self.process.stdout.close()


def wait_until(condition, seconds=20.0):
    """Return what a condition becomes; fail if it does not become true."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, condition
        time.sleep(0.02)
    return value


@pytest.fixture(scope="session", name="wait_until")
def _wait_until():
    return wait_until


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """The function that starts a server with these words of Python's command line."""
    return lambda *words, **environment: RunningServer(
        words, tmp_path_factory.mktemp("tmp"), **environment
    )


@pytest.fixture(scope="session")
def start_acting(start_server):
    """The function that starts a server without a model, see ``acting_server``."""

    def start(**settings):
        script = Path(__file__).parent / "acting_server.py"
        return start_server(script, json.dumps(settings))

    return start
