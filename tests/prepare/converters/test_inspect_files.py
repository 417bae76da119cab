import os
import signal

import pytest
from recordings import record, save, swap_face

from macbdf_mm.prepare.converters.inspect_files import (
    Job,
    _run_all,
    compare_tracks,
    read_headers,
)
from macbdf_mm.prepare.converters.journal import Journal
from macbdf_mm.prepare.converters.media_tree import MediaTree


@pytest.fixture
def tree(tmp_path):
    recording = record(0)
    save(tmp_path / "original.mp4", recording)
    save(tmp_path / "fake.mp4", swap_face(recording, 1))
    save(tmp_path / "same.mp4", recording, with_sound=False)
    return MediaTree(tmp_path)


@pytest.fixture
def calls():
    return []


@pytest.mark.parametrize("num_workers", [1, 2])
def test_headers(tree, tmp_path, calls, num_workers):
    with Journal(tmp_path / "j.jsonl") as journal:
        headers = read_headers(
            tree.media, tree, journal, num_workers, lambda *state: calls.append(state)
        )
    assert {file: header["has_audio"] for file, header in headers.items()} == {
        "fake.mp4": True, "original.mp4": True, "same.mp4": False,
    }  # fmt: skip
    assert calls == [("headers", 0, 3), ("headers", 3, 3)]


def test_comparisons_go_on_where_a_run_was_stopped(tree, tmp_path, calls):
    def stop_after_one(what, finished, total):
        if finished == 1:
            raise KeyboardInterrupt

    fakes = {"original.mp4": ["fake.mp4"], "same.mp4": ["original.mp4"]}
    with pytest.raises(KeyboardInterrupt), Journal(tmp_path / "j.jsonl") as journal:
        compare_tracks(fakes, tree, journal, 1, stop_after_one)
    with Journal(tmp_path / "j.jsonl") as journal:
        found = compare_tracks(fakes, tree, journal, 1, lambda *state: calls.append(state))
    assert calls == [("comparisons", 1, 2), ("comparisons", 2, 2)]
    assert found["fake.mp4"]["video_difference"] > 7
    assert found["original.mp4"]["video_difference"] < 2.5


def test_a_fake_that_changed_is_compared_again_the_others_are_not(tree, tmp_path, calls):
    fakes = {"original.mp4": ["fake.mp4", "same.mp4"]}
    with Journal(tmp_path / "j.jsonl") as journal:
        compare_tracks(fakes, tree, journal, 1, lambda *state: None)
    os.utime(tmp_path / "same.mp4", ns=(1, 1))
    with Journal(tmp_path / "j.jsonl") as journal:
        found = compare_tracks(
            fakes, MediaTree(tmp_path), journal, 1, lambda *state: calls.append(state)
        )
    assert calls == [("comparisons", 1, 2), ("comparisons", 2, 2)]
    assert found["same.mp4"]["video_difference"] < 2.5


def kill_at_bad(root, files):
    if "bad" in files:
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"name": file} for file in files if file != "shared"]


def test_a_file_that_kills_its_process_is_named_and_costs_no_other():
    jobs = [
        Job(("shared", "a", "bad", "b"), ("a", "bad", "b")),
        Job(("shared", "c"), ("c",)),
    ]
    found = {}
    for job, results in _run_all(kill_at_bad, "", jobs, num_workers=2):
        found |= dict(zip(job.answered, results, strict=True))
    assert found["bad"]["error"] == "bad: reading it kills the process."
    assert [found[name] for name in "abc"] == [{"name": name} for name in "abc"]
