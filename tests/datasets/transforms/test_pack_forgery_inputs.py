import numpy as np
import pytest
import torch

from macbdf_mm.datasets.transforms import PackForgeryInputs

SPAN = (1.0, 2.0)


def results(
    label=0, video=0, audio=0, video_fakes=(), audio_fakes=(), video_valid=None, audio_valid=None
):
    """A span of 8 frames and 1000 samples, all ones."""
    return dict(
        imgs=[np.full((4, 6, 3), index + 1, np.uint8) for index in range(8)],
        video_valid=np.ones(8, bool) if video_valid is None else np.asarray(video_valid, bool),
        waveform=np.ones(1000, np.float32),
        audio_valid=np.ones(1000, bool) if audio_valid is None else np.asarray(audio_valid, bool),
        span_seconds=SPAN,
        file="a.mp4",
        label=label,
        video_label=video,
        audio_label=audio,
        video_fake_intervals=video_fakes,
        audio_fake_intervals=audio_fakes,
    )


def labels(**case):
    sample = PackForgeryInputs(4)(results(**case))["data_samples"]
    return int(sample.gt_label), int(sample.gt_video_label), int(sample.gt_audio_label)


def test_tensors_have_the_contracted_shapes_and_types():
    inputs = PackForgeryInputs(4)(results())["inputs"]
    assert inputs["video"].shape == (3, 8, 4, 6)
    assert inputs["video"].dtype == torch.uint8
    assert inputs["video"][0, :, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert inputs["video"].is_contiguous()
    assert (inputs["video_mask"].dtype, inputs["audio_mask"].dtype) == (torch.bool, torch.bool)
    assert inputs["waveform"].dtype == torch.float32


def test_what_is_not_valid_is_zero():
    half = [True] * 4 + [False] * 4
    inputs = PackForgeryInputs(4)(results(video_valid=half, audio_valid=np.arange(1000) < 300))[
        "inputs"
    ]
    assert inputs["video"][:, 4:].sum() == 0
    assert inputs["waveform"].sum() == 300


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, (0, 0, 0)),
        (dict(label=1, video=1), (1, 1, 0)),
        (dict(label=1, video=1, audio=1), (1, 1, 1)),
        (dict(label=1, video=1, video_fakes=((1.2, 1.5),)), (1, 1, 0)),
        # The forgery lies elsewhere: the span is real.
        (dict(label=1, video=1, video_fakes=((0.0, 0.9),)), (0, 0, 0)),
        (dict(label=1, video=1, video_fakes=((0.0, 1.05),)), (0, 0, 0)),
        # Only the clip is labelled.
        (dict(label=1, video=-1, audio=-1), (1, -1, -1)),
        (dict(label=0, video=-1, audio=-1), (0, -1, -1)),
        (dict(label=-1, video=-1, audio=-1), (-1, -1, -1)),
        # A fake clip with real video: the unknown sound must be what is fake.
        (dict(label=1, video=0, audio=-1), (1, 0, -1)),
        # The known forgery lies elsewhere, the sound is unknown.
        (dict(label=1, video=1, audio=-1, video_fakes=((0.0, 0.5),)), (-1, 0, -1)),
    ],
)
def test_labels_of_the_span(case, expected):
    assert labels(**case) == expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (dict(label=1, audio=1), (-1, 0, -1)),
        (dict(label=1, video=1, audio=1), (1, 1, -1)),
        (dict(label=0), (0, 0, -1)),
    ],
)
def test_a_track_that_is_not_seen_is_unknown(case, expected):
    assert labels(**case, audio_valid=np.zeros(1000)) == expected


def test_step_labels_follow_intervals_and_masks():
    sample = PackForgeryInputs(4)(
        results(
            label=1, video=1, audio=1, video_fakes=((1.25, 1.5),), audio_fakes=((1.5, 2.0),),
            video_valid=[True] * 6 + [False] * 2,
        )
    )["data_samples"]  # fmt: skip
    assert sample.gt_video_steps.tolist() == [0, 1, 0, -1]
    assert sample.gt_audio_steps.tolist() == [0, 0, 1, 1]


def test_the_clips_own_labels_are_meta_information():
    sample = PackForgeryInputs(4)(results(label=1, video=1, video_fakes=((0.0, 0.5),)))[
        "data_samples"
    ]
    assert (sample.clip_label, sample.clip_video_label, sample.clip_audio_label) == (1, 1, 0)
    assert (sample.file, sample.span_seconds) == ("a.mp4", SPAN)


def test_number_of_steps_is_checked():
    with pytest.raises(ValueError, match="`num_steps` > 0, got 0"):
        PackForgeryInputs(0)


def test_steps_are_whole_frames():
    with pytest.raises(ValueError, match="divide the number of frames, got 3 steps of 8 frames"):
        PackForgeryInputs(3)(results())


def test_frames_in_another_layout_are_refused():
    """As mmaction2's FormatShape leaves them; and one-channel frames."""
    clip = results()
    clip["imgs"] = np.stack(clip["imgs"]).transpose(3, 0, 1, 2)[None]  # (1, 3, T, H, W)
    with pytest.raises(ValueError, match=r"8 frames \(H, W, 3\), got .*\(1, 3, 8, .*FormatShape"):
        PackForgeryInputs(4)(clip)
    clip = results()
    clip["imgs"] = [frame[..., :1] for frame in clip["imgs"]]
    with pytest.raises(ValueError, match=r"8 frames \(H, W, 3\), got"):
        PackForgeryInputs(4)(clip)
