import errno
import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.measure import measure_file
from macbdf_mm.prepare.audit.check_files import FileCheck, check_files, remarks_on
from macbdf_mm.utils.jobs import Job, Result
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import Shard

FILES = [f"{k}.mp4" for k in range(6)]


class Steps:
    """Progress that is kept, and that stops after so many files like Ctrl-C."""

    def __init__(self, stop_after=None):
        self.seen, self.stop_after = [], stop_after

    def __call__(self, what, finished, total):
        self.seen.append((what, finished, total))
        if len(self.seen) - 1 == self.stop_after:
            raise KeyboardInterrupt

    @property
    def num_decoded(self):
        return len(self.seen) - 1


@pytest.fixture
def root(make_clip, tmp_path):
    """A folder with six short clips."""
    for number, file in enumerate(FILES, 1):
        make_clip(f"data/{file}", seconds=0.2 * number)
    return tmp_path / "data"


@pytest.fixture
def check(root, tmp_path):
    """Return a function that checks files, and returns the checks with its progress."""

    def run(files=FILES, stop_after=None, **settings):
        steps = Steps(stop_after)
        engine = LocalEngine(settings.pop("num_workers", 2), settings.pop("time_limit_seconds", 60))
        journal = tmp_path / "out" / "journal.jsonl"
        return check_files(files, root, journal, engine, steps, **settings), steps

    return run


def journal_files(tmp_path):
    lines = (tmp_path / "out" / "journal.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["key"] for line in lines)


def test_every_file_is_measured_and_reported(check, root):
    checks, steps = check()
    assert list(checks) == FILES
    for file in FILES:
        assert checks[file].measures == measure_file(root / file)
        assert checks[file].error is None
    assert steps.seen == [("decoding files", k, 6) for k in range(7)]


def test_a_file_that_two_rows_name_is_decoded_once(check):
    checks, steps = check([*FILES, FILES[0]])
    assert (list(checks), steps.num_decoded) == (FILES, 6)


def test_a_stopped_run_goes_on_and_decodes_no_file_twice(check, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        check(stop_after=2)
    # Those that were told, and what was done in the meantime.
    num_kept = len(journal_files(tmp_path))
    assert 2 <= num_kept < 6
    checks, steps = check()
    assert steps.seen[0] == ("decoding files", num_kept, 6)
    assert steps.num_decoded == 6 - num_kept
    assert journal_files(tmp_path) == FILES
    assert all(check.measures for check in checks.values())
    again, steps = check()
    assert steps.seen == [("decoding files", 6, 6)]
    assert again == checks


def test_half_a_line_of_a_killed_run_is_passed_over(check, tmp_path):
    check()
    journal = tmp_path / "out" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-30])
    checks, steps = check()
    assert steps.num_decoded == 1
    assert all(check.measures for check in checks.values())


def test_a_changed_file_is_decoded_again(check, make_clip):
    before, _ = check()
    make_clip(f"data/{FILES[3]}", seconds=2.0)
    after, steps = check()
    assert steps.num_decoded == 1
    changed = [file for file in FILES if after[file] != before[file]]
    assert changed == [FILES[3]]
    assert after[FILES[3]].measures.num_frames == 50


