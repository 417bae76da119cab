import re

import numpy as np
import pytest

from macbdf_mm.apis.prediction import Prediction, failed_prediction
from macbdf_mm.reports.video_page import annotation_of, render_video_page, write_video_page
from macbdf_mm.structures.window_saliency import WindowSaliency

NAN = float("nan")
THRESHOLDS = {"overall": 0.5, "video": 0.4, "audio": 0.6}
EVIL = "a\"b'<script>alert(1)</script>\n\udcff.mp4"


def predicted(file="clip.mp4", seconds=4.0, **fields):
    """Windows of 1 s; the video stands out from 1 to 2 s."""
    starts = np.arange(seconds)
    windows = [(s, s + 1, 0.8 if s == 1 else 0.2, 0.9 if s == 1 else 0.1, 0.3) for s in starts]
    steps = {
        "video": [[0.1, 0.95, 0.9, 0.1] if s == 1 else [0.1] * 4 for s in starts],
        "audio": [[0.2] * 4 for _ in starts],
    }
    record = Prediction(
        file=file,
        status="ok",
        error=None,
        scores={"overall": 0.45, "video": 0.6, "audio": 0.3},
        windows=[(float(s), float(e), *rest) for s, e, *rest in windows],
        steps=steps,
        thresholds=THRESHOLDS,
        verdict="parts flagged",
        warnings=["the weights are small"],
        unseen_share=0.0,
        flagged={"overall": [], "video": [(1.0, 2.0)], "audio": []},
        false_alarm_bound=0.05,
        intervals=[
            {"track": "video", "start": 1.25, "end": 1.75, "score": 0.8},
            {"track": "video", "start": 3.0, "end": 3.5, "score": 0.1},
        ],
        raw_scores={"overall": 0.4, "video": 0.5, "audio": 0.3},
    ).to_json()
    return record | fields


def failed(error="clip.mp4 is empty.", **fields):
    return failed_prediction("clip.mp4", error, THRESHOLDS, []).to_json() | fields


def saliency_of(track="video"):
    return WindowSaliency(
        track=track,
        span_seconds=(1.0, 2.0),
        method="gradients",
        frames=np.full((4, 16, 16, 3), 90, np.uint8),
        frame_weights=np.random.default_rng(0).random((4, 16, 16), np.float32),
        spectrogram=np.zeros((8, 20), np.float32),
        spectrogram_weights=np.ones((8, 20), np.float32),
    )


def test_the_page_tells_verdict_places_and_origin(make_clip, read_page):
    origin = {
        "checkpoint": "best.pth",
        "weights_sha256": "0f" * 32,
        "training_data": {"dataset": "demo", "synthetic": True},
        "versions": {"torch": "2.11"},
        "settings": {"stride": "0.5 s"},
    }
    document = render_video_page(predicted(), make_clip(seconds=4.0), origin, [saliency_of()])
    page = read_page(document)
    for words in (
        "Parts look forged",
        "the score of 0.45 is below",
        "The weights are small.",
        "Video: 0.60 reaches the threshold of 0.40",
        "Audio: 0.30 is below the threshold of 0.60",
        "Stands out from real files at 1.0 to 2.0 s.",
        # The proposal of 0.1 says nothing beside one of 0.8.
        "If anything is forged, most likely at (scores from 0 to 1): 1.2 to 1.8 s (0.80).",
        "Highest score of a window 0.90, at 1.0 to 2.0 s; lowest 0.10; 1 of 4 windows reach the",
        "Every part of the file was looked at in at least one track.",
        "The weights were trained on demo, which is synthetic.",
        "0f" * 32,
        "torch 2.11",
        "no ground for accusing a person",
        "by gradients",
        "Video score, 1.0 to 2.0 s",
    ):
        assert words in page.text
    # Key frames at the peaks, frames and sound of the window, the sound of the file.
    assert sum(alt.startswith("Frame at") for alt in page.pictures) >= 2
    assert "1.4 s · video 0.95" in page.text
    assert all(page.pictures)
    assert "Mel spectrogram" in page.text


def test_it_needs_no_other_file_no_script_and_no_network(make_clip):
    document = render_video_page(predicted(), make_clip(seconds=4.0), None, [saliency_of()])
    assert not re.search(r"""(src|href|srcset)=["'](?!data:)|url\(|@import|<script""", document)


@pytest.mark.parametrize("name", [EVIL, "x" * 255, "../../../etc/passwd", ""])
def test_names_are_inert(read_page, name):
    origin = {"checkpoint": name, "settings": {name: name}, "training_data": {"dataset": name}}
    record = predicted(name, warnings=[name], flagged={})
    document = render_video_page(record, None, origin, name or "Not computed.")
    assert "<script" not in document
    page = read_page(document)
    assert "script" not in page.tags
    assert "The file itself was not at hand" in page.text


