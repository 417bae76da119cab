import io

import pytest

from macbdf_mm.apis import progress_line
from macbdf_mm.apis.progress_line import ProgressLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_the_first_and_the_last_line_and_one_every_ten_seconds(clock):
    stream = io.StringIO()
    show = ProgressLine("files", stream)
    for finished in range(101):
        show("headers", finished, 100)
        clock[0] += 0.25
    assert stream.getvalue().splitlines() == [
        "headers: 0/100 files",
        "headers: 40/100 files, about 15 s left",
        "headers: 80/100 files, about 5 s left",
        "headers: 100/100 files in 25 s",
    ]


def test_a_terminal_line_is_rewritten(clock):
    stream = Terminal()
    show = ProgressLine("files", stream)
    show("headers", 1, 2)
    clock[0] += 1
    show("headers", 2, 2)
    assert stream.getvalue().count("\n") == 1
    assert stream.getvalue().count("\r") == 2


def test_what_was_known_already_is_said_and_does_not_count_for_the_pace(clock):
    stream = io.StringIO()
    show = ProgressLine("files", stream)
    show("headers", 60, 100)
    clock[0] += 20
    show("headers", 80, 100)
    assert stream.getvalue().splitlines() == [
        "headers: 60/100 files (60 known already)",
        "headers: 80/100 files, about 20 s left",
    ]
