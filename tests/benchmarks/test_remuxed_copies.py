from pathlib import Path

import pytest

from benchmarks.remuxed_copies import COPIES, as_table, change_of, choose_clips, copy_clip
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import ArgumentError
from macbdf_mm.media.probe import probe
from macbdf_mm.media.read_span import read_span

SPAN = (0.0, 1.0)


def _prediction(verdict: str, score: float) -> dict:
    return {"verdict": verdict, "scores": {"overall": score}}


@pytest.mark.parametrize("name", COPIES)
def test_copies_show_and_sound_the_same(make_clip, clip_clock, tmp_path, name):
    source = make_clip("source.mp4", seconds=1.0)
    suffix, arguments = COPIES[name]
    copy = tmp_path / f"copy{suffix}"
    copy_clip(source, copy, **arguments)
    blank = arguments.get("blank_seconds", 0.0)
    # Whole pictures of 0.04 s are put in front.
    lead = round(blank * 25) / 25
    assert probe(copy).duration_seconds == pytest.approx(1.0 + lead, abs=0.1)
    found = read_span(copy, (lead, 1.0 + lead), 25, 16_000)
    assert [clip_clock.read(image) for image in found.frames] == list(range(25))
    lag = clip_clock.lag_seconds(found.waveform[:14_000], 16_000, lead - blank)
    assert abs(lag) < 0.002
    if blank:
        assert not read_span(copy, (0.0, lead - 0.04), 4, 16_000).frames.any()


def test_a_copied_track_has_no_blank_start(make_clip, tmp_path):
    with pytest.raises(ArgumentError, match="blank_seconds"):
        copy_clip(make_clip(seconds=0.4), tmp_path / "a.mp4", blank_seconds=0.5)


def test_flips_are_counted_and_named():
    pairs = {
        Path("a.mp4"): (_prediction("real", 0.1), _prediction("real", 0.2)),
        Path("b.mp4"): (_prediction("real", 0.4), _prediction("fake", 0.9)),
        Path("c.mp4"): (_prediction("fake", 0.8), _prediction("uncertain", 0.7)),
    }
    change = change_of("mkv", pairs)
    assert (change.num_clips, change.num_flips, change.num_opposite) == (3, 2, 1)
    assert change.largest == pytest.approx(0.5)
    assert change.mean == pytest.approx(0.7 / 3)
    assert change.flipped == ["b.mp4: real, fake", "c.mp4: fake, uncertain"]
    assert "| mkv | 2 of 3 | 1 | 0.500 | 0.2333 |" in as_table([change])


def test_half_of_the_clips_are_real_and_the_seed_repeats(tmp_path):
    rows = [
        ClipRow(
            file=f"{index:02}.mp4", label=int(index % 3 == 0), split="test", duration_seconds=1.0
        )
        for index in range(30)
    ]
    rows += [ClipRow(file="t.mp4", label=0, split="train", duration_seconds=1.0)]
    save_annotation(tmp_path / "annotation.json", {"dataset": "one"}, rows)
    chosen = choose_clips(tmp_path, 8, seed=1)
    assert len(set(chosen)) == 8
    assert chosen == choose_clips(tmp_path, 8, seed=1) != choose_clips(tmp_path, 8, seed=2)
    assert sum(int(path.stem) % 3 == 0 for path in chosen) == 4
    save_annotation(tmp_path / "annotation.json", {"dataset": "one"}, rows[-1:])
    with pytest.raises(ArgumentError, match="test clips"):
        choose_clips(tmp_path, 8, seed=1)
