"""Damaged files: each is read as far as it holds, or refused by name; no crash, no hang, no lie.

They are read by the child process of the data set's workers, which a crash of FFmpeg would end.
"""

import os
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mutations import mutate, truncate

from macbdf_mm.datasets import ClipRow, save_annotation
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.probe import probe, read_header
from macbdf_mm.media.read_span import read_span
from macbdf_mm.media.spans import plan_windows
from macbdf_mm.media.writer import write_clip

SECONDS, FPS, SAMPLE_RATE = 2.4, 25, 16_000
# Of the whole file, and of a part that needs a seek.
SPANS = ((0.0, SECONDS), (1.1, 1.1 + 1.28))
NUM_FRAMES = 16
TIME_LIMIT_SECONDS = 20.0
# How many files the slow test damages, and the seed of the first.
NUM_FILES = int(os.environ.get("MACBDF_FUZZ_FILES", "500"))
FIRST_SEED = int(os.environ.get("MACBDF_FUZZ_SEED", "0"))
MAX_CHILD_BYTES = 10**9
CLIPS: dict[str, dict[str, str]] = {
    "mp4": dict(video_codec="libx264", audio_codec="aac"),
    "webm": dict(video_codec="libvpx", audio_codec="libopus"),
    "avi": dict(video_codec="mpeg4", audio_codec="pcm_s16le"),
    "mkv": dict(video_codec="libx264", audio_codec="flac"),
    "mov": dict(video_codec="mpeg4", audio_codec="pcm_s16le"),
    "ts": dict(video_codec="libx264", audio_codec="aac"),
    "mpg": dict(video_codec="mpeg1video", audio_codec="mp2"),
    "flv": dict(video_codec="flv", audio_codec="libmp3lame"),
    "3gp": dict(video_codec="mpeg4", audio_codec="aac"),
    "m4a": dict(audio_codec="aac"),
    "aac": dict(audio_codec="aac"),
    "mp3": dict(audio_codec="libmp3lame"),
    "ogg": dict(audio_codec="libopus"),
    "wav": dict(audio_codec="pcm_s16le"),
}
# What some of these ask of the sound.
RATES = {"webm": 48_000, "ogg": 48_000, "mpg": 48_000, "flv": 44_100}


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory):
    """Return the bytes of a whole file by its suffix."""
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 256, (8, 20, 3), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    frames = np.stack([texture[:, t : t + 96] for t in range(round(SECONDS * FPS))])
    sound = (0.3 * rng.standard_normal(round(SECONDS * SAMPLE_RATE))).astype(np.float32)
    contents = {}
    for suffix, codecs in CLIPS.items():
        rate = RATES.get(suffix, SAMPLE_RATE)
        path = folder / f"whole.{suffix}"
        shown = frames if "video_codec" in codecs else None
        resampled = np.interp(
            np.arange(0, SECONDS, 1 / rate) * SAMPLE_RATE, range(len(sound)), sound
        )
        write_clip(path, shown, FPS, resampled.astype(np.float32), rate, gop=12, **codecs)
        contents[suffix] = path.read_bytes()
    return contents


def check_span(span, length_seconds):
    """Assert that a span has the promised shapes, and that what is not valid is zero."""
    num_samples = round(length_seconds * SAMPLE_RATE)
    assert span.frame_valid.shape == (NUM_FRAMES,)
    assert span.audio_valid.shape == span.waveform.shape == (num_samples,)
    assert span.waveform.dtype == np.float32
    assert np.isfinite(span.waveform).all()
    assert np.abs(span.waveform).max() <= 5.0
    assert not span.waveform[~span.audio_valid].any()
    assert span.has_audio or not span.audio_valid.any()
    assert (span.frames is not None) == span.has_video
    if span.frames is None:
        assert not span.frame_valid.any()
        return
    assert span.frames.dtype == np.uint8
    assert span.frames.shape[::3] == (NUM_FRAMES, 3)
    assert not span.frames[~span.frame_valid].any()


