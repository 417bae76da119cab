import numpy as np
import pytest
from mmengine.config import Config

from macbdf_mm.apis.browse_clips import browse_clips
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import ConfigError, MissingDataError, UndecodableMediaError

_DECODING = [
    dict(type="SampleClipSpan", span_seconds=1.28),
    dict(type="DecodeAudioVisual", num_frames=8),
]
_PACKING = [
    dict(type="mmaction.Resize", scale=(32, 32), keep_ratio=False),
    dict(type="PackForgeryInputs", num_steps=4),
]


class Invert:
    """An augmentation that can be seen and heard: a negative, and silence."""

    def __call__(self, results):
        results["imgs"] = [255 - image for image in results["imgs"]]
        results["waveform"] = np.full_like(results["waveform"], 0.25)
        return results


@pytest.fixture
def make_cfg(tmp_path, make_clip):
    """Return a maker of a config on clips of 2 s: real, fake in one track, fake in both."""

    def make(*augmentations, broken=(), split="train", **options):
        rows = []
        for number in range(4):
            path = make_clip(f"{number}.mp4", seconds=2.0)
            if number in broken:
                path.write_bytes(b"no video")
            video, audio = number % 2, number // 2
            fakes = ((0.0, 2.0),)
            rows.append(
                ClipRow(
                    path.name,
                    max(video, audio),
                    video,
                    audio,
                    video_fake_intervals=fakes if video else (),
                    audio_fake_intervals=fakes if audio else (),
                    split="train" if number < 3 else "test",
                    duration_seconds=2.0,
                )
            )
        save_annotation(tmp_path / "annotation.json", {"dataset": "clock"}, rows)
        dataset = dict(
            type="AudioVisualForgeryDataset",
            ann_file="annotation.json",
            data_root=str(tmp_path),
            split=split,
            decode_time_limit_seconds=None,
            pipeline=[*_DECODING, *augmentations, *_PACKING],
            **options,
        )
        testing = [dict(_DECODING[0], test_mode=True, stride_seconds=0.64), _DECODING[1], *_PACKING]
        test = dict(dataset, split="test", test_mode=True, pipeline=testing)
        return Config(
            dict(train_dataloader={"dataset": dataset}, test_dataloader={"dataset": test})
        )

    return make


def test_it_shows_what_comes_out_of_the_pipeline_and_not_the_file(make_cfg):
    cfg = make_cfg()
    plain = browse_clips(cfg, "train", 3)
    cfg.train_dataloader.dataset.pipeline.insert(2, Invert())
    changed = browse_clips(cfg, "train", 3)
    assert changed.transforms == [
        *("SampleClipSpan", "DecodeAudioVisual", "Invert", "Resize", "PackForgeryInputs")
    ]
    assert [clip.name for clip in plain.clips] == [clip.name for clip in changed.clips]
    for before, after in zip(plain.clips, changed.clips, strict=True):
        assert before.span_seconds == after.span_seconds
        assert before.frames.shape == (8, 32, 32, 3)
        assert np.abs(255 - before.frames.astype(int) - after.frames).max() <= 1
        assert set(after.waveform.tolist()) == {0.25}
        assert after.sample_rate == 16_000


def test_labels_are_those_of_the_span(make_cfg):
    browsed = browse_clips(make_cfg(), "train", 10)
    clips = {clip.name: clip for clip in browsed.clips}
    assert (browsed.item, browsed.num_items, len(clips)) == ("clip", 3, 3)
    assert clips["1.mp4"].labels == {"overall": 1, "video": 1, "audio": 0}
    assert clips["1.mp4"].category == "FVRA"
    assert clips["1.mp4"].steps["video"].tolist() == [1] * 4
    assert clips["1.mp4"].steps["audio"].tolist() == [0] * 4
    assert clips["2.mp4"].clip_labels == {"overall": 1, "video": 0, "audio": 1}


def test_the_seed_decides_which_clips_and_how_they_are_augmented(make_cfg):
    cfg = make_cfg()

    def spans(seed):
        clips = browse_clips(cfg, "train", 2, seed=seed).clips
        return [(clip.name, clip.span_seconds) for clip in clips]

    assert spans(0) == spans(0)
    first, second = dict(spans(0)), dict(spans(1))
    assert list(first) != list(second)
    # Two of three clips: at least one is chosen by both.
    assert all(first[name] != second[name] for name in first.keys() & second.keys())


def test_another_split_goes_through_the_same_pipeline(make_cfg):
    browsed = browse_clips(make_cfg(Invert()), "train", 5, split="test")
    assert browsed.split == "test"
    assert [clip.name for clip in browsed.clips] == ["3.mp4"]
    assert set(browsed.clips[0].waveform.tolist()) == {0.25}


def test_the_test_pipeline_lists_windows(make_cfg):
    browsed = browse_clips(make_cfg(), "test", 10)
    assert (browsed.item, browsed.num_items) == ("window", 3)
    starts = sorted(clip.span_seconds[0] for clip in browsed.clips)
    assert starts == pytest.approx([0.0, 0.36, 0.72], abs=0.3)


@pytest.mark.parametrize("how", ["raise", "skip"])
def test_clips_that_cannot_be_read_are_named(make_cfg, how):
    browsed = browse_clips(make_cfg(broken=(1,), on_decode_error=how), "train", 3)
    assert sorted(clip.name for clip in browsed.clips) == ["0.mp4", "2.mp4"]
    assert list(browsed.unread) == ["1.mp4"]
    assert "1.mp4" in browsed.unread["1.mp4"]


def test_an_unreadable_window_is_not_shown_as_black(make_cfg):
    with pytest.raises(UndecodableMediaError, match=r"None of the 3 chosen .* can be read; 3\.mp4"):
        browse_clips(make_cfg(broken=(3,)), "test", 3)


def test_data_sets_in_others_are_looked_into(make_cfg):
    cfg = make_cfg(Invert())
    own = cfg.train_dataloader.dataset
    both = dict(type="ConcatDataset", datasets=[own, own])
    cfg.train_dataloader.dataset = dict(type="mmengine.RepeatDataset", dataset=both, times=2)
    browsed = browse_clips(cfg, "train", 20, split="test")
    assert browsed.num_items == 4
    assert {clip.name for clip in browsed.clips} == {"3.mp4"}


def test_what_cannot_be_shown(make_cfg, tmp_path):
    with pytest.raises(ConfigError, match=r"no `val_dataloader.dataset`, so there is nothing"):
        browse_clips(make_cfg(), "val", 1)
    with pytest.raises(ValueError, match="number of clips to be > 0, got 0"):
        browse_clips(make_cfg(), "train", 0)
    with pytest.raises(MissingDataError, match="`split` 'nowhere'"):
        browse_clips(make_cfg(), "train", 1, split="nowhere")
    cfg = make_cfg()
    cfg.train_dataloader.dataset.pipeline[-1:] = []
    with pytest.raises(ConfigError, match="to end in PackForgeryInputs, whose output is shown"):
        browse_clips(cfg, "train", 1)
    listing = tmp_path / "list.txt"
    listing.write_text("a.mp4 0\n")
    videos = dict(type="mmaction.VideoDataset", ann_file=str(listing), pipeline=[])
    cfg.train_dataloader.dataset = videos
    with pytest.raises(ConfigError, match="type AudioVisualForgeryDataset to look at, got VideoDa"):
        browse_clips(cfg, "train", 1)
