"""The embeddings that a run gives to the test clips, and how far they hold groups apart."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, DefaultScope
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.utils.data import DataLoader

from macbdf_mm.apis.load_model import build_model, load_checkpoint, load_weights
from macbdf_mm.engine.run_options import last_checkpoint
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.models.detectors.macbdf import MACBDF
from macbdf_mm.structures.labels import CATEGORIES, FAKE
from studies.runs import CONFIG_FILE, TRAINING_FOLDER

_BATCH_SIZE = 32
_NUM_NEIGHBOURS = 5
_MAX_PERPLEXITY = 30.0


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


def embed_clips(folder: Path) -> ClipEmbeddings:
    """Return the embeddings of a finished run's test clips, in evaluation mode.

    Clips whose category is not known are left out.

    Raises:
        MissingDataError: If the run has left no weights, or no clip has a category.
        ConfigError: If its model is another than ``MACBDF``.
    """
    path = last_checkpoint(folder / TRAINING_FOLDER)
    if path is None:
        raise MissingDataError(f"{folder} has no checkpoint, so nothing can be embedded.")
    cfg = Config.fromfile(str(folder / CONFIG_FILE))
    model = build_model(cfg)
    if not isinstance(model, MACBDF):
        raise ConfigError(f"Expected a model of type MACBDF to embed clips, got {cfg.model.type}.")
    load_weights(model, load_checkpoint(path)["state_dict"], path)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        dataset = DATASETS.build(cfg.final_evaluation.test_dataloader.dataset)
    rows = defaultdict[str, list[dict[str, npt.NDArray[np.float64]]]](list)
    categories = {}
    for batch in DataLoader(dataset, batch_size=_BATCH_SIZE, collate_fn=pseudo_collate):
        spaces = {name: found.double().numpy() for name, found in embed_batch(model, batch).items()}
        for index, sample in enumerate(batch["data_samples"]):
            if sample.category is not None:
                categories[sample.file] = sample.category
                rows[sample.file].append({name: found[index] for name, found in spaces.items()})
    if not rows:
        raise MissingDataError("No test clip has a known category, so there is nothing to map.")
    files = sorted(rows)
    means = {
        name: np.stack([np.mean([window[name] for window in rows[file]], axis=0) for file in files])
        for name in ("video", "audio", "fused")
    }
    return ClipEmbeddings(means, tuple(categories[file] for file in files), tuple(files))


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


def measure_separation(embeddings: ClipEmbeddings, space: str) -> dict[str, float]:
    """Return how far a space holds clips apart, by category and by the labels of its track.

    Args:
        embeddings: Of a run's test clips.
        space: ``video``, ``audio`` or ``fused``; the last one's labels are the clips' own.

    Returns:
        For both groupings the silhouette, the 5-NN accuracy, and the accuracy of chance.
    """
    vectors = embeddings.spaces[space]
    groupings = {
        "category": embeddings.categories,
        "own label": [_own_label(category, space) for category in embeddings.categories],
    }
    figures: dict[str, float] = {}
    for name, groups in groupings.items():
        figures[f"{name}: silhouette"] = silhouette(vectors, groups)
        figures[f"{name}: 5-NN accuracy"] = neighbour_accuracy(vectors, groups)
        figures[f"{name}: chance"] = max(map(groups.count, groups)) / len(groups)
    return figures


def silhouette(embeddings: npt.NDArray[np.float64], groups: Sequence[str]) -> float:
    """Return the mean silhouette by cosine distance, in [-1, 1]; NaN for a single group.

    Args:
        embeddings: Shape (N, D).
        groups: The group of each, N of them.
    """
    if not 1 < len(set(groups)) < len(groups):
        return float("nan")
    return float(silhouette_score(embeddings, list(groups), metric="cosine"))


def neighbour_accuracy(embeddings: npt.NDArray[np.float64], groups: Sequence[str]) -> float:
    """Return how often the majority of a clip's 5 nearest others has its group.

    By cosine distance; of several groups with equally many neighbours, the one with the
    nearest of them counts. NaN for too few clips.

    Args:
        embeddings: Shape (N, D).
        groups: The group of each, N of them.
    """
    if len(groups) <= _NUM_NEIGHBOURS:
        return float("nan")
    search = NearestNeighbors(n_neighbors=_NUM_NEIGHBOURS, metric="cosine").fit(embeddings)
    # Without an argument the search leaves each clip itself out.
    neighbours = np.asarray(groups)[search.kneighbors(return_distance=False)]  # (N, 5)
    votes = [_majority(row) for row in neighbours.tolist()]
    return float(np.mean(np.asarray(votes) == np.asarray(groups)))


def plane_map(embeddings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return t-SNE's places of the embeddings in a plane, shape (N, 2).

    Args:
        embeddings: Shape (N, D), N > 1.
    """
    perplexity = min(_MAX_PERPLEXITY, (len(embeddings) - 1) / 3)
    search = TSNE(perplexity=perplexity, metric="cosine", init="pca", random_state=0)
    return np.asarray(search.fit_transform(np.asarray(embeddings, np.float32)), np.float64)


def _own_label(category: str, space: str) -> str:
    """Return ``real`` or ``fake``, for a track or for the clip."""
    own = next(labels for labels, name in CATEGORIES.items() if name == category)
    label = {"video": own[0], "audio": own[1], "fused": max(own)}[space]
    return "fake" if label == FAKE else "real"


def _majority(groups: Sequence[str]) -> str:
    # max takes the first of equals, and the neighbours stand nearest first.
    return max(groups, key=groups.count)
