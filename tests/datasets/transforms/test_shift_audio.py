import numpy as np
import pytest

from macbdf_mm.datasets.transforms import PackForgeryInputs, ShiftAudio

RATE = 16_000


def make(**fields):
    times = np.arange(2 * RATE) / RATE
    return dict(
        waveform=np.sin(2 * np.pi * (100 * times + 40 * times**2)).astype(np.float32) * 0.5,
        audio_valid=np.ones(2 * RATE, bool),
        video_valid=np.ones(8, bool),
        imgs=[np.zeros((4, 4, 3), np.uint8)] * 8,
        sample_rate=RATE,
        span_seconds=(1.0, 3.0),
        label=0,
        video_label=0,
        audio_label=0,
        video_fake_intervals=(),
        audio_fake_intervals=(),
        category="RVRA",
        method=None,
        **fields,
    )


def apply(transform, results=None, seed=0):
    np.random.seed(seed)
    return transform(make() if results is None else results)


def lag(original, moved):
    """Return by how many samples the second comes later, by correlation."""
    spectrum = np.fft.rfft(moved, 2**17) * np.conj(np.fft.rfft(original, 2**17))
    peak = int(np.argmax(np.fft.irfft(spectrum)))
    return peak if peak < 2**16 else peak - 2**17


def test_small_moves_are_real_moves_and_keep_labels():
    lags = []
    for seed in range(8):
        results = apply(ShiftAudio(probability=1.0), seed=seed)
        lags.append(lag(make()["waveform"], results["waveform"]) / RATE)
        hidden = (~results["audio_valid"]).sum() / RATE
        assert hidden == pytest.approx(abs(lags[-1]), abs=2 / RATE)
        assert not results["waveform"][~results["audio_valid"]].any()
        assert (results["label"], results["audio_label"]) == (0, 0)
    assert min(lags) < 0 < max(lags)
    assert min(lags) >= -0.04
    assert max(lags) <= 0.04
    assert len(set(lags)) == 8


def test_intervals_move_with_the_sound():
    results = make() | dict(audio_label=1, label=1, audio_fake_intervals=((0.0, 0.02), (1.5, 2.0)))
    moved = apply(ShiftAudio(-0.03, -0.03, probability=1.0), results)
    np.testing.assert_allclose(moved["audio_fake_intervals"], [(1.47, 1.97)])
    results = make() | dict(audio_label=1, label=1, audio_fake_intervals=((0.0, 0.02),))
    later = apply(ShiftAudio(0.1, 0.1, probability=1.0), results)
    np.testing.assert_allclose(later["audio_fake_intervals"], [(0.1, 0.12)])


def test_large_moves_set_the_labels():
    results = apply(ShiftAudio(-0.4, 0.4, probability=1.0, forges=True))
    assert (results["label"], results["video_label"], results["audio_label"]) == (1, 0, 1)
    assert results["audio_fake_intervals"] == ((1.0, 3.0),)
    assert (results["category"], results["method"]) == ("RVFA", "shifted_audio")
    sample = PackForgeryInputs(4)(results)["data_samples"]
    assert sample.gt_audio_label.item() == 1
    assert sample.gt_video_label.item() == 0
    assert set(sample.gt_audio_steps.tolist()) <= {1, -1}


def test_what_lies_between_unnoticed_and_disturbing_is_never_drawn():
    transform = ShiftAudio(-0.3, 0.5, probability=1.0, forges=True)
    lags = np.array(
        [lag(make()["waveform"], apply(transform, seed=s)["waveform"]) / RATE for s in range(40)]
    )
    assert ((lags <= -0.09 + 1e-4) | (lags >= 0.185 - 1e-4)).all()
    assert ((lags >= -0.3 - 1e-4) & (lags <= 0.5 + 1e-4)).all()
    # Both sides, by their lengths: 0.21 to 0.315.
    assert 0.2 < (lags < 0).mean() < 0.65


def test_the_hidden_edge_does_not_tell_the_label():
    for seed in range(6):
        forged = apply(ShiftAudio(-0.4, 0.4, probability=1.0, forges=True), seed=seed)
        left = apply(ShiftAudio(-0.4, 0.4, probability=0.0, forges=True), seed=seed)
        np.testing.assert_array_equal(forged["audio_valid"], left["audio_valid"])
        assert (~left["audio_valid"]).sum() >= 0.09 * RATE - 1
        assert left["label"] == 0
        shown = left["audio_valid"]
        np.testing.assert_array_equal(left["waveform"][shown], make()["waveform"][shown])
        assert not left["waveform"][~shown].any()


@pytest.mark.parametrize(
    "fields",
    [
        dict(audio_label=1, label=1),
        dict(audio_label=-1, label=-1),
        dict(video_valid=np.zeros(8, bool)),
        dict(audio_valid=np.zeros(2 * RATE, bool)),
    ],
)
def test_what_is_not_real_or_not_there_is_not_forged(fields):
    results = make() | fields
    moved = apply(ShiftAudio(0.2, 0.4, probability=1.0, forges=True), dict(results))
    np.testing.assert_array_equal(moved["waveform"], results["waveform"])
    assert moved["label"] == results["label"]
    assert moved["method"] is None


def test_a_fake_picture_keeps_its_label_and_method():
    results = make() | dict(label=1, video_label=1, method="swap", category="FVRA")
    moved = apply(ShiftAudio(0.2, 0.4, probability=1.0, forges=True), results)
    assert (moved["label"], moved["category"]) == (1, "FVFA")
    assert moved["method"] == "swap+shifted_audio"


def test_a_clip_that_is_real_as_a_whole_is_known_to_be_real_in_its_picture():
    results = make() | dict(video_label=-1, audio_label=-1)
    moved = apply(ShiftAudio(0.2, 0.4, probability=1.0, forges=True), results)
    assert (moved["video_label"], moved["audio_label"], moved["category"]) == (0, 1, "RVFA")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(min_seconds=0.1, max_seconds=0.0), "`min_seconds` <= `max_seconds`"),
        (dict(min_seconds=-0.2), r"`min_seconds` >= -0\.045 .*got -0\.2 .* `forges=True`"),
        (dict(max_seconds=0.2), r"`max_seconds` <= 0\.125, which nobody notices"),
        (dict(forges=True), r"`max_seconds` >= 0\.185 with `forges`, got -0\.04 and 0\.04"),
        (dict(probability=2), "`probability`"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        ShiftAudio(**arguments)
