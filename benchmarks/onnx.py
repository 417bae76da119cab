"""The detector computed by onnxruntime, against PyTorch, on decoded windows."""

import importlib.util
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from benchmarks.calls import build_training_model
from benchmarks.rows import NotMeasuredError, Row, compare
from benchmarks.settings import CPU, Settings
from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.export_model import example_inputs
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.write_release import write_release
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample

_BATCH_SIZES = (1, 8)
_NEEDED = ("onnx", "onnxscript", "onnxruntime")


def measure_onnx(settings: Settings) -> Iterator[Row]:
    """Yield the forward pass of a batch of windows, preprocessing included, for each batch size."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise NotMeasuredError(f"{missing[0]} is not installed (extra `onnx`)")
    cfg = load_config(settings.config)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "untrained.pth"
        model = build_training_model(cfg, settings.seed, CPU)
        torch.save({"state_dict": model.state_dict()}, weights)
        release = write_release(cfg, weights, Path(folder) / "release", onnx=True)
        pytorch = ForgeryInferencer(release, device="cpu", show_progress=False)
        onnx = ForgeryInferencer(release, device="cpu", show_progress=False, runtime="onnx")
        drawn = {name: tensor[0] for name, tensor in example_inputs(cfg).items()}
        generator = torch.Generator().manual_seed(settings.seed)
        drawn["video"] = torch.randint(
            0, 256, drawn["video"].shape, dtype=torch.uint8, generator=generator
        )
        drawn["waveform"] = torch.rand(drawn["waveform"].shape, generator=generator) - 0.5
        for name in ("video_mask", "audio_mask"):
            drawn[name] = torch.ones_like(drawn[name])
        for size in _BATCH_SIZES:
            batch = {
                "inputs": {name: [tensor] * size for name, tensor in drawn.items()},
                "data_samples": [ForgeryDataSample() for _ in range(size)],
            }
            yield compare(
                "scores of windows by onnxruntime",
                f"B={size}",
                "PyTorch",
                partial(onnx.forward, batch),
                partial(pytorch.forward, batch),
                settings,
                num_rounds=settings.num_step_rounds,
            )
