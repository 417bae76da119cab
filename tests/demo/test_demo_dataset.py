import errno
import json
import os
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torchaudio.transforms import MelSpectrogram

from demo import demo_dataset
from demo.clip_plan import plan_clips
from demo.demo_dataset import (
    DemoSettings,
    build_demo_dataset,
    forge_clip,
    perform,
    render_group,
)
from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.datasets.forgery.clip import Clip
from macbdf_mm.datasets.forgery.operators import AUDIO_OPERATORS, VIDEO_OPERATORS
from macbdf_mm.errors import ConfigError, ForgeryToolboxError
from macbdf_mm.media.writer import write_clip

SMALL = DemoSettings(num_clips=12, seed=5, size=64)
LABELS = ("label", "video_label", "audio_label")


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "set"
    return build_demo_dataset(folder, SMALL, num_workers=1)


def decode(path):
    """Return frames (T, H, W, 3) and waveform (S,) of a whole file, by PyAV alone."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.stack(frames), np.concatenate(blocks, axis=1)[0]


def test_every_row_has_a_file_with_both_tracks(small_set):
    annotation = load_annotation(small_set)
    assert annotation.metainfo["dataset"] == "macbdf_demo"
    assert annotation.metainfo["synthetic"] is True
    assert annotation.metainfo["seed"] == 5
    assert len(annotation.rows) == 12
    for row in annotation.rows:
        assert row.file.startswith(f"videos/{row.split}/{row.identity}_")
        frames, waveform = decode(small_set.parent / row.file)
        assert frames.shape == (round(row.duration_seconds * 25), 64, 64, 3)
        # AAC is coded in blocks of 1024 samples and may add up to two of them.
        assert 0 <= len(waveform) - row.duration_seconds * 16_000 <= 2048
        assert 0.02 < waveform.std() < 0.2
        assert np.abs(waveform).max() <= 1.1
    on_disk = {p.relative_to(small_set.parent).as_posix() for p in small_set.parent.rglob("*.mp4")}
    assert on_disk == {row.file for row in annotation.rows}


def test_two_processes_write_the_same_annotation_and_clips(small_set, tmp_path):
    again = build_demo_dataset(tmp_path / "again", SMALL, num_workers=2)
    assert again.read_bytes() == small_set.read_bytes()
    for row in load_annotation(again).rows:
        assert (again.parent / row.file).read_bytes() == (small_set.parent / row.file).read_bytes()


def test_another_seed_gives_another_set(small_set, tmp_path):
    other = build_demo_dataset(tmp_path / "other", replace(SMALL, seed=6), num_workers=1)
    assert other.read_bytes() != small_set.read_bytes()


def test_a_stopped_run_goes_on_where_it_was(tmp_path):
    whole = build_demo_dataset(tmp_path, SMALL, num_workers=1)
    files = sorted(tmp_path.rglob("*.mp4"))
    lost, kept = files[0], files[1]
    content, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    whole.unlink()
    seen = []
    again = build_demo_dataset(tmp_path, SMALL, num_workers=1, progress=lambda *n: seen.append(n))
    assert lost.read_bytes() == content
    assert kept.stat().st_mtime_ns == stamp
    assert again.exists()
    assert seen[0] == ("rendering", 0, 12)
    assert seen[-1] == ("rendering", 12, 12)


def test_fakes_equal_their_source_outside_the_interval():
    settings = replace(SMALL, num_clips=40)
    checked = 0
    for group in plan_clips(settings.num_clips, settings.seed):
        for source in group:
            partials = [
                planned
                for planned in source.clips
                if planned.row.video_fake_intervals or planned.row.audio_fake_intervals
            ]
            if not partials:
                continue
            performance = perform(source, settings)
            for planned in partials:
                forged = forge_clip(planned, performance, None, settings)
                assert_equal_outside(forged.frames, performance.clip.frames, planned.row, "video")
                assert_equal_outside(
                    forged.waveform, performance.clip.waveform, planned.row, "audio"
                )
                checked += 1
    assert checked > 5


def assert_equal_outside(forged, original, row, track):
    intervals = getattr(row, f"{track}_fake_intervals")
    if getattr(row, f"{track}_label") == 0:
        np.testing.assert_array_equal(forged, original)
    elif intervals:
        ((start, end),) = intervals
        rate = len(original) / row.duration_seconds
        first, last = round(start * rate), round(end * rate)
        np.testing.assert_array_equal(forged[:first], original[:first])
        np.testing.assert_array_equal(forged[last:], original[last:])
        assert (forged[first:last] != original[first:last]).any()


def test_a_full_disk_ends_the_run_with_a_sentence_and_it_resumes(small_set, tmp_path, monkeypatch):
    def fill(*args, **kwargs):
        if len(list(tmp_path.rglob("id*.mp4"))) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_clip(*args, **kwargs)

    monkeypatch.setattr(demo_dataset, "write_clip", fill)
    message = r"\.mp4 cannot be written \(no space .*What is rendered stays: run it again"
    with pytest.raises(ForgeryToolboxError, match=message):
        build_demo_dataset(tmp_path, SMALL, num_workers=1)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.mp4")}
    assert len(kept) == 3, "and nothing half written"
    monkeypatch.undo()
    assert build_demo_dataset(tmp_path, SMALL, num_workers=1).read_bytes() == small_set.read_bytes()
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())


def test_a_face_is_given_by_the_next_performance_of_the_group(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(demo_dataset, "perform", lambda source, settings: source.key)
    monkeypatch.setattr(demo_dataset, "forge_clip", lambda *arguments: given.append(arguments[1:3]))
    monkeypatch.setattr(demo_dataset, "_write", lambda *_: None)
    for group in plan_clips(60, 5):
        given.clear()
        render_group(group, tmp_path, SMALL)
        keys = [source.key for source in group]
        next_one = dict(zip(keys, [*keys[1:], keys[0]], strict=True))
        alone = len(keys) == 1
        assert given
        assert all(donor == (None if alone else next_one[key]) for key, donor in given)


def test_operators_get_the_donor_that_they_need(monkeypatch):
    """A face from elsewhere for a pasted face, other words for replaced ones, else nothing."""
    seen = {}

    def operator(name):
        def forge(clip, interval, rng, strength, donor):
            seen[name] = donor
            return clip.frames if name in VIDEO_OPERATORS else clip.waveform

        return forge

    clip = Clip(np.zeros((50, 4, 4, 3), np.uint8), np.zeros(32_000, np.float32))
    articulation = SimpleNamespace(duration_seconds=2.0)
    performance = SimpleNamespace(clip=clip, articulation=articulation)
    monkeypatch.setattr(demo_dataset, "say_something_else", lambda *_: "other words")
    for operators in ("VIDEO_OPERATORS", "AUDIO_OPERATORS"):
        fakes = {name: operator(name) for name in getattr(demo_dataset, operators)}
        monkeypatch.setattr(demo_dataset, operators, fakes)
    donor = SimpleNamespace(clip="other face")
    for group in plan_clips(200, 0):
        for planned in (planned for source in group for planned in source.clips):
            forge_clip(planned, performance, donor, SMALL)
    expected = dict.fromkeys([*VIDEO_OPERATORS, *AUDIO_OPERATORS])
    expected["blended_patch"] = "other face"
    expected["word_splice"] = expected["dubbing"] = "other words"
    assert seen == expected


def test_folders_that_hold_something_else_are_refused(tmp_path):
    (tmp_path / "holiday.txt").write_text("photos")
    with pytest.raises(ConfigError, match="is not empty and holds no demo set"):
        build_demo_dataset(tmp_path, SMALL)
    with pytest.raises(ConfigError, match="is not empty and holds no demo set"):
        build_demo_dataset(tmp_path / "holiday.txt", SMALL)


def test_a_set_of_other_settings_is_refused(tmp_path):
    (tmp_path / "demo_settings.json").write_text(json.dumps({"seed": 1}))
    with pytest.raises(ConfigError, match=r"holds a demo set made with \{'seed': 1\}, not"):
        build_demo_dataset(tmp_path, SMALL)


def test_settings_that_a_mark_does_not_tell_are_refused(tmp_path):
    (tmp_path / "demo_settings.json").write_text("{")
    with pytest.raises(ConfigError, match=r"demo_settings\.json cannot be read"):
        build_demo_dataset(tmp_path, SMALL)


@pytest.mark.parametrize("size", [62, 127])
def test_impossible_sizes_are_refused(tmp_path, size):
    with pytest.raises(ValueError, match=f"`size` to be even and at least 64, got {size}"):
        build_demo_dataset(tmp_path / "new", replace(SMALL, size=size))
    assert not (tmp_path / "new").exists()


@pytest.fixture(scope="module")
def full_set_features(tmp_path_factory):
    """Return rows, shortcuts (N, 7) and means (N, 67) of the default set, of another seed."""
    folder = tmp_path_factory.mktemp("full") / "set"
    annotation = build_demo_dataset(folder, DemoSettings(seed=1), num_workers=os.cpu_count() or 1)
    rows = load_annotation(annotation).rows
    log_mel = MelSpectrogram(16_000, 512, hop_length=160, n_mels=64)
    features = [measure(folder / row.file, log_mel) for row in rows]
    shortcuts, means = (np.array(column) for column in zip(*features, strict=True))
    return rows, shortcuts, means


def measure(path, log_mel):
    frames, waveform = decode(path)
    duration, size = len(waveform) / 16_000, path.stat().st_size
    peak = np.abs(waveform).max()
    loudness_db = 20 * np.log10(waveform.std())
    leading_silence = np.argmax(np.abs(waveform) > 0.05 * peak) / 16_000
    brightness, colour = frames.mean(), frames.mean(axis=(0, 1, 2))
    shortcuts = [
        duration, loudness_db, peak, leading_silence, brightness, size, 8 * size / duration
    ]  # fmt: skip
    bands = torch.log(log_mel(torch.from_numpy(waveform)) + 1e-6).mean(dim=1).numpy()
    return shortcuts, np.concatenate([colour, bands])


def grouped_auc(classifier, features, rows, label):
    """Return the AUC of scores from 5 folds that share no identity."""
    truth = np.array([getattr(row, label) for row in rows])
    groups = [row.identity for row in rows]
    scores = cross_val_predict(
        classifier, features, truth, groups=groups, cv=GroupKFold(5), method="predict_proba"
    )
    return roc_auc_score(truth, scores[:, 1])


LOGISTIC = partial(make_pipeline, StandardScaler(), LogisticRegression(max_iter=1000))
BOOSTED = partial(HistGradientBoostingClassifier, max_iter=80, max_depth=3, random_state=0)


@pytest.mark.slow
@pytest.mark.parametrize("make_classifier", [LOGISTIC, BOOSTED])
@pytest.mark.parametrize("label", LABELS)
def test_no_shortcut_tells_the_labels(full_set_features, label, make_classifier):
    rows, shortcuts, _ = full_set_features
    assert 0.40 < grouped_auc(make_classifier(), shortcuts, rows, label) < 0.60


@pytest.mark.slow
@pytest.mark.parametrize("label", LABELS)
def test_means_do_not_tell_the_labels(full_set_features, label):
    rows, _, means = full_set_features
    assert grouped_auc(LOGISTIC(), means, rows, label) < 0.70


def test_fakes_are_as_bright_as_their_source(small_set):
    # The default run's share of the slow tests above.
    for row in load_annotation(small_set).rows:
        if row.source:
            fake, real = (decode(small_set.parent / name)[0] for name in (row.file, row.source))
            assert abs(fake.mean() - real.mean()) < 5
