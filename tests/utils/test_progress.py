import io

import pytest

from macbdf_mm.utils import progress
from macbdf_mm.utils.jobs import Job, Result
from macbdf_mm.utils.progress import ProgressLine, with_progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_the_first_and_the_last_line_and_one_every_ten_seconds(clock):
    stream = io.StringIO()
    show = ProgressLine("files", stream)
    for finished in range(101):
        show("headers", finished, 100)
        clock[0] += 0.25
    assert stream.getvalue().splitlines() == [
        "headers: 0/100 files",
        "headers: 40/100 files, 4/s, about 15 s left",
        "headers: 80/100 files, 4/s, about 5 s left",
        "headers: 100/100 files in 25 s",
    ]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal()


def test_a_terminal_has_one_line_with_a_bar(clock, terminal):
    show = ProgressLine("files", terminal)
    show("headers", 1, 4)
    clock[0] += 1
    show("headers", 3, 4)
    clock[0] += 1
    show("headers", 4, 4)
    text = terminal.getvalue()
    assert "headers: 4/4 files in 2 s" in text
    assert "\u2501" in text  # the bar
    assert text.count("\n") == 1
    assert text.rstrip().endswith("\x1b[?25h")  # the cursor is there again


def test_a_terminal_gets_its_cursor_back_when_the_work_breaks_off(terminal):
    show = ProgressLine("files", terminal)
    show("headers [1]", 1, 4)
    del show
    assert "headers [1]: 1/4 files" in terminal.getvalue()
    assert terminal.getvalue().rstrip().endswith("\x1b[?25h")


def test_the_next_work_has_its_own_line(clock, terminal):
    show = ProgressLine("files", terminal)
    for what in ("headers", "comparisons"):
        show(what, 0, 1)
        show(what, 1, 1)
    text = terminal.getvalue()
    assert text.index("headers: 1/1") < text.index("comparisons: 1/1")


def test_what_was_known_already_is_said_and_does_not_count_for_the_pace(clock):
    stream = io.StringIO()
    show = ProgressLine("files", stream)
    show("headers", 60, 100)
    clock[0] += 20
    show("headers", 80, 100)
    assert stream.getvalue().splitlines() == [
        "headers: 60/100 files (60 known already)",
        "headers: 80/100 files, 1/s, about 20 s left",
    ]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ("nnn", [(0, 3), (1, 3), (2, 3), (3, 3)]),
        ("kkn", [(2, 3), (3, 3)]),
        ("knk", [(1, 3), (2, 3), (3, 3)]),
        ("kkk", [(3, 3)]),
    ],
)
def test_progress_tells_at_once_what_was_known(known, told):
    results = [Result(Job(str(k), k), "done", is_known=kind == "k") for k, kind in enumerate(known)]
    seen = []
    passed = list(with_progress(results, "work", 3, lambda *step: seen.append(step)))
    assert passed == results
    assert seen == [("work", *step) for step in told]


def test_an_error_while_telling_ends_the_work():
    ended = []

    def work():
        try:
            yield Result(Job("a", 1), "done")
        finally:
            ended.append(True)

    def stop(*step):
        raise KeyboardInterrupt

    # The traceback, which is held here, holds the frames.
    with pytest.raises(KeyboardInterrupt) as caught:
        list(with_progress(work(), "work", 1, stop))
    assert ended == [True]
    assert caught.tb is not None
