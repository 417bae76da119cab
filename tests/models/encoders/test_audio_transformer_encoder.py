import pytest
import torch

from macbdf_mm.models.encoders.audio_transformer_encoder import AudioTransformerEncoder


def test_map_has_frequency_before_time():
    encoder = AudioTransformerEncoder(16, 32, (8, 4), embed_dims=12, depth=0, num_heads=2).eval()
    silence = torch.zeros(1, 1, 16, 32)
    burst = silence.clone()
    burst[0, 0, :8, 12:16] = 1.0  # the lowest patch of the fourth step
    changed = (encoder(burst) - encoder(silence)).abs().sum(dim=1)[0]
    assert changed.nonzero().tolist() == [[0, 3]]


def test_square_patches_are_stated_as_one_number():
    encoder = AudioTransformerEncoder(16, 32, 8, embed_dims=12, depth=1, num_heads=2)
    assert encoder(torch.zeros(1, 1, 16, 32)).shape == (1, 12, 2, 4)


def test_bins_that_the_patch_does_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"multiples of the patch \(8, 4\), got \(20, 32\)"):
        AudioTransformerEncoder(20, 32, (8, 4), embed_dims=12, depth=1, num_heads=2)


def test_time_before_frequency_is_refused():
    encoder = AudioTransformerEncoder(16, 32, (8, 4), embed_dims=12, depth=1, num_heads=2)
    with pytest.raises(ValueError, match=r"got shape \(1, 1, 32, 16\).*input_format='NCTF'"):
        encoder(torch.zeros(1, 1, 32, 16))
    with pytest.raises(ValueError, match=r"F = `num_mels` = 16, got .* `num_mels` to 40"):
        encoder(torch.zeros(1, 1, 40, 32))
