from functools import partial

import numpy as np
import pytest
import torch

from macbdf_mm.apis import saliency
from macbdf_mm.apis.attributions import integrated_gradients
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.saliency import INTEGRATED, PLAIN, explain_window, find_saliency


@pytest.fixture(scope="module")
def inferencer(run_dir):
    return ForgeryInferencer(
        run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth", device="cpu", show_progress=False
    )


@pytest.fixture(params=["captum", "plain"])
def method(request, monkeypatch):
    """Both ways; the one without captum also where that is installed."""
    if request.param == "captum":
        pytest.importorskip("captum")
        few = partial(integrated_gradients, num_points=2)
        monkeypatch.setattr(saliency, "integrated_gradients", few)
        return INTEGRATED
    monkeypatch.setattr(saliency, "has_captum", lambda: False)
    return PLAIN


def _predict(inferencer, path):
    return inferencer(path)["predictions"][0]


def test_the_highest_window_of_each_track_is_explained(inferencer, make_clip, clip_clock, method):
    prediction = _predict(inferencer, make_clip(seconds=2.6))
    found = find_saliency(inferencer, prediction)
    assert [item.track for item in found] == ["video", "audio"]
    for column, item in enumerate(found, start=3):
        best = max(prediction["windows"], key=lambda w, c=column: w[c])
        assert item.span_seconds == tuple(best[:2])
        assert item.method == method
        assert item.frames.shape == (*item.frame_weights.shape, 3)
        # The frames are those of the window: the first stands in the middle of its step.
        step = (best[1] - best[0]) / len(item.frames)
        assert clip_clock.read(item.frames[0]) == int((best[0] + step / 2) * 25 + 1e-6)
        assert item.spectrogram.shape == item.spectrogram_weights.shape
        assert np.isfinite(item.frame_weights).all()
        assert item.frame_weights.max() > 0
        assert item.spectrogram_weights.max() > 0
        assert (item.contributions is None) == (method == PLAIN)


def test_a_track_that_was_not_seen_is_not_explained(inferencer, make_clip, method):
    prediction = _predict(inferencer, make_clip(seconds=1.5, with_sound=False))
    [only] = find_saliency(inferencer, prediction)
    assert (only.track, only.spectrogram, only.spectrogram_weights) == ("video", None, None)


def test_gradients_of_a_detector_are_those_of_the_logit_of_the_track(inferencer, monkeypatch):
    """Along one direction, in steps: the detector computes in float32."""
    monkeypatch.setattr(saliency, "has_captum", lambda: False)
    data = {
        "inputs": {
            "video": [torch.randint(0, 255, (3, 16, 64, 64), dtype=torch.uint8)],
            "video_mask": [torch.ones(16, dtype=torch.bool)],
            "waveform": [0.1 * torch.randn(20_480)],
            "audio_mask": [torch.ones(20_480, dtype=torch.bool)],
        }
    }
    inputs = inferencer.model.data_preprocessor(data)["inputs"]
    for column, track in enumerate(("overall", "video", "audio")):
        frames, sound = explain_window(inferencer.model, inputs, track)
        direction = frames / frames.norm()
        step = 0.05
        with torch.no_grad():
            high, low = (
                inferencer.model({**inputs, "video": inputs["video"] + sign * step * direction})
                for sign in (1, -1)
            )
        expected = (high - low)[0, column].item() / (2 * step)
        assert frames.norm().item() == pytest.approx(expected, rel=0.05)
        assert sound.shape == inputs["spectrogram"].shape[2:]


def test_without_a_face_the_sound_alone_is_explained(inferencer, make_clip, monkeypatch):
    monkeypatch.setattr(saliency, "has_captum", lambda: False)
    path = make_clip(seconds=1.3)
    prediction = _predict(inferencer, path)
    faceless = {
        **prediction,
        "file": "<upload>",
        "looked_at": "no face",
        "scores": {**prediction["scores"], "video": None},
    }
    [only] = find_saliency(inferencer, faceless, path)
    assert (only.track, only.frames) == ("audio", None)
    assert "single faces" in find_saliency(inferencer, {**prediction, "looked_at": "faces"})


def test_what_cannot_be_explained_is_told(inferencer, make_clip, tmp_path):
    prediction = _predict(inferencer, tmp_path / "none.mp4")
    assert find_saliency(inferencer, prediction) == "There is no score to explain."
    path = make_clip(seconds=1.5)
    prediction = _predict(inferencer, path)
    path.unlink()
    assert find_saliency(inferencer, prediction).startswith("It is not known: ")


def test_scores_outlive_gradients_that_need_too_much_memory(inferencer, make_clip, monkeypatch):
    def exceed(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    prediction = _predict(inferencer, make_clip(seconds=1.3))
    for name in ("gradients", "integrated_gradients"):
        monkeypatch.setattr(saliency, name, exceed)
    assert "more memory" in find_saliency(inferencer, prediction)
