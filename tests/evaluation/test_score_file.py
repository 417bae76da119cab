import json
import math

import numpy as np
import pytest

from macbdf_mm.errors import AnnotationError, MissingBackendError, MissingDataError
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.score_file import (
    ROW_KEYS,
    ScoreSet,
    meta_path,
    read_scores,
    write_scores,
)
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores

NAN = math.nan
STEPS = {
    "video": StepScores(np.array([0.1, NAN]), np.array([0, 1])),
    "audio": StepScores(np.array([1 / 3]), np.array([-1])),
}
FORGERIES = {"video": ((0.25, 1.0),), "audio": ()}
VIDEOS = gather_videos(
    [
        WindowScores("a", (0.0, 1.0), (0.1, 0.2, NAN), (0, 0, -1), steps=STEPS),
        WindowScores(
            "b", (0.0, 1.0), (0.9, 0.8, 0.7), (1, 1, 0), "FVRA", "m", "v", "a",
            path="data/b", dataset="tiny", columns={"identity": "anna", "source": "a"},
            duration_seconds=1.5, forgeries=FORGERIES,
        ),
        WindowScores(
            "b", (0.5, 1.5), (0.8, 0.7, 0.6), (1, 1, 0), "FVRA", "m", "v", "a",
            path="data/b", dataset="tiny", columns={"identity": "anna", "source": "a"},
            duration_seconds=1.5, forgeries=FORGERIES,
        ),
        # A name that is not UTF-8.
        WindowScores("c_\udcff", (0.0, 1.0), (NAN, NAN, NAN), (1, 1, 1), decode_error="0 bytes"),
        WindowScores("d", (0.0, 1.0), (NAN, NAN, NAN), (1, 1, 1)),
    ],
    "mean",
)  # fmt: skip
SCORES = ScoreSet(
    videos=VIDEOS,
    thresholds={"overall": 0.5, "video": 0.45, "audio": 0.55},
    is_threshold_fitted=True,
    aggregation="mean",
    proposals={"video": ProposalSettings((0.3, 0.7), nms_sigma=0.3)},
    origin={"weights_sha256": "12"},
)


def same(one, other):
    """Whether score files are equal; NaN equals NaN, and steps are as 32 bits hold them."""
    np.testing.assert_equal(
        [vars(video) | {"windows": None} for video in one.videos],
        [vars(video) | {"windows": None} for video in other.videos],
    )
    for first, second in zip(one.videos, other.videos, strict=True):
        for mine, theirs in zip(first.windows, second.windows, strict=True):
            np.testing.assert_equal(vars(mine) | {"steps": None}, vars(theirs) | {"steps": None})
            assert mine.steps.keys() == theirs.steps.keys()
            for track, steps in mine.steps.items():
                np.testing.assert_array_equal(
                    steps.scores.astype(np.float32), theirs.steps[track].scores.astype(np.float32)
                )
                np.testing.assert_array_equal(steps.labels, theirs.steps[track].labels)
    assert vars(one) | {"videos": 0} == vars(other) | {"videos": 0}
    return True


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "scores.jsonl"
    write_scores(SCORES, path)
    assert same(read_scores(path), SCORES)


