import fcntl
import json
import os
import subprocess
import sys
import time
import tracemalloc

import pytest

from macbdf_mm.errors import ConfigError, MissingDataError, UnwritableFileError
from macbdf_mm.utils.journal import Journal, journal_files, merge_journals
from macbdf_mm.utils.shard import Shard

DONE = {"status": "done", "value": 1}


def value(number):
    return {"status": "done", "value": number}


def test_entries_are_found_by_key_and_stamp_at_once_and_later(tmp_path):
    path = tmp_path / "new" / "journal.jsonl"
    with Journal(path) as journal:
        journal.add("a", [1, 2], value(1))
        journal.add("ä\n\ud800", {"b": 1, "a": 2}, value({"x": [None, "ü"]}))
        assert journal.find("a", (1, 2)) == value(1)
        assert journal.find("a", [1, 3]) is None
    journal = Journal(path)
    assert len(journal) == 2
    assert journal.find("a", [1, 2]) == value(1)
    assert journal.find("ä\n\ud800", {"a": 2, "b": 1}) == value({"x": [None, "ü"]})
    assert journal.find("b", [1, 2]) is None


def test_the_newest_entry_counts_and_other_stamps_stay(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        for stamp, number in ((1, 10), (2, 20), (1, 11)):
            journal.add("a", stamp, value(number))
    journal = Journal(path)
    assert [journal.find("a", stamp) for stamp in (1, 2)] == [value(11), value(20)]


def test_half_a_line_is_passed_over_and_the_next_stands_apart(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.add("a", None, value(1))
        journal.add("b", None, value(2))
    path.write_bytes(path.read_bytes()[:-9])
    with Journal(path) as journal:
        assert journal.find("b", None) is None
        journal.add("c", None, value(3))
    journal = Journal(path)
    assert [journal.find(key, None) for key in "abc"] == [value(1), None, value(3)]


@pytest.mark.parametrize("line", ["[1, 2]", "3", '{"key": "a"}', "\x00\xff", ""])
def test_lines_of_other_formats_are_passed_over(tmp_path, line):
    path = tmp_path / "journal.jsonl"
    good = json.dumps({"key": "a", "stamp": 1, **DONE})
    path.write_text(f"{line}\n{good}\n", encoding="latin-1")
    assert Journal(path).find("a", 1) == DONE


def test_what_json_cannot_hold_is_refused_and_nothing_written(tmp_path):
    with Journal(tmp_path / "journal.jsonl") as journal, pytest.raises(TypeError):
        journal.add("a", None, value(object()))
    assert (tmp_path / "journal.jsonl").read_text() == ""


def test_shards_write_apart_and_are_read_together(tmp_path):
    path = tmp_path / "journal.jsonl"
    for index in (1, 2):
        with Journal(path, Shard(index, 2)) as journal:
            journal.add(f"{index}", None, value(index))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "journal.1-of-2.jsonl",
        "journal.2-of-2.jsonl",
    ]
    with Journal(path) as journal:
        assert [journal.find(f"{index}", None) for index in (1, 2)] == [value(1), value(2)]
        journal.add("2", None, value(22))
    assert Journal(path, Shard(3, 4)).find("2", None) == value(22)


def test_journals_of_other_names_are_not_read(tmp_path):
    for name in ("journal2.1-of-2.jsonl", "x.jsonl", "journal.jsonl.part"):
        (tmp_path / name).write_text(json.dumps({"key": "a", "stamp": None, **DONE}) + "\n")
    assert len(Journal(tmp_path / "journal.jsonl")) == 0


def test_names_with_wildcards_are_names(tmp_path):
    path = tmp_path / "[a].jsonl"
    with Journal(path, Shard(1, 2)) as journal:
        journal.add("a", None, DONE)
    assert Journal(path).find("a", None) == DONE


def test_two_processes_never_write_one_file(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path), pytest.raises(ConfigError, match="Another process is writing"):
        Journal(path).__enter__()
    with Journal(path), Journal(path, Shard(1, 2)):
        pass


def test_the_disk_is_forced_within_a_second_and_at_the_end(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(time.monotonic()), fsync(fd)))
    with Journal(tmp_path / "journal.jsonl") as journal:
        begin = time.monotonic()
        for number in range(100):
            journal.add(f"{number}", None, DONE)
        assert not synced
        while not synced and time.monotonic() < begin + 5:
            time.sleep(0.01)
        assert 0.9 < synced[0] - begin < 3
        time.sleep(1.2)
        assert len(synced) == 1  # Nothing new, nothing to force.
        journal.add("last", None, DONE)
    assert len(synced) == 2


def test_an_entry_is_with_the_system_when_add_returns(tmp_path):
    path = tmp_path / "journal.jsonl"
    script = (
        "import os, sys\nfrom macbdf_mm.utils.journal import Journal\n"
        "with Journal(sys.argv[1]) as journal:\n"
        "    journal.add('a', None, {'status': 'done', 'value': 1})\n    os._exit(0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", script, str(path)], env=environment, check=True)
    assert Journal(path).find("a", None) == DONE


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    with Journal(tmp_path / "journal.jsonl") as journal:
        full = open("/dev/full", "wb")  # noqa: SIM115
        monkeypatch.setattr(journal, "_file", full)
        with pytest.raises(UnwritableFileError, match=r"journal.jsonl cannot be written .no space"):
            journal.add("a", None, DONE)
        monkeypatch.undo()


