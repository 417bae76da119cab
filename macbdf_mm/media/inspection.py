"""Looking into media files in other processes; free of PyTorch, so that these start at once."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from macbdf_mm.errors import MissingDataError, UndecodableMediaError
from macbdf_mm.media.header import read_header

# A job's results: one for each of its files, plain values that JSON holds.
Results = list[dict[str, Any]]


def inspect_headers(root: str, files: Sequence[str]) -> Results:
    """Return for each file below ``root`` the fields of its header, or its ``error``."""
    results: Results = []
    for file in files:
        try:
            results.append(asdict(read_header(Path(root, file))))
        except (MissingDataError, UndecodableMediaError) as error:
            results.append({"error": str(error)})
    return results


def inspect_tracks(root: str, files: Sequence[str]) -> Results:
    """Return for each file but the first how its tracks differ from those of the first."""
    # Imported here: who looks at headers only needs neither OpenCV nor its start-up time.
    from macbdf_mm.media.track_comparison import compare_with_original

    original, *clips = (Path(root, file) for file in files)
    return [asdict(comparison) for comparison in compare_with_original(original, clips)]
