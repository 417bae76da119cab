"""Training only where there is something to learn, and saying what there was."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from macbdf_mm.engine.unwrap import bare_model, nested_datasets
from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import HOOKS
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS, UNKNOWN

_CLASSES = {REAL: "real", FAKE: "fake"}
_FIELDS = ("gt_label", "gt_video_label", "gt_audio_label")


@HOOKS.register_module()
class KnownLabelsHook(Hook):
    """Counts the known labels that training sees, by track and class.

    Unknown labels are masked in the losses, and so are those of a track with one class, so a
    training set without both would end well, having learned nothing. Such a set is refused before
    training, unless its pipeline makes fakes. Where the overall label or that of a track alone
    lacks a class, training begins with a warning that names it. After each epoch the counts are
    logged, of all ranks together, as a warning where one was of one class only. Data sets and
    batches of another kind are left out.

    A training that is not resumed forgets which classes the heads have had: a checkpoint to start
    from brings those of other data.
    """

    priority = "LOW"

    def __init__(self) -> None:
        self._counts = torch.zeros(len(TRACKS), len(_CLASSES), dtype=torch.int64)

    def before_train(self, runner: Runner) -> None:
        """Look at the labels of the annotation, and begin without any known class.

        Raises:
            ConfigError: If nothing can be learned from them.
        """
        if runner.iter == 0:
            _forget_classes(bare_model(runner))
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
        if makes_fakes:
            # What the annotation lacks may be made; the end of the epoch tells.
            return
        lacking = [track for track, found in classes.items() if len(found) < len(_CLASSES)]
        if len(lacking) == len(TRACKS):
            raise ConfigError(
                f"{where} have labels of one class only ({_named(known)}), so nothing can be "
                "learned; add clips of the other class, or make fakes with ForgeRealClip."
            )
        if lacking:
            tracks = " and ".join(lacking)
            runner.logger.log(
                logging.WARNING,
                f"{where} do not have both classes for {tracks}: "
                + "; ".join(
                    f"{_named(known, [track])}, {known[track, UNKNOWN]} unknown"
                    for track in lacking
                )
                + f". Losses of a label without both classes are zero, so nothing is learned for "
                f"{tracks}, and scores of it mean nothing.",
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


def _forget_classes(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(known_classes := getattr(module, "known_classes", None), torch.Tensor):
            known_classes.zero_()


def _named(known: Mapping[tuple[str, int], int], tracks: Iterable[str] = TRACKS) -> str:
    return ", ".join(
        f"{track} " + " and ".join(f"{known[track, c]} {name}" for c, name in _CLASSES.items())
        for track in tracks
    )


def _parts(pipeline: Any) -> Iterator[Any]:
    """Yield the transforms of a pipeline, those inside of others too."""
    for part in getattr(pipeline, "transforms", ()):
        yield part
        yield from _parts(part)


def _makes_fakes(transform: Any) -> bool:
    return bool(getattr(transform, "makes_fakes", False))
