"""The embeddings that a detector gives to the clips of a data set."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn
from torch.utils.data import DataLoader

from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.evaluation.clip_embeddings import SPACES, ClipEmbeddings
from macbdf_mm.models.detectors.macbdf import MACBDF
from macbdf_mm.models.necks.contrastive_fusion_neck import ContrastiveFusionNeck

_BATCH_SIZE = 32


def embed_clips(model: nn.Module, dataset: Any, *, num_workers: int = 0) -> ClipEmbeddings:
    """Return the embeddings of the clips of a data set, each the mean over its windows.

    Left out are clips without a known category, those that cannot be read, and those of which a
    track is seen in no window: the embedding of a missing track is the same for every clip.

    Args:
        model: A ``MACBDF`` whose neck has contrastive embeddings, in evaluation mode.
        dataset: Its items are windows in test mode.
        num_workers: Processes that load them.

    Raises:
        ConfigError: If it is another model.
        MissingDataError: If no clip is left.
    """
    if not isinstance(model, MACBDF) or not isinstance(model.neck, ContrastiveFusionNeck):
        raise ConfigError(
            "Expected a model of type MACBDF with a ContrastiveFusionNeck, whose embeddings are "
            f"mapped, got {type(getattr(model, 'neck', model)).__name__}."
        )
    rows = defaultdict[str, list[dict[str, npt.NDArray[np.float64]]]](list)
    categories: dict[str, str | None] = {}
    errors: dict[str, str] = {}
    seen = defaultdict[str, set[str]](set)
    loader = DataLoader(
        dataset, batch_size=_BATCH_SIZE, collate_fn=pseudo_collate, num_workers=num_workers
    )
    for batch in loader:
        found = embed_batch(model, batch)
        spaces = {name: vectors.double().cpu().numpy() for name, vectors in found.items()}
        for index, sample in enumerate(batch["data_samples"]):
            file = sample.file
            categories[file] = sample.category
            if sample.get("decode_error"):
                errors[file] = str(sample.decode_error)
                continue
            for track in ("video", "audio"):
                if batch["inputs"][f"{track}_mask"][index].any():
                    seen[file].add(track)
            rows[file].append({name: vectors[index] for name, vectors in spaces.items()})
    left_out = {
        file: _why_left_out(category, errors.get(file), seen[file])
        for file, category in categories.items()
    }
    kept = {file: categories[file] or "" for file in sorted(left_out) if not left_out[file]}
    left_out = {file: why for file, why in left_out.items() if why}
    if not kept:
        file, why = next(iter(left_out.items()), ("", ""))
        said = f": {file}: {why}" if file else ""
        raise MissingDataError(f"No clip of {len(categories)} is left to map{said}.")
    means = {
        name: np.stack([np.mean([window[name] for window in rows[file]], axis=0) for file in kept])
        for name in SPACES
    }
    return ClipEmbeddings(means, tuple(kept.values()), tuple(kept), left_out)


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


def _why_left_out(category: str | None, error: str | None, seen: set[str]) -> str:
    """Return why a clip is not on the map, empty if it is."""
    if error:
        return error
    if category is None:
        return "its category is not known"
    missing = [track for track in ("video", "audio") if track not in seen]
    return f"no {' and no '.join(missing)} is seen" if missing else ""
