"""Decoded spans of a data set in memory-mapped files: decoded once, read by many runs."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.utils.files import replacing_folder, write_json

CACHE_VERSION = 2
"""Version of the files; increase it when the same data set gives other contents."""

_NOTE = "cache.json"
_TYPES = {
    "frames": np.uint8,
    "video_valid": np.bool_,
    "waveform": np.float32,
    "audio_valid": np.bool_,
    "span_seconds": np.float64,
    "num_damaged": np.int64,
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class InputCache:
    """The decoded spans of a data set, in the order of its items.

    With several draws, the spans of the first draw of all items come first.

    Attributes:
        arrays: Memory-mapped, N spans along the first axis: ``frames`` (N, T, H, W, 3) uint8
            RGB, ``video_valid`` (N, T) bool, ``waveform`` (N, S) float32, ``audio_valid``
            (N, S) bool, ``span_seconds`` (N, 2) float64, ``num_damaged`` (N,) int64.
        files: The file of each item, as annotated; N / num_draws of them.
        sample_rate: Of the waveforms, in Hz.
        num_draws: Spans of each item.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    files: tuple[str, ...]
    sample_rate: int
    num_draws: int

    def read(self, index: int, draw: int = 0) -> dict[str, Any]:
        """Return the keys that ``SampleClipSpan`` and ``DecodeAudioVisual`` add, copied.

        Args:
            index: Of the item in the data set.
            draw: Which of its spans.
        """
        row = draw * len(self.files) + index
        # Copies: transforms may work in place, and the files must not change.
        values = {name: np.array(array[row]) for name, array in self.arrays.items()}
        frames = values.pop("frames")
        start, end = values.pop("span_seconds").tolist()
        return {
            **values,
            "span_seconds": (start, end),
            "num_damaged": int(values["num_damaged"]),
            "imgs": list(frames),
            "sample_rate": self.sample_rate,
            "img_shape": frames.shape[1:3],
            "original_shape": frames.shape[1:3],
            "modality": "RGB",
            "clip_len": len(frames),
            "num_clips": 1,
        }


def write_input_cache(
    folder: str | Path,
    draws: Iterable[Mapping[str, Any]],
    num_items: int,
    num_draws: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write the decoded spans of a data set; the folder is there in full or not at all.

    What a killed writer left beside it is removed first.

    Args:
        folder: Is made, or replaced.
        draws: Items after decoding, ``num_draws`` times all of them in their order.
        num_items: Items of the data set.
        num_draws: Spans of each.
        progress: Called with the spans written so far and the spans in all.

    Raises:
        ConfigError: If the spans differ in shape, or there are not as many as promised.
        UnwritableFileError: If there is no space or no permission.
    """
    with replacing_folder(folder) as unfinished:
        _write(unfinished, draws, num_items, num_draws, progress)


def _write(
    folder: Path,
    draws: Iterable[Mapping[str, Any]],
    num_items: int,
    num_draws: int,
    progress: Progress | None,
) -> None:
    total = num_items * num_draws
    arrays: dict[str, np.memmap] = {}
    files, rates = [], set()
    for row, results in enumerate(draws):
        values = _values(results)
        if not arrays:
            arrays = {
                name: _allocate(folder / f"{name}.npy", value.dtype, (total, *value.shape))
                for name, value in values.items()
            }
        for name, value in values.items():
            if value.shape != arrays[name].shape[1:]:
                raise ConfigError(
                    f"{results['file']}: its {name} has the shape {value.shape}, that of the "
                    f"first clip {arrays[name].shape[1:]}; clips that are cached must have one "
                    "size, so let the data set's files be cropped or resized first."
                )
            arrays[name][row] = value
        files.append(results["file"])
        rates.add(int(results["sample_rate"]))
        if progress is not None:
            progress(row + 1, total)
    if len(files) != total or len(rates) != 1:
        raise ConfigError(
            f"Cached inputs: expected {total} spans of one sample rate, got {len(files)} at "
            f"{rates} Hz."
        )
    for array in arrays.values():
        array.flush()
    note = {
        "version": CACHE_VERSION,
        "files": files[:num_items],
        "sample_rate": rates.pop(),
        "num_draws": num_draws,
    }
    write_json(note, folder / _NOTE, indent=None)


def _allocate(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> np.memmap[Any, np.dtype[Any]]:
    """Return an array in a file that has all of its space on the disk.

    A process that writes to a mapped file for which there is none is killed without a word.
    """
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def open_input_cache(folder: str | Path) -> InputCache:
    """Return the spans that were written to a folder, mapped read-only.

    Raises:
        MissingDataError: If there is no cache in the folder.
        ConfigError: If another version of this package wrote it.
    """
    folder = Path(folder)
    if not (folder / _NOTE).is_file():
        raise MissingDataError(f"No cached inputs in {folder}; start the study again to make them.")
    note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    if note["version"] != CACHE_VERSION:
        raise ConfigError(
            f"{folder}: holds cached inputs of version {note['version']}, and this is version "
            f"{CACHE_VERSION}; remove the folder."
        )
    return InputCache(
        arrays={name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _TYPES},
        files=tuple(note["files"]),
        sample_rate=note["sample_rate"],
        num_draws=note["num_draws"],
    )


def has_input_cache(folder: str | Path) -> bool:
    """Return whether a folder holds a whole cache."""
    return (Path(folder) / _NOTE).is_file()


def _values(results: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    # A decoder of somebody else may not count what is damaged.
    stacked = {"num_damaged": 0, **results, "frames": np.stack(results["imgs"])}
    return {name: np.asarray(stacked[name], dtype) for name, dtype in _TYPES.items()}
