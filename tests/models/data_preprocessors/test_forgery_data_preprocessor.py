import pytest
import torch
from mmengine.dataset import pseudo_collate

from macbdf_mm.models.data_preprocessors.forgery_data_preprocessor import (
    ForgeryDataPreprocessor,
    _is_full,
)
from macbdf_mm.models.layers.log_mel import LogMel

LOG_MEL = dict(n_fft=256, hop_length=64, num_mels=16)
REAL, FAKE = (0, 0, 0), (1, 1, 1)


@pytest.fixture
def preprocessor():
    return ForgeryDataPreprocessor(
        mean=[100.0, 110.0, 120.0],
        std=[50.0, 60.0, 70.0],
        log_mel=LOG_MEL,
        mel_mean=-3.0,
        mel_std=2.0,
    )


def test_frames_and_sound_are_normalised(preprocessor, make_packed):
    packed = make_packed([REAL, FAKE])
    out = preprocessor(pseudo_collate(packed))
    inputs = out["inputs"]
    assert {name: tuple(value.shape) for name, value in inputs.items() if "full" not in name} == {
        "video": (2, 3, 4, 16, 16),
        "video_mask": (2, 4),
        "spectrogram": (2, 1, 16, 16),
        "audio_mask": (2, 16),
    }
    assert inputs["video"].dtype == inputs["spectrogram"].dtype == torch.float32
    raw = packed[1]["inputs"]
    expected = (raw["video"][2].float() - 120.0) / 70.0
    torch.testing.assert_close(inputs["video"][1, 2], expected)
    log_mel = LogMel(**LOG_MEL)(raw["waveform"][None])
    torch.testing.assert_close(inputs["spectrogram"][1], (log_mel + 3.0) / 2.0)
    assert [sample.gt_label.item() for sample in out["data_samples"]] == [0, 1]


def test_it_says_whether_something_is_missing(preprocessor, make_packed):
    packed = make_packed([REAL, FAKE])
    inputs = preprocessor(pseudo_collate(packed))["inputs"]
    assert inputs["is_video_full"] is inputs["is_audio_full"] is True
    assert inputs["video_mask"].all()
    assert inputs["audio_mask"].all()
    packed[1]["inputs"]["video_mask"][1] = False
    inputs = preprocessor(pseudo_collate(packed))["inputs"]
    assert (inputs["is_video_full"], inputs["is_audio_full"]) == (False, True)
    packed[0]["inputs"]["audio_mask"][:100] = False
    inputs = preprocessor(pseudo_collate(packed))["inputs"]
    assert (inputs["is_video_full"], inputs["is_audio_full"]) == (False, False)


def test_whether_something_is_missing_is_not_asked_of_a_device(preprocessor, make_packed):
    """The answer would have to be waited for. "meta" tensors have none."""
    packed = make_packed([REAL, FAKE])
    masks = [torch.ones(4, dtype=torch.bool, device="meta") for _ in packed]
    assert not _is_full(masks)


def test_padding_is_zero_whatever_the_decoder_left(preprocessor, make_packed):
    packed = make_packed([REAL])[0]
    packed["inputs"]["video_mask"][1:] = False
    packed["inputs"]["audio_mask"][512:] = False
    packed["inputs"]["waveform"][512:] = torch.nan
    inputs = preprocessor(pseudo_collate([packed]))["inputs"]
    assert inputs["video"][:, :, 1:].eq(0).all()
    assert inputs["audio_mask"][0].tolist() == [True] * 8 + [False] * 8
    assert inputs["spectrogram"][..., 8:].eq(0).all()
    assert inputs["spectrogram"].isfinite().all()


def test_a_frame_is_valid_if_half_of_its_samples_are(preprocessor, make_packed):
    packed = make_packed([REAL, REAL])
    packed[0]["inputs"]["audio_mask"][64 * 3 + 32 :] = False
    packed[1]["inputs"]["audio_mask"][64 * 3 + 31 :] = False
    masks = preprocessor(pseudo_collate(packed))["inputs"]["audio_mask"]
    assert masks.sum(dim=1).tolist() == [4, 3]


def test_samples_are_optional(preprocessor, make_packed):
    collated = pseudo_collate([{"inputs": make_packed([REAL])[0]["inputs"]}])
    assert preprocessor(collated)["data_samples"] is None


def test_clips_of_two_sizes_are_refused(preprocessor, make_packed):
    packed = make_packed([REAL, FAKE])
    packed[1]["inputs"]["video"] = packed[1]["inputs"]["video"][..., :8]
    with pytest.raises(ValueError, match=r"one shape in a batch, got `video` of \[\(3, 4, 16, 8\)"):
        preprocessor(pseudo_collate(packed))


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (1, 2, 3, 0)])
def test_other_axes_are_refused(preprocessor, make_packed, order):
    """A mean of three channels would be taken off whatever has a length of 1 or 3."""
    packed = make_packed([REAL, FAKE])
    for clip in packed:
        clip["inputs"]["video"] = clip["inputs"]["video"].permute(order)
    with pytest.raises(ValueError, match=r"`video` \(B, 3, T, H, W\).*got shapes"):
        preprocessor(pseudo_collate(packed))


def test_one_channel_does_not_spread_to_three(preprocessor, make_packed):
    packed = make_packed([REAL, FAKE])
    for clip in packed:
        clip["inputs"]["video"] = clip["inputs"]["video"][:1]
    with pytest.raises(ValueError, match=r"`video` \(B, 3, T, H, W\).*got shapes \(2, 1, "):
        preprocessor(pseudo_collate(packed))


@pytest.mark.parametrize("stds", [dict(std=[1.0, 0.0, 1.0]), dict(mel_std=-1.0)])
def test_standard_deviations_must_be_positive(stds):
    with pytest.raises(ValueError, match="`std` and `mel_std` > 0, got"):
        ForgeryDataPreprocessor(**stds)


def test_a_mean_of_each_channel_is_needed():
    with pytest.raises(ValueError, match=r"`mean` and `std` of R, G and B, got \(1, 2\)"):
        ForgeryDataPreprocessor(mean=(1, 2))


def test_its_constants_are_not_weights(preprocessor):
    assert not list(preprocessor.parameters())
    assert not any(name in ("mean", "std") for name in preprocessor.state_dict())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batch_and_buffers_move_to_the_gpu(preprocessor, make_packed):
    collated = pseudo_collate(make_packed([REAL, FAKE]))
    expected = preprocessor(collated)["inputs"]
    result = preprocessor.cuda()(collated)["inputs"]
    assert all(buffer.is_cuda for buffer in preprocessor.buffers())
    for name in ("video", "spectrogram"):
        value = result[name]
        assert value.is_cuda
        torch.testing.assert_close(value.cpu(), expected[name], rtol=1e-3, atol=1e-3)
