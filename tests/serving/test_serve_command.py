"""`macbdf serve` with a model, as a user runs it; docs/serve.md shows how it is asked."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text()
NAME = "<img src=x onerror=alert(1)>'&.mp4"


@pytest.fixture(scope="module")
def server(start_server, run_dir):
    words = ("-m", "macbdf_mm", "serve", run_dir, "--port", 0, "--device", "cpu")
    server = start_server(*words, "--max-seconds", 4, "--decode-time-limit", 20)
    yield server
    assert server.end() == 0
    assert list(server.folder.iterdir()) == []


@pytest.fixture
def send(server):
    return lambda path, **headers: server.send(path.read_bytes(), **headers)


def test_the_answer_is_what_the_inferencer_says(send, run_dir, make_clip):
    clip = make_clip(seconds=2.0)
    inferencer = ForgeryInferencer(
        run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth", "cpu", show_progress=False
    )
    [expected] = [prediction.to_json() for prediction in inferencer.predict(clip)]
    status, _, answer = send(clip, x_file_name=str(clip))
    assert status == 200
    weights = (run_dir / "best_epoch_1.pth").read_bytes()
    assert answer.pop("checkpoint_sha256") == hashlib.sha256(weights).hexdigest()
    for name in ("scores", "windows", "steps"):
        found, wanted = (_numbers(record.pop(name)) for record in (answer, expected))
        assert found == pytest.approx(wanted, abs=1e-5, nan_ok=True)
    for record in (answer, expected):
        for name in ("settings", "raw_scores", "intervals"):
            record.pop(name)
    assert answer == expected


def _numbers(value):
    """Return the numbers in lists and dicts, None as not a number."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for item in value for number in _numbers(item)]
    return [np.nan if value is None else value]


def test_files_that_have_no_scores(send, make_clip, tmp_path):
    text = tmp_path / "text"
    # A list of other files, which are not looked for.
    text.write_bytes(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n")
    status, _, answer = send(text, x_file_name=NAME)
    assert status == 422
    assert answer["error"].startswith(f"{NAME} is not a media file that FFmpeg can open")
    clip = make_clip(seconds=2.0)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[:-2000])
    status, _, answer = send(cut, x_file_name=NAME)
    assert (status, answer["status"]) == (422, "error")
    status, _, answer = send(make_clip("long.mp4", seconds=5.0), x_file_name=NAME)
    assert status == 413
    assert answer["error"] == (f"{NAME} lasts 5.0 s, and this server takes videos of at most 4 s.")
    assert "macbdf-serve-" not in str(answer)


def test_the_report_in_a_browser(browser, server, make_clip, tmp_path):
    clip = make_clip(seconds=2.0).rename(tmp_path / NAME)
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_default_timeout(600_000)  # A click waits for the page that it leads to.
    problems = []
    for event in ("pageerror", "console"):
        page.on(event, lambda message: problems.append(str(message)))
    page.goto(server.url)
    page.set_input_files("input[type=file]", clip)
    page.click("button")
    page.wait_for_url("**/report")
    assert page.inner_text("h1") == NAME
    assert "macbdf-serve-" not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    # Pictures and styles pass the policy; the name makes no picture.
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.locator("img[src=x]").count() == 0
    assert problems == []
    page.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_examples_with_curl(server, make_clip):
    folder = make_clip("video.mp4", seconds=2.0).parent
    commands = re.findall(r"^    (curl .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        command = command.replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(
            ["bash", "-c", f"TOKEN=x; {command}"], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        if "report.html" not in command:
            assert '"checkpoint_sha256":' in done.stdout, command
    assert "<h1>video.mp4</h1>" in (folder / "report.html").read_text()
