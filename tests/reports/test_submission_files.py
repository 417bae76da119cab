import json
import math

import numpy as np
import pytest

from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.localisation.submission import read_localisation_submission
from macbdf_mm.evaluation.localisation import propose_intervals
from macbdf_mm.evaluation.score_file import ScoreSet, read_scores, write_scores
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores
from macbdf_mm.reports.submission_files import write_detection, write_localisation

NAN = math.nan


def window(file, start, score, *steps):
    labels = np.full(len(steps), -1)
    parts = dict.fromkeys(("video", "audio"), StepScores(np.array(steps), labels))
    return WindowScores(file, (start, start + 2.0), (score,) * 3, (-1, -1, -1), steps=parts)


SCORES = ScoreSet(
    gather_videos(
        [
            window("data/test/0.mp4", 0.0, 0.9, 0.1, 0.8, 0.9, 0.2),
            window("data/test/0.mp4", 1.0, 0.8, 0.7, 0.2, 0.4, 0.9),
            window("data/test/1.mp4", 0.0, NAN, NAN, NAN, NAN, NAN),
        ],
        "mean",
    ),
    dict.fromkeys(("overall", "video", "audio"), 0.5),
    proposals={"overall": ProposalSettings((0.3, 0.7), nms_sigma=0.3)},
)


@pytest.mark.parametrize("layout", ["lavdf", "avdeepfake1m"])
def test_proposals_come_back_from_the_file_of_each_evaluation(tmp_path, layout):
    write_scores(SCORES, tmp_path / "s.jsonl")
    scores = read_scores(tmp_path / "s.jsonl")
    assert write_localisation(scores, tmp_path / "p.json", layout, root="data") == 1
    content = json.loads((tmp_path / "p.json").read_text())
    assert list(content) == ["test/0.mp4", "test/1.mp4"]
    read = read_localisation_submission(content, list(content), layout)
    expected = propose_intervals(SCORES.videos, SCORES.proposals)["overall"].to_rows()[0]
    assert len(expected) == 3
    found = read.to_rows()[0]
    assert found[:3] == pytest.approx(expected, abs=1e-6)
    assert not found[3:].any()


def test_scores_of_files(tmp_path):
    said = r"1 file of 2 has no overall score, such as 'data/test/1\.mp4', .* --missing as-real or"
    with pytest.raises(MissingDataError, match=said):
        write_detection(SCORES, tmp_path / "d.txt", root="data/")
    write_detection(SCORES, tmp_path / "d.txt", root="data/", missing="as-real")
    assert (tmp_path / "d.txt").read_text() == "test/0.mp4;0.85\ntest/1.mp4;0\n"


def test_scores_without_time_steps_have_no_proposals(tmp_path):
    plain = gather_videos([WindowScores("a", (0.0, 1.0), (0.1, 0.2, 0.3), (1, 1, 1))])
    with pytest.raises(MissingDataError, match="no scores of time steps of 'overall'"):
        write_localisation(ScoreSet(plain, SCORES.thresholds), tmp_path / "p.json", "lavdf")
