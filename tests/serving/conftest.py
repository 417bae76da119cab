"""Servers in processes of their own, and how to talk to them."""

import contextlib
import http.client
import json
import os
import shutil
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
    for package in ("fastapi", "uvicorn", "python_multipart"):
        pytest.importorskip(package, reason="needs the extra `serve`")
    return lambda *words, **environment: RunningServer(
        words, tmp_path_factory.mktemp("tmp"), **environment
    )


@pytest.fixture(scope="session")
def start_acting(start_server):
    """The function that starts a server without a model, see ``acting_server``."""

    def start(**settings):
        # No script: each process of the pool would run it anew, and its imports take a second.
        code = "import sys, acting_server; sys.exit(acting_server.main(sys.argv[1]))"
        return start_server("-c", code, json.dumps(settings))

    return start


@pytest.fixture(scope="module")
def browser():
    """A browser without a window; it takes two names of the tests for this machine."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs chromium")
    names = "MAP detector.example 127.0.0.1, MAP attacker.example 127.0.0.1"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", f"--host-resolver-rules={names}"],
        )
        yield browser
        browser.close()
