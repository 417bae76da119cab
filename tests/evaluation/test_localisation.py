import math
from dataclasses import replace

import numpy as np
import pytest

from macbdf_mm.evaluation.functional.localisation.average_precision import localise
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.localisation.segments import Segments
from macbdf_mm.evaluation.localisation import (
    MEASURED,
    fit_proposal_settings,
    known_forgeries,
    measure_localisation,
    propose_intervals,
    timelines,
)
from macbdf_mm.evaluation.scored_clips import fill_missing
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import StepScores, WindowScores

NAN = math.nan
SPANS = [(0.0, 1.0), (0.5, 1.5), (1.0, 2.0)]


def steps(*scores):
    return StepScores(np.array(scores), np.full(len(scores), -1))


def clip(file, video, audio, forgeries, score=0.5, duration=1.9):
    """The windows of a clip whose four steps a second score as ``video`` and ``audio`` say."""
    windows = []
    for start, end in SPANS:
        parts = {
            track: steps(*(of(start + (k + 0.5) / 4) for k in range(4)))
            for track, of in (("video", video), ("audio", audio))
        }
        triple = tuple(
            NAN if track and np.isnan(parts[track].scores).all() else score
            for track in (None, "video", "audio")
        )
        windows.append(
            WindowScores(
                file, (start, end), triple, (int(any(forgeries.values())), -1, -1), steps=parts,
                duration_seconds=duration, forgeries=forgeries,
            )
        )  # fmt: skip
    return windows


def within(start, end, high=0.9, low=0.1):
    return lambda second: high if start < second < end else low


def nothing(second):
    return 0.1


def unseen(second):
    return NAN


VIDEOS = gather_videos(
    [
        *clip("a", within(0.5, 1.0), nothing, {"video": ((0.5, 1.0),), "audio": ()}),
        *clip("b", nothing, nothing, {"video": (), "audio": ()}, 0.1),
        *clip("c", within(0.25, 1.0), within(1.25, 1.9), {"video": ((0.25, 1.1),)}),
        *clip("d", unseen, within(0.0, 1.9), {"video": ((0.3, 1.0),), "audio": ((0.0, 1.9),)}),
    ],
    "mean",
)


def test_windows_are_merged_and_the_overall_step_is_the_higher_track():
    found = timelines(VIDEOS)
    assert list(found) == ["overall", "video", "audio"]
    rows = found["video"].to_rows()
    assert rows[0][:, 0].tolist() == [0.25 * k for k in range(8)]
    assert rows[0][:, 2] == pytest.approx([0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1])
    assert rows[0][-1, 1] == 1.9, "the last step ends with the clip"
    assert len(rows[3]) == 0, "nothing is known of a track that was not seen"
    both = np.maximum(rows[2][:, 2], found["audio"].to_rows()[2][:, 2])
    assert found["overall"].to_rows()[2][:, 2] == pytest.approx(both)


def test_proposals_of_each_track():
    found = propose_intervals(VIDEOS, {"audio": ProposalSettings(thresholds=(0.95,))})
    assert found["video"].to_rows()[0] == pytest.approx(np.array([[0.5, 1.0, 0.9]]))
    assert len(found["video"].to_rows()[3]) == 0
    assert found["audio"].files.size == 0, "its settings are its own"
    assert sorted(found["overall"].to_rows()[2][:, :2].tolist()) == [[0.25, 1.0], [1.25, 1.9]]


def test_overall_forgeries_are_known_where_those_of_both_tracks_are():
    found = known_forgeries(VIDEOS)
    assert found["video"][1].tolist() == [True] * 4
    assert found["audio"][1].tolist() == found["overall"][1].tolist() == [True, True, False, True]
    assert found["overall"][0].to_rows()[3][:, :2].tolist() == [[0.0, 1.9]]


