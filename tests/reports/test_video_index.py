import pytest

from macbdf_mm.reports import video_index
from macbdf_mm.reports.video_index import VideoIndex
from macbdf_mm.utils.shard import Shard


def record(file, score=0.5, status="ok"):
    return {
        "file": file,
        "status": status,
        "error": None if status == "ok" else "gone",
        "verdict": "real" if status == "ok" else None,
        "scores": {"overall": score, "video": score, "audio": None},
        "thresholds": {"overall": 0.9, "video": 0.9, "audio": 0.9},
        "unseen_share": 0.0,
    }


def test_the_highest_scores_come_first_and_failures_last(tmp_path, read_page):
    with VideoIndex(tmp_path, caveats=["small weights"]) as index:
        index.add(record("bad.mp4", None, "error"), "bad.html")
        index.add(record("low.mp4", 0.1), "low.html")
        index.add(record("blank.mp4", None, "not judged"), "blank.html")
        index.add(record("high.mp4", 0.8), "high.html", "../videos/high one.mp4")
    page = read_page(index.path.read_text())
    assert [row[0] for row in page.tables[0]] == [
        "file",
        "high.mp4",
        "low.mp4",
        "blank.mp4",
        "bad.mp4",
    ]
    assert page.tables[0][1][1:] == ["✓ No sign of forgery found", "0.80", "0.80", "", "video"]
    assert "4 files" in page.text
    assert "Small weights." in page.text
    assert 'href="../videos/high%20one.mp4"' in index.path.read_text()


def test_names_are_inert_and_need_not_be_utf_8(tmp_path, read_page):
    with VideoIndex(tmp_path) as index:
        index.add(record("<script>\"'\n\udcff.mp4"), "a.html")
    document = index.path.read_text(encoding="utf-8")
    assert "<script" not in document
    assert read_page(document).tables[0][1][0] == "<script>\"'\\n\\udcff.mp4"


def test_folders_need_not_be_utf_8(tmp_path):
    with VideoIndex(tmp_path) as index:
        index.add(record("a.mp4"), "a.html", "../\udcff/a.mp4")
    assert 'href="../%FF/a.mp4"' in index.path.read_text()


def test_many_files_take_several_pages(tmp_path, read_page, monkeypatch):
    monkeypatch.setattr(video_index, "ROWS_PER_PAGE", 2)
    for count, expected in ((5, 3), (3, 2)):
        with VideoIndex(tmp_path) as index:
            for number in range(count):
                index.add(record(f"{number}.mp4", number / 10), f"{number}.html")
        # Pages of the run before, which had more files, are gone.
        assert len(list(tmp_path.glob("index*.html"))) == expected
    second = (tmp_path / "index-2.html").read_text()
    assert [row[0] for row in read_page(second).tables[0][1:]] == ["0.mp4"]
    assert 'href="index.html"' in second


def test_a_file_that_is_added_twice_stands_once_and_a_stop_is_told(tmp_path, read_page):
    index = VideoIndex(tmp_path, Shard(2, 3))
    index.add(record("a.mp4", 0.1), "a.html")
    index.add(record("a.mp4", 0.7), "a.html")
    with pytest.raises(KeyboardInterrupt), index:
        raise KeyboardInterrupt
    assert index.path.name == "index.2-of-3.html"
    page = read_page(index.path.read_text())
    assert [row[2] for row in page.tables[0][1:]] == ["0.70"]
    assert "the run was stopped" in page.text
