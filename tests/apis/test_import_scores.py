import math

import pytest

from macbdf_mm.apis.import_scores import import_scores
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import AnnotationError, ConfigError, MissingDataError

ROWS = [
    ClipRow("test/a.mp4", 0, 0, 0, identity="anna", split="test"),
    ClipRow("test/b.mp4", 1, 1, 0, identity="ben", source="test/a.mp4", method="swap",
            split="test", extra={"gender": "m", "boxes": [1]}),
    ClipRow("more/b.mp4", 1, 1, 1, split="test"),
    ClipRow("test/c.mp4", 1, 0, 1, split="train"),
]  # fmt: skip


@pytest.fixture
def load(tmp_path):
    """Return a function that imports a table given as text."""
    save_annotation(tmp_path / "ann.json", {"dataset": "tiny"}, ROWS)

    def run(text, **options):
        (tmp_path / "their.csv").write_text(text)
        return import_scores(tmp_path / "their.csv", tmp_path / "ann.json", **options)

    return run


def test_scores_come_with_all_that_the_annotation_says(load):
    found = load("path,score,audio_score\ntest/b.mp4,0.75,0.5\n", split="test")
    assert [(v.file, v.status, v.problem) for v in found.scores.videos] == [
        ("test/a.mp4", "missing", "their.csv has no score for it"),
        ("test/b.mp4", "ok", "their.csv has no score for it"),
        ("more/b.mp4", "missing", "their.csv has no score for it"),
    ]
    video = found.scores.videos[1]
    assert (video.scores["overall"], video.scores["audio"]) == (0.75, 0.5)
    assert math.isnan(video.scores["video"])
    assert video.labels == {"overall": 1, "video": 1, "audio": 0}
    assert video.dataset == "tiny"
    assert video.groups == {
        "category": "FVRA", "method": "swap", "identity": "ben", "source": "test/a.mp4",
        "split": "test", "gender": "m",
    }  # fmt: skip
    assert found.scores.thresholds == dict.fromkeys(("overall", "video", "audio"), 0.5)
    assert set(found.scores.origin) == {
        "synthetic", "imported_sha256", "annotations", "split", "command", "versions",
        "logits_divided_by",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "file"),
    [("test/a.mp4", "test/a.mp4"), ("/their/data/./test/a.mp4", "test/a.mp4"),
     ("C:\\data\\test\\a.mp4", "test/a.mp4"), ("a.mp4", "test/a.mp4"),
     ("b.mp4", None), ("xtest/a.mp4", None), ("test/d.mp4", None)],
)  # fmt: skip
def test_paths_find_their_clip_or_none(load, path, file):
    found = load(f"path,score\n{path},0.5\nmore/b.mp4,0.5\n")
    scored = [video.file for video in found.scores.scored]
    assert scored == ([file] if file else []) + ["more/b.mp4"]
    assert found.unmatched == ([] if file else [path])


def test_columns_threshold_and_logits(load):
    found = load(
        "name;p\na.mp4;-3.5\nmore/b.mp4;0\n",
        path_column="name",
        score_column="p",
        are_logits=True,
        thresholds={"overall": 0.4, "video": 0.5, "audio": 0.5},
    )
    first, _, third, _ = found.scores.videos
    assert first.scores["overall"] == pytest.approx(1 / (1 + math.exp(3.5)))
    assert third.scores["overall"] == 0.5
    assert found.scores.thresholds["overall"] == 0.4


def test_large_logits_keep_their_order(load):
    text = "path,score\ntest/a.mp4,-300\ntest/b.mp4,98.5\nmore/b.mp4,99\ntest/c.mp4,\n"
    found = load(text, are_logits=True)
    first, second, third, _ = (video.scores["overall"] for video in found.scores.videos)
    assert 0 < first < 0.5 < second < third < 1
    assert found.divisor == pytest.approx(300 / 16.6, rel=0.01)
    assert found.scores.origin["logits_divided_by"] == found.divisor
    with pytest.raises(AnnotationError, match=r"line 2: expected a finite score, got inf\."):
        load("path,score\ntest/a.mp4,inf\n", are_logits=True)


def test_an_empty_cell_is_no_score(load):
    found = load("path,score\na.mp4,\nmore/b.mp4,nan\ntest/b.mp4,1\n")
    assert [video.file for video in found.scores.scored] == ["test/b.mp4"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("a.mp4,high", r"line 2: expected a score, got 'high'"),
     ("a.mp4,1.5", r"line 2: expected a score in \[0, 1\].*got 1\.5; --logits"),
     ("a.mp4,0.1\ntest/a.mp4,0.2", r"lines 2 and 3 both name the clip 'test/a\.mp4'")],
)  # fmt: skip
def test_wrong_rows_are_named(load, text, said):
    with pytest.raises(AnnotationError, match=said):
        load(f"path,score\n{text}\n")


def test_a_table_of_other_clips_is_refused(load):
    with pytest.raises(ConfigError, match=r"The only path .*'x\.mp4', names no .*'test/a\.mp4'"):
        load("path,score\nx.mp4,0.5\n")
    with pytest.raises(ConfigError, match=r"None of the 2 paths .*'x\.mp4', names a clip"):
        load("path,score\nx.mp4,0.5\ny.mp4,0.5\n")
    with pytest.raises(MissingDataError, match=r"has a heading, but no row with a score\."):
        load("path,score\n")
    with pytest.raises(MissingDataError, match="no clips of the split 'dev'"):
        load("path,score\na.mp4,0.5\n", split="dev")


def test_a_wrong_threshold_or_split_says_what_is_wanted(load):
    with pytest.raises(ConfigError, match=r"threshold in \[0, 1\], got 7: it is a P\(fake\), also"):
        load("path,score\na.mp4,3\n", thresholds={"overall": 7.0}, are_logits=True)
    with pytest.raises(MissingDataError, match="no clips of the split 'tets'; it has test, train"):
        load("path,score\na.mp4,0.5\n", split="tets")
