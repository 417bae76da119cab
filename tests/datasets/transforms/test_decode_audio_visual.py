import numpy as np
import pytest

from macbdf_mm.datasets.transforms import DecodeAudioVisual
from macbdf_mm.errors import UndecodableMediaError


def test_keys_are_what_mmaction2_transforms_expect(make_clip):
    from macbdf_mm.registry import TRANSFORMS

    results = dict(path=str(make_clip()), span_seconds=(0.5, 1.78))
    results = DecodeAudioVisual(16)(results)
    assert len(results["imgs"]) == 16
    assert results["img_shape"] == results["original_shape"] == (64, 96)
    assert (results["modality"], results["clip_len"], results["num_clips"]) == ("RGB", 16, 1)
    for cfg, shape in [
        (dict(type="mmaction.Resize", scale=(-1, 48)), (48, 72)),
        (dict(type="mmaction.CenterCrop", crop_size=40), (40, 40)),
        (dict(type="mmaction.RandomResizedCrop"), None),
        (dict(type="mmaction.Flip", flip_ratio=1.0), None),
    ]:
        results = TRANSFORMS.build(cfg)(results)
        shapes = {image.shape for image in results["imgs"]}
        assert len(shapes) == 1
        assert shape is None or shapes == {(*shape, 3)}


def test_mmaction2_transforms_are_consistent_over_the_clip(make_clip):
    from macbdf_mm.registry import TRANSFORMS

    frame = np.random.default_rng(0).integers(0, 255, (64, 96, 3), dtype=np.uint8)
    for cfg in [dict(type="mmaction.RandomResizedCrop"), dict(type="mmaction.Flip")]:
        results = dict(
            imgs=[frame.copy() for _ in range(4)], img_shape=(64, 96), modality="RGB", clip_len=4,
            num_clips=1,
        )  # fmt: skip
        images = TRANSFORMS.build(cfg)(results)["imgs"]
        assert all(np.array_equal(image, images[0]) for image in images)


def test_a_file_without_video_gets_black_frames_of_the_named_size(make_clip):
    path = make_clip("a.m4a", with_video=False)
    results = DecodeAudioVisual(4, missing_frame_size=32)(
        dict(path=str(path), span_seconds=(0.0, 1.0))
    )
    assert {image.shape for image in results["imgs"]} == {(32, 32, 3)}
    assert not results["video_valid"].any()
    assert results["audio_valid"].all()


def test_short_side_and_sample_rate_are_passed_on(make_clip):
    results = DecodeAudioVisual(4, sample_rate=8_000, short_side=32, backend="decord")(
        dict(path=str(make_clip()), span_seconds=(0.0, 1.0))
    )
    assert results["img_shape"] == (32, 48)
    assert results["waveform"].shape == (8_000,)
    assert results["sample_rate"] == 8_000


def test_a_span_with_nothing_in_it_is_an_error(make_clip):
    results = dict(path=str(make_clip(seconds=1.0)), span_seconds=(5.0, 6.0))
    with pytest.raises(UndecodableMediaError, match=r"neither frames nor sound from 5\.00 to 6\.0"):
        DecodeAudioVisual(4)(results)


def test_a_known_decode_error_gives_an_item_without_content():
    results = dict(path="gone.mp4", span_seconds=(0.0, 1.0), decode_error="gone")
    results = DecodeAudioVisual(4)(results)
    assert not results["video_valid"].any()
    assert not results["audio_valid"].any()
    assert results["waveform"].shape == (16_000,)
