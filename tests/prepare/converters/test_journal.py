import pytest

from macbdf_mm.prepare.converters import journal as journal_module
from macbdf_mm.prepare.converters.journal import Journal
from macbdf_mm.prepare.converters.media_tree import FileStamp

STAMPS = [FileStamp(10, 123)]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new folder" / "out.journal.jsonl"
    with Journal(path) as journal:
        journal.put("header", [("ä.mp4", STAMPS, {"x": 1}), ("b.mp4", STAMPS, {"x": 2})])
    return path


def test_results_are_known_again_in_the_next_run(path):
    journal = Journal(path)
    assert journal.get("header", "ä.mp4", STAMPS) == {"x": 1}
    assert journal.get("header", "c.mp4", STAMPS) is None
    assert journal.get("comparison", "ä.mp4", STAMPS) is None


@pytest.mark.parametrize("stamps", [[FileStamp(11, 123)], [FileStamp(10, 124)], STAMPS * 2])
def test_a_changed_file_is_looked_at_again(path, stamps):
    with Journal(path) as journal:
        assert journal.get("header", "b.mp4", stamps) is None
        journal.put("header", [("b.mp4", stamps, {"x": 3})])
        assert journal.get("header", "b.mp4", stamps) == {"x": 3}
    assert Journal(path).get("header", "b.mp4", stamps) == {"x": 3}


def test_half_a_line_of_a_killed_run_harms_neither_the_others_nor_the_next(path):
    path.write_bytes(path.read_bytes()[:-9])
    with Journal(path) as journal:
        assert journal.get("header", "ä.mp4", STAMPS) == {"x": 1}
        assert journal.get("header", "b.mp4", STAMPS) is None
        journal.put("header", [("b.mp4", STAMPS, {"x": 5})])
    assert Journal(path).get("header", "b.mp4", STAMPS) == {"x": 5}


def test_results_are_on_the_disk_at_once(path):
    with Journal(path) as journal:
        journal.put("header", [("c.mp4", STAMPS, {"x": 3})])
        assert Journal(path).get("header", "c.mp4", STAMPS) == {"x": 3}


def test_entries_of_another_version_are_measured_again(path, monkeypatch):
    monkeypatch.setattr(journal_module, "JOURNAL_VERSION", 2)
    assert Journal(path).get("header", "b.mp4", STAMPS) is None


def test_writing_needs_the_open_file(path):
    with pytest.raises(RuntimeError, match="inside of a `with` block"):
        Journal(path).put("header", [("c.mp4", STAMPS, {})])