def test_a_row_has_all_that_tables_need(tmp_path):
    write_scores(SCORES, tmp_path / "s.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text("utf-8").splitlines()]
    assert all(tuple(row) == ROW_KEYS for row in rows)
    assert [(row["file"], row["status"], row["reason"]) for row in rows] == [
        ("a", "ok", None),
        ("c_\udcff", "error", "0 bytes"),
        ("d", "missing", "neither track could be scored"),
        ("b", "ok", None),
    ]
    assert rows[3] == {
        "dataset": "tiny",
        "file": "b",
        "path": "data/b",
        "status": "ok",
        "reason": None,
        "labels": {"overall": 1, "video": 1, "audio": 0},
        "scores": {
            "overall": pytest.approx(0.85), "video": pytest.approx(0.75),
            "audio": pytest.approx(0.65),
        },
        "groups": {
            "category": "FVRA", "method": "m", "video_method": "v", "audio_method": "a",
            "identity": "anna", "source": "a",
        },
        "windows": [[0.0, 1.0, 0.9, 0.8, 0.7], [0.5, 1.5, 0.8, 0.7, 0.6]],
        "steps": {},
        "step_labels": {},
        "duration_seconds": 1.5,
        "forgeries": {"video": [[0.25, 1.0]], "audio": []},
        "raw_scores": None,
    }  # fmt: skip
    assert rows[0]["scores"]["audio"] is None
    assert rows[0]["steps"] == {"video": [[0.1, None]], "audio": [[0.33333334]]}
    assert rows[0]["step_labels"] == {"video": [[0, 1]], "audio": [[-1]]}


def test_the_file_beside_it_says_how_it_was_made(tmp_path):
    write_scores(SCORES, tmp_path / "s.jsonl")
    meta = json.loads((tmp_path / "s.meta.json").read_text())
    assert meta["num_clips"] == 4
    assert meta["thresholds"] == {"overall": 0.5, "video": 0.45, "audio": 0.55}
    assert meta["origin"] == {"weights_sha256": "12"}


def test_neither_the_order_nor_the_time_changes_a_byte(tmp_path):
    write_scores(SCORES, tmp_path / "s.jsonl")
    write_scores(ScoreSet(**{**vars(SCORES), "videos": VIDEOS[::-1]}), tmp_path / "t.jsonl")
    for suffix in ("jsonl", "meta.json"):
        first, second = (tmp_path / f"{name}.{suffix}" for name in "st")
        assert first.read_bytes() == second.read_bytes()


def test_names_of_unscored_clips_come_with_the_reason():
    assert SCORES.unscored == {"c_\udcff": "0 bytes", "d": "neither track could be scored"}
    assert [video.file for video in SCORES.scored] == ["a", "b"]
    assert SCORES.dataset == "tiny"


def test_a_missing_file_says_what_to_run(tmp_path):
    with pytest.raises(MissingDataError, match=r"No score file at .*none\.jsonl.*`macbdf test`"):
        read_scores(tmp_path / "none.jsonl")
    write_scores(SCORES, tmp_path / "s.jsonl")
    meta_path(tmp_path / "s.jsonl").unlink()
    with pytest.raises(MissingDataError, match=r"No score file at .*s\.meta\.json"):
        read_scores(tmp_path / "s.jsonl")


def test_a_file_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "s.jsonl"
    write_scores(SCORES, path)
    path.write_text(path.read_text().replace("0.9", "0.1"))
    with pytest.raises(AnnotationError, match=r"s\.jsonl' is not the file that .*s\.meta\.json"):
        read_scores(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [('"file"', '"fil"', "line 1: Object missing.*`file`"), ('"ok"', '"good"', "line 1: Invalid"),
     ("{", "", "JSONDecodeError")],
)  # fmt: skip
def test_another_file_is_refused(tmp_path, monkeypatch, old, new, said):
    path = tmp_path / "s.jsonl"
    write_scores(SCORES, path)
    path.write_text(path.read_text().replace(old, new))
    monkeypatch.setattr("macbdf_mm.evaluation.score_file._digest", lambda path: digest)
    digest = json.loads((tmp_path / "s.meta.json").read_text())["scores_sha256"]
    with pytest.raises(AnnotationError, match=f"s.jsonl' is not a score file.*{said}"):
        read_scores(path)


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a score file in \.jsonl or \.parquet, got 's\.json'"):
        write_scores(SCORES, "s.json")


def test_parquet_holds_the_same(tmp_path):
    scores = ScoreSet(**{**vars(SCORES), "videos": [v for v in VIDEOS if v.file.isascii()]})
    write_scores(scores, tmp_path / "s.parquet")
    assert same(read_scores(tmp_path / "s.parquet"), scores)
    with pytest.raises(ValueError, match=r"no names that are not UTF-8: use .*\.jsonl"):
        write_scores(SCORES, tmp_path / "t.parquet")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingBackendError, match="install the extra `parquet`"):
        write_scores(SCORES, tmp_path / "s.parquet")
    assert not list(tmp_path.iterdir())
