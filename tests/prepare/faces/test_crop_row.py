import pytest

from macbdf_mm.datasets import ClipRow, load_annotation, save_annotation
from macbdf_mm.prepare.faces.crop_row import crop_row

FACE = (0.2, 0.1, 0.8, 0.9)
FAKE = ClipRow(
    "a.mp4", 1, 1, 0, ((0.5, 1.5), (4.0, 4.6), (7.0, 8.0)), split="val", duration_seconds=9.0
)


def test_intervals_move_and_are_cut_to_the_crop():
    row = crop_row(FAKE, "crops/x.mp4", (1.0, 4.4), FACE)
    assert row.video_fake_intervals == ((0.0, 0.5), (3.0, 3.4))
    assert (row.label, row.video_label, row.audio_label) == (1, 1, 0)
    assert (row.file, row.source, row.split) == ("crops/x.mp4", "a.mp4", "val")
    assert row.duration_seconds == 3.4
    assert row.faces == ({"times_seconds": [0.0, 3.4], "boxes": [[*FACE]] * 2, "chosen": True},)
    assert row.extra == {"face_crop": {"file": "a.mp4", "start_seconds": 1.0, "end_seconds": 4.4}}


@pytest.mark.parametrize(
    ("labels", "span", "expected"),
    [
        # (clip, video, audio) of the row, the crop, and the same of the crop's row
        ((1, 1, 0), (2.0, 3.0), (0, 0, 0)),  # the forgeries lie outside, and the sound is real
        ((1, 1, -1), (2.0, 3.0), (-1, 0, -1)),  # ... and of the sound nothing is known
        ((1, 1, 1), (2.0, 3.0), (1, 0, 1)),
        ((1, 1, 0), (1.45, 3.0), (0, 0, 0)),  # too little of one to be seen
        ((1, 1, -1), (0.0, 9.0), (1, 1, -1)),
    ],
)
def test_labels_are_those_of_what_is_left(labels, span, expected):
    row = crop_row(ClipRow("a.mp4", *labels, ((0.5, 1.5), (4.0, 4.6))), "x.mp4", span, FACE)
    assert (row.label, row.video_label, row.audio_label) == expected


@pytest.mark.parametrize("labels", [(0, 0, 0), (1, -1, -1), (-1, -1, -1), (1, 1, 1), (0, -1, -1)])
def test_a_clip_that_is_labelled_as_a_whole_stays_so(labels):
    row = crop_row(ClipRow("a.mp4", *labels), "x.mp4", (2.0, 3.0), FACE)
    assert (row.label, row.video_label, row.audio_label) == labels


def test_the_source_of_a_fake_stays():
    assert (
        crop_row(ClipRow("a.mp4", 1, source="real.mp4"), "x.mp4", (0.0, 1.0), FACE).source
        == "real.mp4"
    )


def test_what_comes_out_is_a_valid_row(tmp_path):
    save_annotation(tmp_path / "a.json", {"dataset": "d"}, [crop_row(FAKE, "x", (1.0, 4.4), FACE)])
    assert load_annotation(tmp_path / "a.json").rows[0].category == "FVRA"
