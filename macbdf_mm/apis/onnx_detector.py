"""A detector that onnxruntime computes, in the place of one of PyTorch."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from macbdf_mm.apis.load_model import load_weights
from macbdf_mm.apis.release import ONNX, WEIGHTS, is_release, read_digests
from macbdf_mm.errors import ConfigError, MissingBackendError, MissingDataError, NonFiniteScoreError
from macbdf_mm.models.detectors.base_forgery_detector import BaseForgeryDetector
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxDetector(BaseForgeryDetector):
    """The ``model.onnx`` of a release, with thresholds and calibration of its weights.

    It predicts what the detector of PyTorch predicts, to 1e-4, and takes the same batches. It
    cannot be trained.

    Args:
        weights: The weights of the release; ``model.onnx`` stands beside them.
        state_dict: What they are; of it only what was fitted on validation data is used.
        device: ``'cpu'``, or a GPU if the installed onnxruntime can use it.

    Raises:
        ConfigError: If the weights are not in a release folder, or the device cannot be used.
        MissingDataError: If the release has no ``model.onnx``.
        MissingBackendError: If onnxruntime is not installed.
    """

    def __init__(
        self, weights: str | Path, state_dict: Mapping[str, Tensor], device: str = "cpu"
    ) -> None:
        super().__init__()
        own = {name: state_dict[name] for name in self.state_dict() if name in state_dict}
        load_weights(self, own, str(weights))
        self._session = _open_session(_onnx_file(Path(weights)), torch.device(device))
        self._outputs = [output.name for output in self._session.get_outputs()]

    def forward(
        self,
        inputs: Mapping[str, Any],
        data_samples: Sequence[ForgeryDataSample] | None = None,
        mode: str = "predict",
    ) -> list[ForgeryDataSample]:
        """Return the samples of a batch with their predictions.

        Args:
            inputs: As ``pseudo_collate`` makes them: lists of ``video`` (3, T, H, W) uint8,
                ``video_mask`` (T,) bool, ``waveform`` (S,) float32 and ``audio_mask`` (S,) bool.
            data_samples: B samples, written to.
            mode: 'predict' alone.

        Raises:
            ValueError: If the mode is another.
            NonFiniteScoreError: If a score of what was seen is not a number.
        """
        if mode != "predict":
            raise NotImplementedError(f"A detector of onnxruntime predicts alone, got {mode!r}.")
        feeds = {
            name: np.stack([tensor.cpu().numpy() for tensor in tensors])
            for name, tensors in inputs.items()
        }
        outputs = dict(zip(self._outputs, self._session.run(None, feeds), strict=True))
        scores = torch.from_numpy(outputs["scores"])
        is_video_there = torch.from_numpy(feeds["video_mask"].any(1))
        if scores[is_video_there, :2].isnan().any():
            raise NonFiniteScoreError(
                "The ONNX model gave no number as score of clips that were read: it is damaged; "
                "nothing is wrong with the clips. Export the weights again."
            )
        samples = list(data_samples or [ForgeryDataSample() for _ in scores])
        for index, sample in enumerate(samples):
            sample.pred_scores = scores[index]
            for track in ("video", "audio"):
                if f"{track}_steps" in outputs:
                    steps = torch.from_numpy(outputs[f"{track}_steps"][index])
                    sample.set_field(steps, f"pred_{track}_steps")
        return samples


def _onnx_file(weights: Path) -> Path:
    folder = weights.parent if weights.name == WEIGHTS else weights
    if not is_release(folder):
        raise ConfigError(
            f"--runtime onnx (`runtime='onnx'`) needs a release folder with {ONNX}, and "
            f"'{weights}' is not in one; make one with `macbdf export RUN --out FOLDER --onnx`."
        )
    # One that is not listed may be of other weights.
    if ONNX not in read_digests(folder):
        raise MissingDataError(
            f"Release '{folder}' has no '{ONNX}': it was made without --onnx; make it again with "
            "`macbdf export RUN --out FOLDER --onnx`, or leave out --runtime."
        )
    return folder / ONNX


def _open_session(path: Path, device: torch.device) -> Any:
    if importlib.util.find_spec("onnxruntime") is None:
        raise MissingBackendError(
            "--runtime onnx needs onnxruntime, which is not installed: "
            "pip install 'macbdf_mm[onnx]'."
        )
    import onnxruntime

    provider = _PROVIDERS.get(device.type)
    available = onnxruntime.get_available_providers()
    if provider not in available:
        raise ConfigError(
            f"Device '{device}' cannot be used with --runtime onnx: the installed onnxruntime has "
            f"{', '.join(available)}; use --device cpu, or install onnxruntime-gpu."
        )
    options = onnxruntime.SessionOptions()
    # As many as PyTorch takes: processes that share a machine have one each.
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.type != "cpu":
        providers.insert(0, (provider, {"device_id": device.index or 0}))
    return onnxruntime.InferenceSession(str(path), options, providers=providers)
