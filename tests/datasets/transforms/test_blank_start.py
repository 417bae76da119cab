import numpy as np
import pytest

from macbdf_mm.datasets.transforms import BlankStart


def clip():
    rng = np.random.default_rng(0)
    return dict(
        imgs=list(rng.integers(1, 255, (16, 8, 8, 3), dtype=np.uint8)),
        video_valid=np.ones(16, bool),
        waveform=rng.uniform(0.1, 1, 1600).astype(np.float32),
        audio_valid=np.ones(1600, bool),
        label=1,
    )


def kinds(results):
    """Return what was done to the pictures and to the sound, where, and how long."""
    before = clip()
    frames = np.stack(results["imgs"])
    changed = (frames != np.stack(before["imgs"])).any(axis=(1, 2, 3))
    picture = "kept"
    if changed.any():
        picture = "black" if (frames[changed] == 0).all() else "frozen"
        if picture == "frozen":
            edge = frames[changed.argmin()] if changed[0] else frames[changed.argmax() - 1]
            assert (frames[changed] == edge).all()
    quiet = results["waveform"] == 0
    assert (results["waveform"][~quiet] == before["waveform"][~quiet]).all()
    for flags in (changed, quiet):
        # One stretch, at one end.
        assert np.abs(np.diff(flags.astype(int))).sum() == flags.any()
    return picture, bool(quiet.any()), changed, quiet


def test_one_end_of_either_track_or_both_in_all_ways_and_labels_and_masks_stay():
    seen = set()
    for seed in range(200):
        np.random.seed(seed)
        results = BlankStart(probability=1.0, share=(0.1, 0.5))(clip())
        assert results["label"] == 1
        assert results["video_valid"].all()
        assert results["audio_valid"].all()
        picture, is_silent, changed, quiet = kinds(results)
        at_start = bool(changed[0] or quiet[0])
        seen.add((picture, is_silent, at_start))
        assert changed.sum() <= 8
        assert quiet.sum() <= 800
        if picture != "kept" and is_silent:
            assert changed[0] == quiet[0]
            assert changed.mean() == pytest.approx(quiet.mean(), abs=0.04)
    expected = {
        (p, s, e) for p in ("black", "frozen") for s in (True, False) for e in (True, False)
    }
    assert seen == expected | {("kept", True, True), ("kept", True, False)}


def test_how_often():
    np.random.seed(0)
    transform = BlankStart(probability=0.2, both_probability=1.0)
    changed = [kinds(transform(clip()))[1] for _ in range(500)]
    assert np.mean(changed) == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(probability=2), r"`probability` in \[0, 1\]"),
        (dict(share=(0.5, 0.2)), r"`share` \(low, high\)"),
        (dict(share=(0.5, 1.0)), r"`share\[1\]` in \[0, 0.9\]"),
        (dict(both_probability=-1), r"`both_probability` in \[0, 1\]"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        BlankStart(**arguments)
