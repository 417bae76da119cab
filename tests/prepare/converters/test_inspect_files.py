import os
import signal
import time

import pytest
from recordings import record, save, swap_face

from macbdf_mm.media import comparison
from macbdf_mm.prepare.converters import inspect_files
from macbdf_mm.prepare.converters.inspect_files import CompareTracks, Inspector, ReadHeader
from macbdf_mm.prepare.converters.media_tree import MediaTree
from macbdf_mm.utils.journal import Journal
from macbdf_mm.utils.local_engine import LocalEngine
from macbdf_mm.utils.shard import Shard

HERE = LocalEngine(0)


@pytest.fixture
def root(tmp_path):
    recording = record(0)
    save(tmp_path / "original.mp4", recording)
    save(tmp_path / "fake.mp4", swap_face(recording, 1))
    save(tmp_path / "same.mp4", recording, with_sound=False)
    return tmp_path


@pytest.fixture
def calls():
    return []


@pytest.fixture
def inspect(root, calls):
    """Return a function that calls a method of an inspector of the files as they are now."""

    def run(method, files, engine=HERE, **options):
        options = {"progress": lambda *state: calls.append(state), **options}
        with Journal(root / "j.jsonl") as journal:
            inspector = Inspector(MediaTree(root), engine, journal, **options)
            return getattr(inspector, method)(files)

    return run


@pytest.mark.parametrize("num_workers", [0, 2])
def test_headers(inspect, root, calls, num_workers):
    (root / "empty.mp4").write_bytes(b"")
    headers = inspect("read_headers", MediaTree(root).media, LocalEngine(num_workers))
    assert "empty.mp4 is empty" in headers.pop("empty.mp4")["error"]
    assert {file: header["has_audio"] for file, header in headers.items()} == {
        "fake.mp4": True, "original.mp4": True, "same.mp4": False,
    }  # fmt: skip
    assert calls == [("headers", k, 4) for k in range(5)]


def test_comparisons_go_on_where_a_run_was_stopped(inspect, calls):
    def stop_after_one(what, finished, total):
        if finished == 1:
            raise KeyboardInterrupt

    fakes = {"original.mp4": ["fake.mp4"], "same.mp4": ["original.mp4"]}
    with pytest.raises(KeyboardInterrupt):
        inspect("compare_tracks", fakes, progress=stop_after_one)
    found = inspect("compare_tracks", fakes)
    assert calls == [("comparisons", 1, 2), ("comparisons", 2, 2)]
    assert found["fake.mp4"]["video_difference"] > 7
    assert found["original.mp4"]["video_difference"] < 2.5


@pytest.mark.parametrize("changed", ["same.mp4", "original.mp4"])
def test_what_changed_is_compared_again_the_others_are_not(inspect, root, calls, changed):
    fakes = {"original.mp4": ["fake.mp4", "same.mp4"]}
    first = inspect("compare_tracks", fakes)
    calls.clear()
    os.utime(root / changed, ns=(1, 1))
    assert inspect("compare_tracks", fakes) == first
    num_again = 1 if changed == "same.mp4" else 2
    assert calls == [("comparisons", k, 2) for k in range(2 - num_again, 3)]


def test_what_is_measured_otherwise_now_is_measured_again(inspect, calls, monkeypatch):
    fakes = {"original.mp4": ["fake.mp4"]}
    inspect("compare_tracks", fakes)
    calls.clear()
    monkeypatch.setattr(inspect_files, "_VERSION", inspect_files._VERSION + 1)
    inspect("compare_tracks", fakes)
    assert calls == [("comparisons", 0, 1), ("comparisons", 1, 1)]


