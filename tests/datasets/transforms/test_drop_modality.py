import numpy as np
import pytest

from macbdf_mm.datasets.transforms import DropModality, PackForgeryInputs


def make(video_label=0, audio_label=0, **fields):
    label = max(video_label, audio_label)
    return dict(
        imgs=[np.full((4, 4, 3), 9, np.uint8)] * 4,
        video_valid=np.ones(4, bool),
        waveform=np.full(100, 0.5, np.float32),
        audio_valid=np.ones(100, bool),
        span_seconds=(0.0, 1.0),
        label=label,
        video_label=video_label,
        audio_label=audio_label,
        video_fake_intervals=(),
        audio_fake_intervals=(),
        **fields,
    )


def test_labels_of_the_dropped_track_become_unknown():
    results = PackForgeryInputs(2)(DropModality(1.0, 0.0)(make(0, 1)))
    inputs, sample = results["inputs"], results["data_samples"]
    assert not inputs["video"].any()
    assert not inputs["video_mask"].any()
    assert inputs["audio_mask"].all()
    assert sample.gt_video_label.item() == -1
    assert sample.gt_video_steps.tolist() == [-1, -1]
    assert (sample.gt_audio_label.item(), sample.gt_label.item()) == (1, 1)


def test_the_whole_is_unknown_if_only_the_dropped_track_was_fake():
    sample = PackForgeryInputs(2)(DropModality(0.0, 1.0)(make(0, 1)))["data_samples"]
    assert sample.gt_audio_label.item() == -1
    assert sample.gt_video_label.item() == 0
    assert sample.gt_label.item() == -1
    real = PackForgeryInputs(2)(DropModality(0.0, 1.0)(make(0, 0)))["data_samples"]
    assert real.gt_label.item() == 0


def test_the_only_track_is_never_taken():
    for probabilities, gone in [((1.0, 0.0), "audio_valid"), ((0.0, 1.0), "video_valid")]:
        results = make()
        results[gone] = np.zeros_like(results[gone])
        other = "video_valid" if gone == "audio_valid" else "audio_valid"
        assert DropModality(*probabilities)(results)[other].all()


def test_shares():
    np.random.seed(0)
    transform = DropModality(0.2, 0.3)
    drawn = [transform(make()) for _ in range(600)]
    video = np.array([not results["video_valid"].any() for results in drawn])
    audio = np.array([not results["audio_valid"].any() for results in drawn])
    # Four deviations of a binomial.
    assert video.mean() == pytest.approx(0.2, abs=0.066)
    assert audio.mean() == pytest.approx(0.3, abs=0.075)
    assert not (video & audio).any()
    assert not drawn[int(np.flatnonzero(audio)[0])]["waveform"].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-0.1, 0.0), "`video_probability`"),
        ((0.0, 1.1), "`audio_probability`"),
        ((0.6, 0.6), r"`video_probability` \+ `audio_probability` in \[0, 1\], got 1\.2"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        DropModality(*arguments)