def test_a_name_that_is_not_utf_8_is_written_with_escapes(tmp_path, read_page):
    path = write_video_page(tmp_path / "page.html", predicted("a\udcff.mp4"), None)
    assert "a\\udcff.mp4" in read_page(path.read_text(encoding="utf-8")).text


@pytest.mark.parametrize(
    ("record", "headline", "words"),
    [
        (failed(), "Not scored", "clip.mp4 is empty."),
        (
            failed(
                "All of it is silent.",
                status="not judged",
                unusable={
                    "audio": {
                        "num_windows": 3,
                        "share": 1.0,
                        "reasons": ["silent"],
                        "intervals": [(0.0, 2.0)],
                    }
                },
            ),
            "Not judged",
            "Of the audio, 3 windows (100%) were left out as silent: 0.0 to 2.0 s.",
        ),
    ],
)
def test_a_file_without_a_verdict_has_a_page_that_says_why(read_page, record, headline, words):
    page = read_page(render_video_page(record, None))
    assert headline in page.text
    assert words in page.text
    assert "Likely forged" not in page.text


def test_a_file_that_cannot_be_read_any_more_keeps_its_scores(tmp_path, read_page):
    page = read_page(render_video_page(predicted(), tmp_path / "gone.mp4"))
    assert "Pictures and sound could not be read for this page" in page.text
    assert "Parts look forged" in page.text


def test_unseen_parts_are_hatched_and_told(read_page):
    record = predicted()
    record["windows"] = [
        [*w[:3], None, w[4]] if 1 < w[0] < 3 else list(w) for w in record["windows"]
    ]
    document = render_video_page(record, None)
    assert "Not seen or left out at 2.0 to 3.0 s." in read_page(document).text
    assert 'class="unseen" style="left:50.0%;width:25.0%"' in document


def test_a_model_without_a_frame_level_head(read_page):
    page = read_page(render_video_page(predicted(steps={}, intervals=None), None))
    assert "time steps" not in page.text
    assert "overall 0.80" in page.text  # Peaks are those of the windows.


def test_the_page_of_an_hour_is_small(read_page):
    rng = np.random.default_rng(0)
    record = predicted(seconds=3600.0)
    count = len(record["windows"])
    record["windows"] = [
        [w[0], w[1], *scores]
        for w, scores in zip(record["windows"], rng.random((count, 3)), strict=True)
    ]
    record["steps"] = {t: rng.random((count, 8)).tolist() for t in ("video", "audio")}
    record["flagged"] = {
        t: [(10.0 * k, 10.0 * k + 1) for k in range(360)] for t in ("overall", "video", "audio")
    }
    record["intervals"] = [
        {"track": t, "start": 30.0 * k, "end": 30.0 * k + 3, "score": 0.9}
        for t in ("overall", "video", "audio")
        for k in range(100)
    ]
    document = render_video_page(record, None)
    assert len(document) < 200_000
    text = read_page(document).text
    assert "and 352 more places" in text
    assert text.count(" to ") < 60


def test_faces_and_cuts_are_told(read_page):
    face = {"scores": {"overall": 0.45}, "span": [0.0, 4.0], "box": [0.25, 0.1, 0.5, 0.6]}
    faces = [{**face, "id": 1}, {**face, "id": 2, "scores": {"overall": None}}]
    record = predicted(
        looked_at="faces", faces=faces, worst_face=1, cuts=[1.5, 3.0], cut_windows=[1]
    )
    text = read_page(render_video_page(record, None)).text
    assert "2 faces looked at" in text
    assert "those of face 1, the highest" in text
    assert "Face 1, 0.0 to 4.0 s: overall 0.45; it lies 25% to 50% from the left" in text
    assert "Face 2, 0.0 to 4.0 s: not judged" in text
    assert "2 cuts at 1.5 s, 3.0 s; 1 window with a cut." in text


def test_the_time_axis_is_that_of_the_file_and_not_of_the_worst_face(read_page):
    record = predicted(media={"duration_seconds": 8.0}, flagged={"video": [(6.0, 7.0)]})
    document = render_video_page(record, None)
    assert "Length: 8.0 s" in read_page(document).text
    assert 'class="unseen" style="left:50.0%;width:50.0%"' in document
    assert 'style="left:75.0%;width:12.5%"' in document
    assert annotation_of(record).duration_seconds == 8.0


def test_a_video_that_is_called_real_has_no_boxes():
    assert annotation_of(predicted()).proposals["video"] == [(1.25, 1.75)]
    assert not annotation_of(predicted(verdict="real")).proposals


@pytest.mark.parametrize(
    ("looked_at", "words"),
    [("whole frames", "faces were not looked for"), ("no face", "the sound alone is scored")],
)
def test_what_of_the_pictures_was_scored_is_told(read_page, looked_at, words):
    assert words in read_page(render_video_page(predicted(looked_at=looked_at), None)).text