def test_figures_are_those_of_the_proposals_of_the_clips_that_are_measured():
    found = measure_localisation(VIDEOS, {}, num_resamples=20)
    # Of "d" the video was not seen, so it is not measured.
    given = Segments.from_files([[[0.5, 1.0, 0.9]], [], [[0.25, 1.0, 0.9]]])
    wanted = Segments.from_files([[[0.5, 1.0]], [], [[0.25, 1.1]]])
    video = found["video"]
    assert (video.num_videos, video.num_labelled, video.num_forgeries) == (3, 4, 2)
    for convention in ("exact", "avdeepfake1m"):
        expected = localise(given, wanted, convention, MEASURED)
        measured = video.figures[convention]
        assert {name: measured[name] for name in expected} == pytest.approx(expected)
        names = [f"ap@{iou:g}" for iou in (0.5, 0.75, 0.9, 0.95)]
        ap = sum(expected[name] for name in names) / 4
        ar = sum(expected[f"ar@{number}"] for number in (50, 30, 20, 10, 5)) / 5
        assert measured["challenge_score"] == pytest.approx(ap / 2 + ar / 2)
    assert {"ap@0.5_low", "ar@5_high"} < set(video.figures["exact"])
    assert not any(name.endswith("_low") for name in video.figures["avdeepfake1m"])
    assert video.step_seconds == 0.25
    # 0.25 to 1.1 s in steps of 0.25 s is 0.25 to 1 s: one of two, which are equally sure, hits.
    assert video.best["exact"] == {"ap@0.5": 1.0, "ap@0.75": 1.0, "ap@0.9": 0.25, "ap@0.95": 0.25}
    assert found["audio"].num_whole == 1
    assert found["overall"].num_partly_seen == 0


def test_clips_that_were_not_seen_count_as_missed_where_the_policy_says_so():
    filled = fill_missing(VIDEOS, "as-fake")
    found = measure_localisation(filled, {}, 0)["video"]
    # The label of the video is unknown here, so "d" keeps no score.
    assert found.num_videos == 3
    labelled = [
        type(video)(**{**vars(video), "labels": {"overall": 1, "video": 1, "audio": 1}})
        for video in VIDEOS
    ]
    found = measure_localisation(fill_missing(labelled, "as-fake"), {}, 0)["video"]
    assert (found.num_videos, found.num_partly_seen) == (4, 1)
    assert found.figures["exact"]["ap@0.5"] == pytest.approx(2 / 3)


def test_a_window_that_was_seen_in_part_was_seen():
    steps = VIDEOS[0].windows[0].steps
    part = {t: s._replace(scores=np.append(NAN, s.scores[1:])) for t, s in steps.items()}
    windows = (replace(VIDEOS[0].windows[0], steps=part), *VIDEOS[0].windows[1:])
    found = measure_localisation([replace(VIDEOS[0], windows=windows), *VIDEOS[1:]], {}, 0)
    assert found["video"].num_partly_seen == 0


def test_settings_are_fitted_by_track_where_there_are_forgeries():
    # Steps that find nothing at the default threshold of 0.5.
    videos = gather_videos(
        [
            window
            for k in range(6)
            for window in clip(
                str(k),
                within(0.25 * k, 0.25 * k + 0.5, 0.35, 0.05),
                nothing,
                {"video": ((0.25 * k, 0.25 * k + 0.5),), "audio": ()},
                duration=2.0,
            )
        ],
        "mean",
    )
    fitted = fit_proposal_settings(videos)
    assert set(fitted) == {"overall", "video"}, "no forgery of the audio"
    unfitted = measure_localisation(videos, {}, 0)["video"]
    found = measure_localisation(videos, fitted, 0)["video"]
    assert unfitted.figures["exact"]["ap@0.95"] == 0.0
    assert found.figures["exact"]["ap@0.95"] == 1.0


def test_without_a_frame_level_head_there_is_nothing():
    videos = gather_videos([WindowScores("a", (0.0, 1.0), (0.1, 0.2, 0.3), (1, 1, 1))])
    assert timelines(videos) == {}
    assert fit_proposal_settings(videos) == {}
    assert measure_localisation(videos, {}) == {}


def test_forgeries_that_move_with_the_window_are_not_known():
    first, *others = clip("a", nothing, nothing, {"video": ((0.5, 1.0),), "audio": ()})
    moved = [type(w)(**{**vars(w), "forgeries": {"video": (), "audio": ()}}) for w in others]
    assert gather_videos([first, *moved])[0].forgeries == {"audio": ()}
