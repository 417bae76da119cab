"""The embeddings that a trained run gives to the test clips."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope
from torch import Tensor
from torch.utils.data import DataLoader

from macbdf_mm.apis.load_model import build_model, load_checkpoint, load_weights
from macbdf_mm.engine.run_options import last_checkpoint
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.models.detectors.macbdf import MACBDF
from studies.run_folder import RunFolder

_BATCH_SIZE = 32


@dataclass(frozen=True)
class ClipEmbeddings:
    """Embeddings of N clips, the mean over their windows.

    Attributes:
        spaces: ``video`` and ``audio`` (N, D), the contrastive embeddings x_v and x_a, and
            ``fused`` (N, C), what the sample-level head reads.
        categories: RVRA, FVRA, RVFA or FVFA of each clip.
        files: The clips.
    """

    spaces: Mapping[str, npt.NDArray[np.float64]]
    categories: tuple[str, ...]
    files: tuple[str, ...]


def embed_clips(folder: RunFolder) -> ClipEmbeddings:
    """Return the embeddings of a finished run's test clips, in evaluation mode.

    Clips whose category is not known are left out.

    Raises:
        MissingDataError: If the run has left no weights, or no clip has a category.
        ConfigError: If its model is another than ``MACBDF``.
    """
    path = last_checkpoint(folder.training)
    if path is None:
        raise MissingDataError(f"{folder.training} has no checkpoint, so nothing can be embedded.")
    cfg = Config.fromfile(str(folder.config))
    model = build_model(cfg)
    if not isinstance(model, MACBDF):
        raise ConfigError(f"Expected a model of type MACBDF to embed clips, got {cfg.model.type}.")
    load_weights(model, load_checkpoint(path)["state_dict"], path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        dataset = DATASETS.build(cfg.final_evaluation.test_dataloader.dataset)
    vectors: dict[str, list[dict[str, npt.NDArray[np.float64]]]] = {}
    categories = {}
    for batch in DataLoader(dataset, batch_size=_BATCH_SIZE, collate_fn=pseudo_collate):
        spaces = {name: rows.double().numpy() for name, rows in embed_batch(model, batch).items()}
        for index, sample in enumerate(batch["data_samples"]):
            if sample.category is not None:
                categories[sample.file] = sample.category
                vectors.setdefault(sample.file, []).append(
                    {name: rows[index] for name, rows in spaces.items()}
                )
    if not vectors:
        raise MissingDataError("No test clip has a known category, so there is nothing to map.")
    files = sorted(vectors)
    return ClipEmbeddings(
        spaces={
            name: np.stack([np.mean([w[name] for w in vectors[file]], axis=0) for file in files])
            for name in ("video", "audio", "fused")
        },
        categories=tuple(categories[file] for file in files),
        files=tuple(files),
    )


@torch.inference_mode()
def embed_batch(model: MACBDF, batch: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return ``video``, ``audio`` (B, D) and ``fused`` (B, C) of a batch, float32.

    Args:
        model: A ``MACBDF`` whose neck has contrastive embeddings.
        batch: As the data loader gives it.
    """
    inputs = model.data_preprocessor(batch, False)["inputs"]
    video, audio = model.neck.embed(*model.encode(inputs))
    fused = []
    # The head gets the fused vectors and nothing else.
    handle = model.head.register_forward_pre_hook(lambda _, arguments: fused.append(arguments[0]))
    try:
        model(inputs, mode="tensor")
    finally:
        handle.remove()
    return {"video": video, "audio": audio, "fused": fused[0]}