@pytest.mark.parametrize(
    "lie",
    [
        dict(waveform=np.zeros(99, np.float32)),
        dict(waveform=np.full(20_480, np.nan, np.float32)),
        dict(audio_valid=np.zeros(20_480, np.bool_)),
        dict(frame_valid=np.zeros(NUM_FRAMES, np.bool_)),
        dict(frames=np.zeros((NUM_FRAMES - 1, 64, 96, 3), np.uint8)),
        dict(has_audio=False),
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_the_check_finds_lies(make_clip, lie):
    span = read_span(make_clip(), (0.0, 1.28), NUM_FRAMES, SAMPLE_RATE)
    check_span(span, 1.28)
    with pytest.raises(AssertionError):
        check_span(replace(span, **lie), 1.28)


def read(process, path, backend):
    """Return what became of a file: ``read``, or the reason for which it was refused.

    It is read as for a prediction: probed, planned, and every window decoded.
    """
    try:
        info = process.call(probe, path)
        assert 0 < info.duration_seconds < 1e6
        span_seconds = SPANS[1][1] - SPANS[1][0]
        stride = span_seconds / 2
        spans = plan_windows(info.duration_seconds, span_seconds, stride_seconds=stride)
        for start, end in (*SPANS, *spans[:3], *spans[-3:]):
            span = process.call(read_span, path, (start, end), NUM_FRAMES, SAMPLE_RATE, backend)
            check_span(span, end - start)
    except (UndecodableMediaError, MissingDataError) as error:
        _, named, reason = str(error).partition(path.name)
        # Reasons of one kind count together, whatever the figures in them.
        kind = re.sub(r"[\d.]*\d", "N", reason.partition(";")[0].partition(" (")[0].strip(" :"))
        return f"refused: {kind}" if named else f"UNNAMED: {error}"
    process.call(read_header, path)  # What reads is not refused for its header.
    return "read"


def read_many(whole_files, folder, seeds, backend="pyav"):
    """Return how often each came out of damaged files, the slowest's seconds, and the child's peak.

    The peak is in bytes, of the last child.
    """
    outcomes, slowest = Counter(), 0.0
    suffixes = list(whole_files)
    with DecodingProcess(TIME_LIMIT_SECONDS) as process:
        for seed in seeds:
            suffix, other = (suffixes[k % len(suffixes)] for k in (seed // 2, seed // 30))
            content, damage = mutate(whole_files[suffix], seed, whole_files[other])
            path = folder / f"{seed}.{suffix}"
            path.write_bytes(content)
            begin = time.monotonic()
            try:
                outcome = read(process, path, backend)
            except Exception as error:
                error.add_note(f"seed {seed}: {suffix}, {damage}")
                raise
            assert not outcome.startswith("UNNAMED"), (seed, outcome)
            slowest = max(slowest, time.monotonic() - begin)
            outcomes[outcome] += 1
            path.unlink()
        # What the system counts for children holds what this process had when it forked.
        status = process.call(eval, "open('/proc/self/status').read()")
    return outcomes, slowest, 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def deaths(outcomes):
    return sum(n for what, n in outcomes.items() if "was killed" in what or "ended with" in what)


def time_outs(outcomes):
    return sum(n for what, n in outcomes.items() if "gave no answer" in what)


def test_sixty_damaged_files(whole_files, tmp_path):
    outcomes, _, _ = read_many(whole_files, tmp_path, range(60))
    assert deaths(outcomes) == time_outs(outcomes) == 0, outcomes
    # The damage is neither harmless nor total.
    assert 20 <= outcomes["read"] <= 58


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["pyav", "decord"])
def test_many_damaged_files(whole_files, tmp_path, backend, capsys):
    seeds = range(FIRST_SEED, FIRST_SEED + NUM_FILES)
    outcomes, slowest, peak_bytes = read_many(whole_files, tmp_path, seeds, backend)
    with capsys.disabled():
        print(f"\n{backend}, {NUM_FILES} damaged files, seeds from {FIRST_SEED}", end="; ")
        print(f"the slowest in {slowest:.2f} s, at most {peak_bytes / 1e6:.0f} MB")
        print(*(f"{count:4d} {what}" for what, count in outcomes.most_common()), sep="\n")
    # decord may die of a file; the worker lives on, and the file is named.
    if backend == "pyav":
        assert deaths(outcomes) == 0
        assert peak_bytes < MAX_CHILD_BYTES
    assert time_outs(outcomes) == 0


@pytest.mark.parametrize("suffix", ["webm", "mkv", "avi"])
def test_what_a_truncated_file_still_gives_is_what_the_whole_one_gives(
    whole_files, tmp_path, suffix
):
    whole = tmp_path / f"whole.{suffix}"
    whole.write_bytes(whole_files[suffix])
    expected = read_span(whole, SPANS[0], 60, SAMPLE_RATE)
    assert expected.frame_valid.all()
    for seed in range(6):
        cut = tmp_path / f"{seed}.{suffix}"
        content = truncate(bytearray(whole_files[suffix]), np.random.default_rng(seed))
        cut.write_bytes(content)
        try:
            span = read_span(cut, SPANS[0], 60, SAMPLE_RATE)
        except UndecodableMediaError:
            # Nothing but headers is left, or not even those.
            assert len(content) < 0.2 * len(whole_files[suffix])
            continue
        share = len(content) / len(whole_files[suffix])
        # No more is said to be there than there is: containers interleave by a second at most.
        assert span.frame_valid.mean() <= share + 0.45
        assert span.audio_valid.mean() <= share + 0.45
        # And what is said to be there is right, but for the packet that was cut, and for up to
        # three pictures that refer to it: in their place the one before stays on.
        same = [np.array_equal(a, b) for a, b in zip(span.frames, expected.frames, strict=True)]
        assert sum(np.logical_and(span.frame_valid, np.logical_not(same))) <= 4
        both = span.audio_valid & expected.audio_valid
        wrong = np.abs(span.waveform - expected.waveform)[both] > 1e-3
        assert wrong.sum() <= 0.1 * SAMPLE_RATE


def test_a_data_set_of_damaged_files_goes_on(whole_files, tmp_path):
    """Every item comes: read, or without valid frames and sound, and then named."""
    rows = []
    for seed in range(12):
        suffix = list(whole_files)[seed % len(whole_files)]
        (tmp_path / f"{seed}.{suffix}").write_bytes(mutate(whole_files[suffix], 1000 + seed)[0])
        rows.append(ClipRow(f"{seed}.{suffix}", 0, 0, 0))
    (tmp_path / "empty.mp4").write_bytes(b"")
    rows.append(ClipRow("empty.mp4", 0, 0, 0))
    save_annotation(tmp_path / "annotation.json", {"dataset": "damaged"}, rows)
    pipeline = [
        dict(type="SampleClipSpan", span_seconds=1.28, test_mode=True),
        dict(type="DecodeAudioVisual", num_frames=NUM_FRAMES),
        dict(type="mmaction.Resize", scale=(32, 32), keep_ratio=False),
        dict(type="PackForgeryInputs", num_steps=8),
    ]
    data = AudioVisualForgeryDataset(
        "annotation.json", pipeline, str(tmp_path), test_mode=True, on_decode_error="skip"
    )
    blank = []
    for index, row in enumerate(rows):
        item = data[index]
        assert item["inputs"]["video"].shape == (3, NUM_FRAMES, 32, 32)
        assert item["inputs"]["waveform"].shape == (round(1.28 * SAMPLE_RATE),)
        if not item["inputs"]["video_mask"].any() and not item["inputs"]["audio_mask"].any():
            blank.append(row.file)
    assert "empty.mp4" in blank
    assert data.skipped_files == blank
    assert len(blank) < len(rows)
    assert all(Path(tmp_path, file).is_file() for file in blank)