def test_each_fake_is_compared_with_its_own_original_which_is_decoded_once(
    inspect, root, monkeypatch
):
    save(root / "other.mp4", record(1))
    save(root / "other_fake.mp4", record(1))
    decoded = []

    class Counted(comparison.OriginalTracks):
        def __init__(self, path):
            decoded.append(path.name)
            super().__init__(path)

    monkeypatch.setattr(comparison, "OriginalTracks", Counted)
    fakes = {"original.mp4": ["fake.mp4", "same.mp4"], "other.mp4": ["other_fake.mp4"]}
    found = inspect("compare_tracks", fakes)
    assert decoded == ["original.mp4", "other.mp4"]
    assert found["fake.mp4"]["video_difference"] > 7
    assert found["same.mp4"]["video_difference"] < 2.5
    assert found["other_fake.mp4"]["video_difference"] < 2.5


def test_an_original_that_cannot_be_read_is_named_and_the_next_one_is_not_taken_for_it(
    inspect, root
):
    (root / "broken.mp4").write_bytes(b"not a video")
    fakes = {"original.mp4": ["same.mp4"], "broken.mp4": ["fake.mp4", "original.mp4"]}
    found = inspect("compare_tracks", fakes)
    assert found["same.mp4"]["video_difference"] < 2.5
    for file in fakes["broken.mp4"]:
        assert list(found[file]) == ["error"]
        assert found[file]["error"].startswith("original: ")


def test_a_shard_looks_into_its_part_and_keeps_the_fakes_of_an_original_together(inspect, root):
    headers = [inspect("read_headers", MediaTree(root).media, shard=Shard(k, 2)) for k in (1, 2)]
    assert not headers[0].keys() & headers[1].keys()
    assert headers[0].keys() | headers[1].keys() == {"fake.mp4", "original.mp4", "same.mp4"}
    fakes = {"original.mp4": ["fake.mp4", "same.mp4"]}
    shards = [inspect("compare_tracks", fakes, shard=Shard(k, 2)) for k in (1, 2)]
    assert sorted(map(len, shards)) == [0, 2]


class Deadly(CompareTracks):
    """Dies at one fake and hangs at another, after it has decoded what it was told to."""

    def __call__(self, files):
        found = super().__call__(files)
        if files[1] == "deadly.mp4":
            os.kill(os.getpid(), signal.SIGKILL)
        if files[1] == "endless.mp4":
            time.sleep(600)
        return found


class DeadlyHeader(ReadHeader):
    def __call__(self, file):
        if file == "endless.mp4":
            time.sleep(600)
        return super().__call__(file)


def test_a_fake_that_kills_or_hangs_costs_itself_alone_and_all_keep_their_original(
    inspect, root, monkeypatch
):
    for name in ("deadly.mp4", "endless.mp4"):
        (root / name).write_bytes((root / "fake.mp4").read_bytes())
    good = {"original.mp4": ["fake.mp4", "same.mp4"], "same.mp4": ["original.mp4"]}
    expected = inspect("compare_tracks", good)
    (root / "j.jsonl").unlink()
    monkeypatch.setattr(inspect_files, "CompareTracks", Deadly)
    fakes = {
        "original.mp4": ["fake.mp4", "deadly.mp4", "endless.mp4", "same.mp4"],
        "same.mp4": ["original.mp4"],
    }
    found = inspect("compare_tracks", fakes, LocalEngine(2, time_limit_seconds=4.0))
    assert found.pop("deadly.mp4")["error"].startswith("deadly.mp4: its process was ended by SIGK")
    assert found.pop("endless.mp4")["error"].startswith("endless.mp4: not done within 4 s")
    # Compared alone after the death of the others, each still had its original.
    assert found == expected


def test_a_header_that_hangs_ends_at_the_limit(inspect, root, monkeypatch):
    (root / "endless.mp4").write_bytes(b"123")
    monkeypatch.setattr(inspect_files, "ReadHeader", DeadlyHeader)
    files = MediaTree(root).media
    found = inspect("read_headers", files, LocalEngine(1, time_limit_seconds=2.0))
    assert found.pop("endless.mp4")["error"].startswith("endless.mp4: not done within 2 s")
    assert all(header["has_video"] for header in found.values())
    assert len(found) == 3
