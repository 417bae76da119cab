"""Formats in which a trained detector is written to one file, for other programs.

Each function gets a :class:`~macbdf_mm.apis.export_model.ScoringModel`, an example of its inputs,
and the path to write. Neither stands in the annotations, and torch is imported when a file is
written: to list the formats costs no torch.
"""

import importlib.util
import io
from pathlib import Path
from typing import Any

from macbdf_mm.errors import MissingBackendError
from macbdf_mm.registry import EXPORTERS

# The first with Gelu as one operation.
_OPSET = 20


@EXPORTERS.register_module("program")
def export_program(model: Any, inputs: Any, path: Path) -> None:
    """A program of ``torch.export`` (``.pt2``) for batches of any size.

    It loads with ``torch.export.load(path).module()`` where PyTorch alone is installed.
    """
    import torch

    batch = torch.export.Dim("batch", min=1, max=1024)
    shapes = {name: {0: batch} for name in inputs}
    program = torch.export.export(model, (), kwargs=inputs, dynamic_shapes=shapes)
    buffer = io.BytesIO()  # The writer of PyTorch does not say why it cannot write a file.
    torch.export.save(program, buffer)
    path.write_bytes(buffer.getbuffer())


@EXPORTERS.register_module("weights")
def export_weights(model: Any, inputs: Any, path: Path) -> None:
    """The weights and thresholds alone (``.pth``), without optimiser and training state."""
    import torch

    buffer = io.BytesIO()
    torch.save({"state_dict": model.detector.state_dict()}, buffer)
    path.write_bytes(buffer.getbuffer())


@EXPORTERS.register_module("onnx")
def export_onnx(model: Any, inputs: Any, path: Path) -> None:
    """ONNX of opset 20 (``.onnx``) for batches of any size, from decoded tracks to scores.

    Its inputs are those of :class:`~macbdf_mm.apis.export_model.ScoringModel`, and its outputs
    ``scores`` and, of a MACBDF with a frame-level head, ``video_steps`` and ``audio_steps``, as
    :class:`~macbdf_mm.apis.export_model.StepScoringModel` returns them. It needs the extra
    ``onnx``.
    """
    import torch

    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingBackendError(
            f"ONNX is written through {missing[0]}, which is not installed: "
            "pip install 'macbdf_mm[onnx]'."
        )
    from macbdf_mm.apis.export_model import StepScoringModel
    from macbdf_mm.apis.onnx_decompositions import DECOMPOSITIONS
    from macbdf_mm.models.detectors.macbdf import MACBDF

    outputs = ["scores"]
    if isinstance(model.detector, MACBDF) and model.detector.frame_head is not None:
        model = StepScoringModel(model.detector)
        outputs += ["video_steps", "audio_steps"]
    batch = torch.export.Dim("batch", min=1, max=1024)
    shapes = {name: {0: batch} for name in inputs}
    program = torch.export.export(model, (), kwargs=inputs, dynamic_shapes=shapes)
    program = program.run_decompositions(
        {**torch.export.default_decompositions(), **DECOMPOSITIONS}
    )
    written = torch.onnx.export(
        program,
        (),
        kwargs=inputs,
        dynamo=True,
        opset_version=_OPSET,
        output_names=outputs,
        verbose=False,
    )
    assert written is not None  # It is None without `dynamo` alone.
    path.write_bytes(written.model_proto.SerializeToString())
