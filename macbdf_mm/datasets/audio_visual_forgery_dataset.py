"""The data set of clips with labels for both tracks."""

import copy
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from mmengine.dataset import BaseDataset, Compose
from mmengine.logging import print_log
from torch.utils.data import get_worker_info

from macbdf_mm.datasets.annotation import ClipRow, load_annotation
from macbdf_mm.datasets.build_transforms import build_transforms
from macbdf_mm.datasets.seeding import seeded_sample
from macbdf_mm.datasets.source_leaks import find_source_leaks, refuse_source_leaks
from macbdf_mm.datasets.transforms.sample_clip_span import SampleClipSpan
from macbdf_mm.errors import (
    AnnotationError,
    ConfigError,
    MissingDataError,
    UndecodableMediaError,
)
from macbdf_mm.media.decoding_process import (
    DEFAULT_TIME_LIMIT_SECONDS,
    DecodingProcess,
    call_in,
)
from macbdf_mm.media.probe import probe
from macbdf_mm.registry import DATASETS
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS, UNKNOWN
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.lifeline import end_with_parent
from macbdf_mm.utils.tables import printable

OnDecodeError = Literal["raise", "skip"]
_NUM_NAMED_FILES = 3


@DATASETS.register_module()
class AudioVisualForgeryDataset(BaseDataset):
    """Clips with sound, annotated in the project's own format (``docs/annotation.md``).

    Each item starts as the fields of its row plus ``path`` (where the file is), ``dataset_name``,
    ``category`` and ``sample_idx``, and runs through the pipeline. In test mode each window of a
    clip is an item, with the further key ``window_index``. The windows are those of the grid of the
    pipeline's ``SampleClipSpan``; clips whose row has no ``duration_seconds`` are measured first.
    Transforms that combine clips find this data set as ``dataset``, and take others from
    :meth:`before`.

    :attr:`name_prefix` is put before ``file`` in ``clip_name``, by which training tells clips
    apart; whoever trains on several data folders sets it.
    :attr:`label_counts` says how many clips have which label: (track, label) -> number.

    The random numbers of an item follow from ``seed``, the epoch and its index, and from how often
    it was drawn before in the epoch, where the sampler says so. Whoever trains calls
    :meth:`set_epoch`; it reaches running workers too.

    Args:
        ann_file: The annotation, relative to ``data_root``.
        pipeline: Transforms or their configs; bare names are looked up in this package first.
        data_root: The data folder.
        data_prefix: ``file`` is put before the files of the rows, below ``data_root``.
        split: Keep only the rows of this split; None keeps all.
        labels: Keep only clips with one of these labels, of the clip as a whole: ``[0]`` keeps
            the real ones, to train without fakes. None keeps all.
        test_mode: Whether to list windows, and never to replace an item by another.
        windows_per_clip: So many windows of each clip in test mode, evenly placed, in place of
            the grid; items then have ``num_windows``, too. They may leave gaps.
        on_decode_error: What to do about a file that turns out unreadable. ``'raise'`` stops.
            ``'skip'`` logs it, counts it in :attr:`skipped_files`, and in training takes the
            next clip with the same labels; in test mode the item comes without valid frames
            or sound, so that it counts as not covered rather than vanishing.
        decode_time_limit_seconds: Files are read in a child process of each worker, so that
            none can crash or hang the worker; one that takes longer than this, or kills the
            child, is unreadable. None reads them in the worker itself.
        check_files: Whether to look for all files on loading.
        seed: For the random numbers of augmentation.
        allow_leak: Name of the protocol of the split, such as ``'paper-80-20'``, to train on it
            although it has clips of one recording in several parts.
        allow_outside_root: Whether rows may name files outside of the data folder, by absolute
            paths or ``..``.
        face_crops: Whether the files have to be face crops of ``tools/prepare_faces.py``: full
            frames, which a pipeline for crops would squeeze, are then refused.
        **kwargs: Passed on to :class:`mmengine.dataset.BaseDataset`.

    Raises:
        MissingDataError: If the annotation, the split or files are not there, or the split has no
            clip with one of the ``labels``.
        AnnotationError: If the annotation breaks the format.
        ConfigError: If an argument is out of range, or clips of one recording are in several
            parts and ``allow_leak`` does not say that this is meant.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: Sequence[Mapping[str, Any] | Callable[[dict], dict | None]] = (),
        data_root: str = "",
        data_prefix: Mapping[str, str] | None = None,
        split: str | None = None,
        labels: Sequence[int] | None = None,
        test_mode: bool = False,
        windows_per_clip: int | None = None,
        on_decode_error: OnDecodeError = "raise",
        decode_time_limit_seconds: float | None = DEFAULT_TIME_LIMIT_SECONDS,
        check_files: bool = True,
        seed: int = 0,
        allow_leak: str | None = None,
        allow_outside_root: bool = False,
        face_crops: bool = False,
        **kwargs: Any,
    ) -> None:
        if on_decode_error not in get_args(OnDecodeError):
            raise ConfigError(
                f"Expected `on_decode_error` 'raise' or 'skip', got {on_decode_error!r}."
            )
        if labels is not None and not _are_labels(labels):
            raise ConfigError(
                "Expected `labels` to be a list of 1 (fake), 0 (real) and -1 (unknown), or None "
                f"for all, got {labels!r}."
            )
        for name, limit in (
            ("windows_per_clip", windows_per_clip),
            ("decode_time_limit_seconds", decode_time_limit_seconds),
        ):
            if limit is not None and not limit > 0:
                raise ConfigError(f"Expected `{name}` > 0 or None, got {limit}.")
        self.split = split
        self.labels = labels
        self.windows_per_clip = windows_per_clip
        self.on_decode_error = on_decode_error
        self.check_files = check_files
        self.seed = seed
        self.allow_leak = allow_leak
        self.allow_outside_root = allow_outside_root
        self.face_crops = face_crops
        self._process = (
            DecodingProcess(decode_time_limit_seconds) if decode_time_limit_seconds else None
        )
        # Shared, so that workers that already run see a new epoch, and this process sees
        # what they skipped.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._skipped = torch.zeros(0, dtype=torch.bool)
        self.name_prefix = ""
        self.label_counts: Counter[tuple[str, int]] = Counter()
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=dict(data_prefix or {"file": ""}),
            pipeline=build_transforms(pipeline),
            test_mode=test_mode,
            **kwargs,
        )

    def full_init(self) -> None:
        """Load the annotation, once."""
        if self._fully_initialized:
            return
        super().full_init()
        self._skipped = torch.zeros(len(self), dtype=torch.bool).share_memory_()

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return the items: the rows of the split, once for each window in test mode."""
        annotation = load_annotation(self.ann_file, self.allow_outside_root, self.face_crops)
        for key, value in annotation.metainfo.items():
            self._metainfo.setdefault(key, value)
        rows = self._with_labels(self._rows_of_split(annotation.rows))
        if not self.test_mode and self.split is not None:
            leaks = find_source_leaks(annotation.rows)
            refuse_source_leaks(leaks, annotation.metainfo, self.ann_file, self.allow_leak)
        folder = self.data_prefix.get("file", "")
        items = [
            {
                **asdict(row),
                "path": os.path.join(folder, row.file),
                "dataset_name": self._metainfo["dataset"],
                "category": row.category,
            }
            for row in rows
        ]
        self.label_counts = count_labels(rows)
        if self.check_files:
            self._check_files(items)
        if not self.test_mode:
            return items
        chooser = next((t for t in self.pipeline.transforms if isinstance(t, SampleClipSpan)), None)
        if self.windows_per_clip is not None or chooser is None or chooser.stride_seconds is None:
            count = self.windows_per_clip or 1
            return [
                {**item, "window_index": index, "num_windows": count}
                for item in items
                for index in range(count)
            ]
        self._measure_unknown_lengths(items)
        return [
            {**item, "window_index": index}
            for item in items
            for index in range(self._num_windows(item, chooser))
        ]

    def set_epoch(self, epoch: int) -> None:
        """Let the random numbers of augmentation depend on this epoch from now on."""
        self._epoch.fill_(epoch)

    def before(self, transform: Any) -> "AudioVisualForgeryDataset":
        """Return this data set with the part of its pipeline before a transform.

        It has an epoch of its own; what it cannot read is skipped, counted and named as here.

        Raises:
            ConfigError: If the pipeline does not have the transform, other than inside of another.
        """
        parts = self.pipeline.transforms
        places = [place for place, part in enumerate(parts) if part is transform]
        if not places:
            raise ConfigError(
                f"{type(transform).__name__} takes other clips of its data set, so it has to stand "
                "in the pipeline itself, not inside of another transform; give it a `probability`."
            )
        shortened = copy.copy(self)
        shortened.pipeline = Compose(parts[: places[0]])
        shortened._epoch = torch.zeros((), dtype=torch.int64)
        return shortened

    @property
    def skipped_files(self) -> list[str]:
        """The files that no worker could read so far, as annotated, in their order."""
        indices = self._skipped.nonzero().flatten().tolist()
        return list(dict.fromkeys(self.get_data_info(index)["file"] for index in indices))

    @property
    def skipped_paths(self) -> list[str]:
        """Where these files are."""
        indices = self._skipped.nonzero().flatten().tolist()
        return list(dict.fromkeys(self.get_data_info(index)["path"] for index in indices))

    def __getitem__(self, idx: int) -> Any:
        """Return an item after the pipeline.

        Raises:
            UndecodableMediaError: If the file cannot be read; with ``on_decode_error='skip'``
                in training only if no file can.
        """
        self.full_init()
        if get_worker_info() is not None:
            _end_with_main_process(os.getpid())
        for index in self._with_stand_ins(idx):
            item = self.prepare_data(index)
            if item is not None:
                return item
        raise UndecodableMediaError(
            f"No clip of {self.ann_file} can be read, of {len(self)}; see the log."
        )

    def prepare_data(self, idx: int) -> Any:
        """Return one item after the pipeline, or None for one to skip in training."""
        with seeded_sample(self.seed, int(self._epoch), idx):
            try:
                return self._run_pipeline(int(idx))
            except (UndecodableMediaError, MissingDataError) as error:
                if self.on_decode_error == "raise":
                    raise
                self._note_skipped(idx, error)
                if not self.test_mode:
                    return None
                return self._run_pipeline(int(idx), decode_error=str(error))

    def _run_pipeline(self, idx: int, **further: Any) -> Any:
        info = {**self.get_data_info(idx), **further}
        info["clip_name"] = self.name_prefix + info["file"]
        results = self.pipeline({**info, "decoding_process": self._process, "dataset": self})
        if isinstance(results, dict):
            results.pop("decoding_process", None)
            results.pop("dataset", None)
        return results

    def _with_stand_ins(self, idx: int) -> Iterator[int]:
        """Yield an index and those to try in its place: first the ones with the same labels.

        Each in the order of the data set, not at random: whichever worker meets an unreadable
        clip, and a resumed run too, must replace it by the same one.
        """
        yield idx
        following = [(idx + offset) % len(self) for offset in range(1, len(self))]
        labels = self._labels(idx)
        yield from (index for index in following if self._labels(index) == labels)
        yield from (index for index in following if self._labels(index) != labels)

    def _labels(self, idx: int) -> tuple[int, int, int]:
        info = self.get_data_info(idx)
        return info["label"], info["video_label"], info["audio_label"]

    def _num_windows(self, item: Mapping[str, Any], chooser: SampleClipSpan) -> int:
        duration_seconds = item["duration_seconds"]
        if duration_seconds is None:  # It cannot be read, as its one item will say.
            return 1
        try:
            return len(chooser.plan_windows(duration_seconds))
        except UndecodableMediaError as error:
            raise AnnotationError(
                f"{self.ann_file}: {item['file']} has a `duration_seconds` of "
                f"{duration_seconds:g}. {error}"
            ) from None

    def _measure_unknown_lengths(self, items: list[dict[str, Any]]) -> None:
        unknown = [item for item in items if item["duration_seconds"] is None]
        if not unknown:
            return
        print_log(
            f"{self.ann_file} lacks the `duration_seconds` of {len(unknown)} of "
            f"{counted(len(items), 'clip')}: measured now; the converters write it.",
            logger="current",
            level=logging.WARNING,
        )
        for item in unknown:
            with suppress(MissingDataError, UndecodableMediaError):
                info = call_in(self._process, probe, item["path"])
                item["duration_seconds"] = info.duration_seconds

    def _note_skipped(self, idx: int, error: Exception) -> None:
        if not self._skipped[idx]:
            self._skipped[idx] = True
            said = printable(f"Skipped: {error}")
            print_log(said, logger="current", level=logging.WARNING)

    def _rows_of_split(self, rows: list[ClipRow]) -> list[ClipRow]:
        if not rows:
            raise MissingDataError(f"{self.ann_file} lists no clips; make the data set again.")
        if self.split is None:
            return rows
        kept = [row for row in rows if row.split == self.split]
        if not kept:
            splits = sorted({str(row.split) for row in rows})
            raise MissingDataError(
                f"{self.ann_file} has no row with `split` {self.split!r}; it has {splits}."
            )
        return kept

    def _with_labels(self, rows: list[ClipRow]) -> list[ClipRow]:
        if self.labels is None:
            return rows
        kept = [row for row in rows if row.label in self.labels]
        if not kept:
            counts = Counter(row.label for row in rows)
            found = ", ".join(f"{count} with {label}" for label, count in sorted(counts.items()))
            raise MissingDataError(
                f"{self.ann_file} has no clip with a `label` of {list(self.labels)} (1 fake, 0 "
                f"real, -1 unknown) where `split` is {self.split!r}; it has {found}."
            )
        return kept

    def _check_files(self, items: list[dict[str, Any]]) -> None:
        folder = Path(self.data_prefix.get("file", "") or ".")
        if not folder.is_dir():
            raise MissingDataError(f"No data folder at {folder}; check `data_root`.")
        missing = [item["file"] for item in items if not os.path.isfile(item["path"])]
        if missing:
            named = ", ".join(missing[:_NUM_NAMED_FILES])
            more = ", ..." if len(missing) > _NUM_NAMED_FILES else ""
            raise MissingDataError(
                f"{folder} lacks {len(missing)} of {counted(len(items), 'file')} that "
                f"{self.ann_file} names: {named}{more}; check `data_root` and `data_prefix`."
            )


def count_labels(rows: Iterable[ClipRow]) -> Counter[tuple[str, int]]:
    """Return how many clips have which label: (overall, video or audio; label) -> number."""
    return Counter(
        pair
        for row in rows
        for pair in zip(TRACKS, (row.label, row.video_label, row.audio_label), strict=True)
    )


def _are_labels(labels: Any) -> bool:
    is_list = isinstance(labels, list | tuple) and len(labels) > 0
    return is_list and all(label in (FAKE, REAL, UNKNOWN) for label in labels)


@cache
def _end_with_main_process(process_id: int) -> None:
    # PyTorch's worker looks for its parent only when it waits for work, and then waits for ever
    # for its items to be taken, if the parent was killed.
    end_with_parent()
