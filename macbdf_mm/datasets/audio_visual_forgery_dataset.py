"""The data set of clips with labels for both tracks."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from macbdf_mm.datasets.annotation import ClipRow, load_annotation
from macbdf_mm.datasets.seeding import seeded_sample
from macbdf_mm.datasets.splits.refuse_leak import refuse_source_leaks
from macbdf_mm.errors import ConfigError, MissingDataError, UndecodableMediaError
from macbdf_mm.registry import DATASETS, TRANSFORMS, build_part

OnDecodeError = Literal["raise", "skip"]
_NUM_NAMED_FILES = 3


@DATASETS.register_module()
class AudioVisualForgeryDataset(BaseDataset):
    """Clips with sound, annotated in the project's own format (``docs/annotation.md``).

    Each item starts as the fields of its row plus ``path`` (where the file is), ``category``
    and ``sample_idx``, and runs through the pipeline. In test mode a clip gives
    ``windows_per_clip`` items, with the further keys ``window_index`` and ``num_windows``.

    The random numbers of an item follow from ``seed``, the epoch and its index. Whoever
    trains calls :meth:`set_epoch`; it reaches running workers too.

    Args:
        ann_file: The annotation, relative to ``data_root``.
        pipeline: Transforms or their configs; bare names are looked up in this package first.
        data_root: The data folder.
        data_prefix: ``file`` is put before the files of the rows, below ``data_root``.
        split: Keep only the rows of this split; None keeps all.
        test_mode: Whether to list windows, and never to replace an item by another.
        windows_per_clip: How many windows a clip has in test mode.
        on_decode_error: What to do about a file that turns out unreadable. ``'raise'`` stops.
            ``'skip'`` logs it, counts it in :attr:`skipped_files`, and takes the next clip in
            training; in test mode the item comes without valid frames or sound, so that it
            counts as not covered rather than vanishing.
        check_files: Whether to look for all files on loading.
        seed: For the random numbers of augmentation.
        allow_leak: Name of the protocol of the split, such as ``'paper-80-20'``, to train on it
            although it has clips of one recording in several parts.
        **kwargs: Passed on to :class:`mmengine.dataset.BaseDataset`.

    Raises:
        MissingDataError: If the annotation, the split or files are not there.
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
        test_mode: bool = False,
        windows_per_clip: int = 1,
        on_decode_error: OnDecodeError = "raise",
        check_files: bool = True,
        seed: int = 0,
        allow_leak: str | None = None,
        **kwargs: Any,
    ) -> None:
        if on_decode_error not in get_args(OnDecodeError):
            raise ConfigError(
                f"Expected `on_decode_error` 'raise' or 'skip', got {on_decode_error!r}."
            )
        if windows_per_clip < 1:
            raise ConfigError(f"Expected `windows_per_clip` > 0, got {windows_per_clip}.")
        self.split = split
        self.windows_per_clip = windows_per_clip
        self.on_decode_error = on_decode_error
        self.check_files = check_files
        self.seed = seed
        self.allow_leak = allow_leak
        # Shared, so that workers that already run see a new epoch, and this process sees
        # what they skipped.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._skipped = torch.zeros(0, dtype=torch.bool)
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=dict(data_prefix or {"file": ""}),
            pipeline=[build_part(TRANSFORMS, part) for part in pipeline],
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
        annotation = load_annotation(self.ann_file)
        for key, value in annotation.metainfo.items():
            self._metainfo.setdefault(key, value)
        rows = self._rows_of_split(annotation.rows)
        if not self.test_mode and self.split is not None:
            refuse_source_leaks(
                annotation.rows, annotation.metainfo, self.ann_file, self.allow_leak
            )
        items = [self._item(row) for row in rows]
        if self.check_files:
            self._check_files(items)
        if not self.test_mode:
            return items
        return [
            {**item, "window_index": index, "num_windows": self.windows_per_clip}
            for item in items
            for index in range(self.windows_per_clip)
        ]

    def set_epoch(self, epoch: int) -> None:
        """Let the random numbers of augmentation depend on this epoch from now on."""
        self._epoch.fill_(epoch)

    @property
    def skipped_files(self) -> list[str]:
        """The files that no worker could read so far, as annotated, in their order."""
        indices = self._skipped.nonzero().flatten().tolist()
        return list(dict.fromkeys(self.get_data_info(index)["file"] for index in indices))

    def __getitem__(self, idx: int) -> Any:
        """Return an item after the pipeline.

        Raises:
            UndecodableMediaError: If the file cannot be read; with ``on_decode_error='skip'``
                in training only if no file can.
        """
        self.full_init()
        for offset in range(len(self)):
            # The next one, not a random one: a resumed run must replace it by the same clip.
            item = self.prepare_data((idx + offset) % len(self))
            if item is not None:
                return item
        raise UndecodableMediaError(
            f"None of the {len(self)} clips of {self.ann_file} can be read; see the log."
        )

    def prepare_data(self, idx: int) -> Any:
        """Return one item after the pipeline, or None for one to skip in training."""
        with seeded_sample(self.seed, int(self._epoch), idx):
            try:
                return self.pipeline(self.get_data_info(idx))
            except (UndecodableMediaError, MissingDataError) as error:
                if self.on_decode_error == "raise":
                    raise
                self._note_skipped(idx, error)
                if not self.test_mode:
                    return None
                return self.pipeline({**self.get_data_info(idx), "decode_error": str(error)})

    def _note_skipped(self, idx: int, error: Exception) -> None:
        if not self._skipped[idx]:
            self._skipped[idx] = True
            print_log(f"Skipped: {error}", logger="current", level=logging.WARNING)

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

    def _item(self, row: ClipRow) -> dict[str, Any]:
        path = os.path.join(self.data_prefix.get("file", ""), row.file)
        return {**asdict(row), "path": path, "category": row.category}

    def _check_files(self, items: list[dict[str, Any]]) -> None:
        folder = Path(self.data_prefix.get("file", "") or ".")
        if not folder.is_dir():
            raise MissingDataError(f"No data folder at {folder}; check `data_root`.")
        missing = [item["file"] for item in items if not os.path.isfile(item["path"])]
        if missing:
            named = ", ".join(missing[:_NUM_NAMED_FILES])
            more = ", ..." if len(missing) > _NUM_NAMED_FILES else ""
            raise MissingDataError(
                f"{len(missing)} of {len(items)} files that {self.ann_file} names are not "
                f"under {folder}: {named}{more}; check `data_root` and `data_prefix`."
            )
