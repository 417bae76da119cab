"""Training only where there is something to learn, and saying what there was."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner

from macbdf_mm.engine.unwrap import nested_datasets
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import HOOKS
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS

_CLASSES = {REAL: "real", FAKE: "fake"}
_FIELDS = ("gt_label", "gt_video_label", "gt_audio_label")


@HOOKS.register_module()
class KnownLabelsHook(Hook):
    """Counts the known labels that training sees, by track and class.

    Unknown labels are masked in the losses, so a training set without any would end well, having
    learned nothing. Such a set is refused before training, and so is one of which all known
    labels are of one class, unless its pipeline makes fakes. After each epoch the counts are
    logged, of all ranks together, as a warning where the overall label or that of a track
    was of one class only. Data sets and batches of another kind are left out.
    """

    priority = "LOW"

    def __init__(self) -> None:
        self._counts = torch.zeros(len(TRACKS), len(_CLASSES), dtype=torch.int64)

    def before_train(self, runner: Runner) -> None:
        """Look at the labels of the annotation.

        Raises:
            ConfigError: If nothing can be learned from them.
        """
        known: Counter[tuple[str, int]] = Counter()
        places, makes_fakes = [], False
        for dataset in _datasets(runner):
            if isinstance(counts := getattr(dataset, "label_counts", None), Mapping):
                known.update(counts)
                places.append(str(dataset.ann_file))
                makes_fakes |= any(_makes_fakes(part) for part in _parts(dataset.pipeline))
        if not places:
            return
        where = f"The {len(runner.train_dataloader.dataset)} training clips of {', '.join(places)}"
        classes = {track: {c for c in _CLASSES if known[track, c]} for track in TRACKS}
        if not any(classes.values()):
            raise ConfigError(
                f"{where} have no known label, so nothing can be learned: all `label`, "
                "`video_label` and `audio_label` are -1 or absent; check the column of labels "
                "that they were converted from."
            )
        if not makes_fakes and all(len(found) < len(_CLASSES) for found in classes.values()):
            raise ConfigError(
                f"{where} have labels of one class only ({_named(known)}), so nothing can be "
                "learned; add clips of the other class, or make fakes with ForgeRealClip."
            )

    def before_train_epoch(self, runner: Runner) -> None:
        """Begin to count."""
        self._counts.zero_()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Count the labels of a batch."""
        samples = data_batch.get("data_samples") if isinstance(data_batch, Mapping) else None
        for sample in samples or ():
            for row, field in enumerate(_FIELDS):
                label = getattr(sample, field, None)
                if label is not None and int(label) in _CLASSES:
                    self._counts[row, int(label)] += 1

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the counts.

        Raises:
            ConfigError: If no label was known in the whole epoch.
        """
        counts = self._counts.clone()
        all_reduce(counts)
        known = {
            (track, c): int(counts[row, c]) for row, track in enumerate(TRACKS) for c in _CLASSES
        }
        if not any(known.values()):
            if any(hasattr(d, "label_counts") for d in _datasets(runner)):
                raise ConfigError(
                    "No clip of this epoch had a known label, so nothing was learned: whatever "
                    "the annotation says, the tracks that it labels could not be seen."
                )
            return
        lacking = [track for track in TRACKS if not all(known[track, c] for c in _CLASSES)]
        runner.logger.log(
            logging.WARNING if lacking else logging.INFO,
            f"Known labels of this epoch: {_named(known)}"
            + (f"; nothing can be learned for {' and '.join(lacking)}." if lacking else "."),
        )


def _datasets(runner: Runner) -> Iterator[Any]:
    return nested_datasets(runner.train_dataloader.dataset)


def _named(known: Mapping[tuple[str, int], int]) -> str:
    return ", ".join(
        f"{track} " + " and ".join(f"{known[track, c]} {name}" for c, name in _CLASSES.items())
        for track in TRACKS
    )


def _parts(pipeline: Any) -> Iterator[Any]:
    """Yield the transforms of a pipeline, those inside of others too."""
    for part in getattr(pipeline, "transforms", ()):
        yield part
        yield from _parts(part)


def _makes_fakes(transform: Any) -> bool:
    return bool(getattr(transform, "makes_fakes", False))