def test_memory_holds_places_and_not_values(tmp_path):
    path = tmp_path / "journal.jsonl"
    with path.open("w") as file:
        for number in range(3000):
            entry = {"key": f"{number}", "stamp": 1, "status": "done", "value": "x" * 2000}
            file.write(json.dumps(entry) + "\n")
    tracemalloc.start()
    journal = Journal(path)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(journal) == 3000
    assert size < 3000 * 300


def test_merging_makes_one_file_of_the_newest_entries(tmp_path):
    path, away = tmp_path / "journal.jsonl", tmp_path / "away" / "x.jsonl"
    with Journal(away) as journal:
        journal.add("a", 1, value(0))
        journal.add("c", 1, value(3))
    for index in (1, 2):
        with Journal(path, Shard(index, 2)) as journal:
            journal.add("a", 1, value(index))
            journal.add("b", index, value(10 * index))
        os.utime(journal.path, ns=(index, index))
    assert merge_journals(path, [away]) == 4
    assert [file.name for file in journal_files(path)] == ["journal.jsonl"]
    assert away.exists()
    journal = Journal(path)
    asked = [("a", 1), ("b", 1), ("b", 2), ("c", 1)]
    assert [journal.find(*pair)["value"] for pair in asked] == [2, 10, 20, 3]
    assert merge_journals(path) == 4


def test_merging_nothing_or_what_is_written_is_refused(tmp_path):
    path = tmp_path / "journal.jsonl"
    with pytest.raises(MissingDataError, match="No journal at"):
        merge_journals(path)
    with Journal(path, Shard(1, 2)), pytest.raises(ConfigError, match="merge when it is done"):
        merge_journals(path)
    with pytest.raises(MissingDataError, match=r"No journal at .*gone.jsonl"):
        merge_journals(path, [tmp_path / "gone.jsonl"])
    assert journal_files(path) == [tmp_path / "journal.1-of-2.jsonl"]


def test_a_disk_that_is_full_to_the_end_is_one_sentence(tmp_path):
    path = tmp_path / "journal.jsonl"
    script = (
        "import resource, sys\nfrom macbdf_mm.utils.journal import Journal\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "with Journal(sys.argv[1]) as journal:\n"
        "    for number in range(100):\n"
        "        journal.add(str(number), None, {'status': 'done', 'value': 'x' * 100})\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", script, str(path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("macbdf_mm.errors.UnwritableFileError")
    assert "cannot be written (file too large)" in last
    with Journal(path) as journal:
        assert 20 < len(journal) < 40
        journal.add("after", None, DONE)
    assert Journal(path).find("after", None) == DONE


def test_the_newest_counts_wherever_it_stands(tmp_path):
    path = tmp_path / "journal.jsonl"
    for number, shard in enumerate((Shard(), Shard(1, 2), Shard())):
        with Journal(path, shard) as journal:
            journal.add("a", None, value(number))
        os.utime(journal.path, ns=(number, number))
        assert Journal(path).find("a", None) == value(number)


def test_begun_anew_reads_nothing_and_is_empty(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.add("a", None, DONE)
        with pytest.raises(ConfigError, match="Another process"), Journal(path, resume=False):
            pass
    with Journal(path, resume=False) as journal:
        assert journal.find("a", None) is None
        journal.add("b", None, DONE)
    journal = Journal(path)
    assert [journal.find(key, None) for key in "ab"] == [None, DONE]


def test_few_of_many_shards_are_open(tmp_path, monkeypatch):
    monkeypatch.setattr("macbdf_mm.utils.journal._MAX_READERS", 2)
    path = tmp_path / "journal.jsonl"
    for index in range(1, 7):
        with Journal(path, Shard(index, 6)) as journal:
            journal.add(f"{index}", None, value(index))
    before = len(os.listdir("/proc/self/fd"))
    with Journal(path) as journal:
        assert [journal.find(f"{index}", None) for index in range(1, 7)] == [
            value(index) for index in range(1, 7)
        ]
        assert len(os.listdir("/proc/self/fd")) <= before + 3
    assert len(os.listdir("/proc/self/fd")) == before


def test_merging_keeps_the_file_that_a_run_may_have_opened(tmp_path):
    path = tmp_path / "journal.jsonl"
    for shard in (Shard(), Shard(1, 2)):
        with Journal(path, shard) as journal:
            journal.add(str(shard), None, DONE)
    before = path.stat().st_ino
    assert merge_journals(path) == 2
    assert path.stat().st_ino == before
    with Journal(path), pytest.raises(ConfigError, match="Another process is writing"):
        merge_journals(path, [path.with_name("journal.jsonl")])


def test_sources_that_can_only_be_read_are_locked_as_network_folders_allow(tmp_path):
    path = tmp_path / "journal.jsonl"
    with Journal(path, Shard(1, 2)) as journal:
        journal.add("a", None, DONE)
    # Over NFS an exclusive lock needs a file that is open for writing.
    with journal.path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert merge_journals(path, [journal.path]) == 1
    assert journal_files(path) == [path]
