"""Clips as a pipeline gives them to the model, to be looked at."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from mmengine import dataset as mmengine_dataset
from mmengine.config import Config

from macbdf_mm.apis.build_dataset import build_dataset
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.errors import (
    ArgumentError,
    ConfigError,
    MissingDataError,
    UndecodableMediaError,
)
from macbdf_mm.reports.browse_page import BrowsedClips
from macbdf_mm.reports.figures.pipeline_clip import PipelineClip
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS

_REPEATING = (mmengine_dataset.RepeatDataset, mmengine_dataset.ClassBalancedDataset)
_ARRAYS = ("video", "video_mask", "waveform", "audio_mask")


def browse_clips(
    cfg: Config,
    part: Literal["train", "val", "test"],
    num_clips: int,
    *,
    split: str | None = None,
    seed: int = 0,
) -> BrowsedClips:
    """Return clips at random, as they come out of a pipeline; those that cannot be read are named.

    Args:
        cfg: The config.
        part: Which of its data loaders.
        num_clips: So many, or all if there are fewer; in test mode, windows of clips.
        split: Of the annotation; None: that of the data set.
        seed: Of the choice and of the augmentation.

    Raises:
        ArgumentError: If ``num_clips`` is not positive.
        ConfigError: If the config has no such data set, or one of another type, or its pipeline
            does not end in ``PackForgeryInputs``.
        MissingDataError: If the annotation, the split or files are not there.
        UndecodableMediaError: If none of the chosen clips can be read.
    """
    if num_clips < 1:
        raise ArgumentError(f"Expected the number of clips to be > 0, got {num_clips}.")
    dataset = build_dataset(cfg, part, {} if split is None else {"split": split})
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:num_clips]
    clips: list[PipelineClip] = []
    unread: dict[str, str] = {}
    parts: list[AudioVisualForgeryDataset] = []
    for number in chosen:
        own, index = _own_dataset(dataset, int(number))
        own.seed = seed
        parts.append(own)
        packed, reason = _read(own, index)
        if reason:
            unread[own.get_data_info(index)["file"]] = reason
        else:
            clips.append(_as_clip(packed, f"{part}_dataloader"))
    # Transforms that combine clips have read others, too.
    for own in parts:
        for file in own.skipped_files:
            unread.setdefault(file, "a transform that combines clips could not read it")
    if not clips:
        file, reason = next(iter(unread.items()))
        raise UndecodableMediaError(
            f"None of the {len(chosen)} chosen clips can be read; {file}: {reason}"
        )
    first = parts[0]
    transforms = [type(each).__name__ for each in first.pipeline.transforms]
    item = "window" if first.test_mode else "clip"
    return BrowsedClips(part, first.split, transforms, item, len(dataset), clips, unread)


def _own_dataset(dataset: Any, index: int) -> tuple[AudioVisualForgeryDataset, int]:
    """Return the data set inside of others that has an item, and its index there."""
    while not isinstance(dataset, AudioVisualForgeryDataset):
        if isinstance(dataset, mmengine_dataset.ConcatDataset):
            place, index = dataset._get_ori_dataset_idx(index)
            dataset = dataset.datasets[place]
        elif isinstance(dataset, _REPEATING):
            index = dataset._get_ori_dataset_idx(index)
            dataset = dataset.dataset
        else:
            raise ConfigError(
                "Expected a data set of type AudioVisualForgeryDataset to look at, got "
                f"{type(dataset).__name__}."
            )
    return dataset, index


def _read(dataset: AudioVisualForgeryDataset, index: int) -> tuple[Any, str]:
    """Return an item after the pipeline, and why it cannot be read, empty if it can."""
    # Not 'raise': a clip is not at fault if another, which a transform adds, cannot be read.
    dataset.on_decode_error = "skip"
    item = dataset.prepare_data(index)
    if item is None:
        dataset.on_decode_error = "raise"
        try:
            item = dataset.prepare_data(index)
        except (MissingDataError, UndecodableMediaError) as error:
            return None, str(error)
    # In test mode an unreadable window comes empty, and says so.
    sample: Any = item.get("data_samples") if isinstance(item, Mapping) else None
    is_sample = isinstance(sample, ForgeryDataSample)
    return item, str(sample.get("decode_error") or "") if is_sample else ""


def _as_clip(item: Any, place: str) -> PipelineClip:
    packed = item if isinstance(item, Mapping) else {}
    sample: Any = packed.get("data_samples")
    inputs: Any = packed.get("inputs")
    is_packed = isinstance(inputs, Mapping) and all(name in inputs for name in _ARRAYS)
    if not is_packed or not isinstance(sample, ForgeryDataSample):
        raise ConfigError(
            f"Expected `{place}.dataset.pipeline` to end in PackForgeryInputs, whose output is "
            "shown; the pipeline returns something else."
        )
    arrays = {name: inputs[name].numpy() for name in _ARRAYS}
    suffixes = {"overall": "label", "video": "video_label", "audio": "audio_label"}
    return PipelineClip(
        name=str(sample.get("file", "")),
        span_seconds=tuple(sample.span_seconds),
        frames=arrays["video"].transpose(1, 2, 3, 0),
        video_valid=arrays["video_mask"],
        waveform=arrays["waveform"],
        audio_valid=arrays["audio_mask"],
        labels={track: int(sample.get(f"gt_{suffixes[track]}")) for track in TRACKS},
        clip_labels={track: int(sample.get(f"clip_{suffixes[track]}")) for track in TRACKS},
        steps={track: sample.get(f"gt_{track}_steps").numpy() for track in STEP_TRACKS},
        category=sample.get("category"),
        method=sample.get("method"),
        identity=sample.get("identity"),
    )