def test_files_that_cannot_be_read_are_rows_with_a_reason(check, root):
    (root / "empty.mp4").write_bytes(b"")
    (root / "text.mp4").write_text("no clip")
    cut = (root / FILES[5]).read_bytes()
    (root / "cut.mp4").write_bytes(cut[: len(cut) // 2])
    (root / "folder.mp4").mkdir()
    files = ["empty.mp4", "text.mp4", "cut.mp4", "folder.mp4", "gone.mp4", FILES[0]]
    checks, _ = check(files)
    reasons = [checks[file].error for file in files]
    for reason, expected in zip(
        reasons,
        (
            "is empty (0 bytes)",
            "not a media file",
            "header is cut off",
            "is a folder",
            "No file at",
        ),
        strict=False,
    ):
        assert expected in reason
    assert reasons[-1] is None
    assert all(checks[file].measures is None for file in files[:-1])
    # What was unreadable is not tried again, but one that is fetched in the meantime is.
    (root / "gone.mp4").write_bytes(cut)
    checks, steps = check(files)
    assert steps.num_decoded == 1
    assert checks["gone.mp4"].measures is not None


def test_a_file_that_takes_too_long_is_given_up_and_tried_again_by_the_next_run(check, make_clip):
    # Long enough for the limit to be noticed, which is looked at a few times a second.
    make_clip("data/long.mp4", seconds=100.0, fps=100)
    checks, _ = check(["long.mp4"], time_limit_seconds=0.01)
    assert "long.mp4: not done within 0.01 s" in checks["long.mp4"].error
    checks, steps = check(["long.mp4"])
    assert steps.num_decoded == 1
    assert checks["long.mp4"].measures.num_frames == 10_000


def test_how_far_files_are_decoded_is_remembered_apart(check):
    files = [FILES[5]]
    short, _ = check(files, max_seconds=0.4)
    whole, steps = check(files)
    assert steps.num_decoded == 1
    assert short[FILES[5]].measures.num_frames < whole[FILES[5]].measures.num_frames == 30
    assert check(files, max_seconds=0.4)[0] == short


@pytest.mark.parametrize("num_workers", [1, 3])
def test_any_number_of_workers_finds_the_same(check, num_workers, root):
    checks, _ = check(num_workers=num_workers)
    assert [checks[file].measures for file in FILES] == [measure_file(root / f) for f in FILES]


def children():
    listed = (path.read_text().split() for path in Path("/proc").glob("[0-9]*/stat"))
    return {fields[0] for fields in listed if fields[3] == str(os.getpid())}


def test_no_process_is_left_after_a_stop(check):
    before = children()
    with pytest.raises(KeyboardInterrupt):
        check(stop_after=1)
    assert children() <= before


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"No data folder at .*gone; check `--data-root`"):
        check_files([], tmp_path / "gone", tmp_path / "journal.jsonl", LocalEngine(0), Steps())
    assert not (tmp_path / "journal.jsonl").exists()


def test_a_limit_that_leaves_nothing_is_refused(check):
    with pytest.raises(ValueError, match=r"`max_seconds` > 0, got -1\.0"):
        check(max_seconds=-1.0)


def test_a_folder_without_any_of_the_files_is_named(check):
    with pytest.raises(MissingDataError, match=r"No file is below .*: 2 files missing, such as u"):
        check(["u.mp4", "v.mp4"])


ROW = ClipRow("a.mp4", 1, 1, 1)


@pytest.mark.parametrize("changes", [{}, dict(has_video=False, width=None, brightness=None)])
def test_measures_come_back_from_the_journal(measured, changes):
    check = measured(**changes)
    values = {**asdict(check.measures), "what_a_later_version_adds": 1}
    known = json.loads(json.dumps(values))
    assert FileCheck.of(Result(Job("a.mp4", "a.mp4"), "done", known)) == check


def test_so_does_the_reason_of_a_broken_file():
    result = Result(Job("a.mp4", "a.mp4"), "failed", error="a.mp4 is empty")
    assert FileCheck.of(result) == FileCheck(None, "a.mp4 is empty")


@pytest.mark.parametrize(
    ("row", "changes", "remark"),
    [
        (ROW, dict(num_damaged_packets=3), "3 packets do not decode, or not without errors"),
        (ROW, dict(missing_seconds=0.6), "cut short, 0.6 s are missing"),
        (ROW, dict(has_video=False), "no video"),
        (ROW, dict(has_audio=False), "no sound"),
        (ROW, dict(peak=0.0), "silent sound"),
        (ClipRow("a", 0, duration_seconds=2.6), {}, "lasts 2.0 s, annotated 2.6 s"),
        (ClipRow("a", 0, duration_seconds=1.4), {}, "lasts 2.0 s, annotated 1.4 s"),
        (
            ClipRow("a", 1, 1, audio_fake_intervals=(), video_fake_intervals=((2.0, 3.0),)),
            {},
            "a fake interval starts at 2.0 s, after its end",
        ),
    ],
)
def test_what_is_unusual_is_said(measured, row, changes, remark):
    assert remarks_on(row, measured(**changes)) == [remark]


@pytest.mark.parametrize(
    ("row", "changes"),
    [
        (ROW, {}),
        (ROW, dict(missing_seconds=0.4, peak=None)),
        (ClipRow("a", 0, duration_seconds=2.4), {}),
        (ClipRow("a", 1, 1, video_fake_intervals=((1.9, 3.0),)), {}),
    ],
)
def test_what_is_usual_is_not(measured, row, changes):
    assert remarks_on(row, measured(**changes)) == []


def test_nothing_is_said_of_what_cannot_be_read():
    assert remarks_on(ROW, FileCheck(None, "broken")) == []


def test_shards_check_each_file_once_and_a_run_without_finds_all(check, tmp_path):
    parts = [check(shard=Shard(index, 2))[0] for index in (1, 2)]
    assert sorted([*parts[0], *parts[1]]) == FILES
    assert all(parts)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"journal.1-of-2.jsonl", "journal.2-of-2.jsonl"}
    checks, steps = check()
    assert steps.seen == [("decoding files", 6, 6)]
    assert list(checks) == FILES
    assert checks == {**parts[0], **parts[1]}


def test_what_fails_for_a_passing_reason_is_tried_again(check, monkeypatch):
    def locked(path, max_seconds):
        raise UndecodableMediaError(f"{path} is locked") from PermissionError(errno.EACCES, "no")

    with monkeypatch.context() as patch:
        patch.setattr("macbdf_mm.prepare.audit.check_files.measure_file", locked)
        checks, _ = check(FILES[:2], num_workers=0, time_limit_seconds=None)
    assert all(found.error.endswith("is locked") for found in checks.values())
    checks, steps = check(FILES[:2])
    assert steps.num_decoded == 2
    assert all(found.measures for found in checks.values())
