import os

import pytest

from macbdf_mm.prepare.faces.prepare_clip import ClipResult
from macbdf_mm.prepare.faces.result_journal import ResultJournal, read_results


def add(folder, shard, *results):
    with ResultJournal(folder, shard) as journal:
        for result in results:
            journal.add(result)
    return journal.path


def test_results_of_all_shards_are_read(tmp_path):
    one, two = ClipResult("a", "1", "found"), ClipResult("b", "2", "failed", "dark")
    add(tmp_path, (0, 2), one)
    add(tmp_path, (1, 2), two)
    assert read_results(tmp_path) == {"1": one, "2": two}
    assert read_results(tmp_path / "nowhere") == {}


def test_the_newest_of_a_clip_counts(tmp_path):
    old, new = ClipResult("a", "1", "failed", "dark"), ClipResult("a", "1", "found")
    path = add(tmp_path, (1, 2), old)
    os.utime(path, (1, 1))
    add(tmp_path, (0, 1), new)
    assert read_results(tmp_path) == {"1": new}
    add(tmp_path, (0, 1), old, new)
    assert read_results(tmp_path)["1"] == new


def test_a_half_written_line_costs_one_result(tmp_path):
    results = [ClipResult("ä", str(k), "found") for k in range(3)]
    path = add(tmp_path, (0, 1), *results)
    path.write_bytes(path.read_bytes()[:-20])
    assert set(read_results(tmp_path)) == {"0", "1"}
    add(tmp_path, (0, 1), results[2])
    assert set(read_results(tmp_path)) == {"0", "1", "2"}


def test_it_must_be_open(tmp_path):
    with pytest.raises(RuntimeError, match="`add` inside of a `with` block"):
        ResultJournal(tmp_path, (0, 1)).add(ClipResult("a", "1", "found"))
