"""What a detector looked at: attributions of the raw scores in the windows that stand out most."""

from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.dataset import pseudo_collate
from torch import OutOfMemoryError, Tensor, nn

from macbdf_mm.apis.attributions import gradients, has_captum, integrated_gradients
from macbdf_mm.errors import ForgeryToolboxError
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.structures.window_saliency import WindowSaliency

if TYPE_CHECKING:
    from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer

INTEGRATED = "integrated gradients from a grey picture and a sound of even spectrum"
PLAIN = (
    "plain gradients (integrated gradients, which add up to the score, need "
    "`pip install 'macbdf_mm[explain]'`)"
)


def find_saliency(
    inferencer: "ForgeryInferencer",
    prediction: Mapping[str, Any],
    media_file: str | Path | None = None,
) -> list[WindowSaliency] | str:
    """Return what moved the score of each track in its highest window, or why that is not known.

    Args:
        inferencer: The detector that made the scores.
        prediction: As ``Prediction.to_json()`` returns it.
        media_file: The file that it is of; by default the one that it names.
    """
    if prediction["status"] != "ok":
        return "There is no score to explain."
    if (
        not isinstance(inferencer.model, nn.Module)
        or next(inferencer.model.parameters(), None) is None
    ):
        return "It is not known: this form of the detector gives no gradients."
    looked_at = prediction.get("looked_at")
    if looked_at == "faces":
        return "It is not known: single faces were cropped and scored, which is not explained."
    path = Path(prediction["file"] if media_file is None else media_file)
    try:
        return [
            _explain(inferencer, path, track, span, with_video=looked_at != "no face")
            for track, span in _peak_windows(prediction)
        ]
    except ForgeryToolboxError as error:
        return f"It is not known: {error}"
    except (MemoryError, OutOfMemoryError):
        # Gradients take several times the memory of scores, which are there and must not be lost.
        return "It is not known: gradients need more memory than there is."


def explain_window(model: nn.Module, inputs: Mapping[str, Any], track: str) -> tuple[Tensor, ...]:
    """Return attributions of the raw score (the logit) of a track in one window.

    The calibration, a map of the score alone, would only scale them.

    Args:
        model: A detector, in evaluation mode.
        inputs: As its data preprocessor returns them, of one window.
        track: ``overall``, ``video`` or ``audio``.

    Returns:
        (3, T, H, W) of the frames and (F, N) of the spectrogram.
    """
    column = TRACKS.index(track)

    def score(video: Tensor, spectrogram: Tensor) -> Tensor:
        count = len(video)
        others = {
            name: value.expand(count, *value.shape[1:]) if isinstance(value, Tensor) else value
            for name, value in inputs.items()
        }
        logits: Tensor = model({**others, "video": video, "spectrogram": spectrogram})
        return logits[:, column]

    attribute = integrated_gradients if has_captum() else gradients
    video, spectrogram = attribute(score, (inputs["video"], inputs["spectrogram"]))
    return video[0], spectrogram[0, 0]


def _peak_windows(prediction: Mapping[str, Any]) -> list[tuple[str, tuple[float, float]]]:
    """Return the window with the highest score of each track that was seen."""
    peaks = []
    for track in STEP_TRACKS:
        column = 2 + TRACKS.index(track)
        seen = [w for w in prediction["windows"] if w[column] is not None]
        if seen and prediction["scores"][track] is not None:
            start, end, *_ = max(seen, key=itemgetter(column))
            peaks.append((track, (start, end)))
    return peaks


def _explain(
    inferencer: "ForgeryInferencer",
    path: Path,
    track: str,
    span: tuple[float, float],
    with_video: bool,
) -> WindowSaliency:
    info = inferencer.reader.probe(path, allow_partial=True)
    packed = inferencer.reader.read(path, info, span, allow_partial=True, with_video=with_video)
    model = inferencer.model
    inputs = model.data_preprocessor(pseudo_collate([packed]))["inputs"]
    frames, sound = explain_window(model, inputs, track)
    sees, hears = bool(inputs["video_mask"].any()), bool(inputs["audio_mask"].any())
    return WindowSaliency(
        track=track,
        span_seconds=span,
        method=INTEGRATED if has_captum() else PLAIN,
        frames=packed["inputs"]["video"].permute(1, 2, 3, 0).cpu().numpy() if sees else None,
        frame_weights=frames.abs().sum(dim=0).float().cpu().numpy() if sees else None,
        spectrogram=inputs["spectrogram"][0, 0].float().cpu().numpy() if hears else None,
        spectrogram_weights=sound.abs().float().cpu().numpy() if hears else None,
        contributions=(float(frames.sum()), float(sound.sum())) if has_captum() else None,
    )
