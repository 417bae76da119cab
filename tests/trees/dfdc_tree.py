"""Small trees in the layouts of DFDC, of real mp4 files."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recordings import Recording, record, save, swap_face, swap_voice

# Tracks that a fake has forged -> its video and audio label.
FORGED = {"video": (1, 0), "audio": (0, 1), "both": (1, 1)}


def forge(recording: Recording, tracks: str, seed: int) -> Recording:
    """Return the recording with the named tracks forged."""
    if tracks in ("video", "both"):
        recording = swap_face(recording, seed)
    if tracks in ("audio", "both"):
        recording = swap_voice(recording, seed)
    return recording


@dataclass
class DfdcPart:
    """A folder with videos and a ``metadata.json`` beside them."""

    folder: Path
    seconds: float = 1.0
    entries: dict[str, dict[str, str]] = field(default_factory=dict)

    def add_real(self, name: str, seed: int, split: str = "train", **options) -> None:
        save(self.folder / name, record(seed, self.seconds), **options)
        self.entries[name] = {"label": "REAL", "split": split}

    def add_fake(
        self, name: str, original: str, seed: int, tracks: str, split: str = "train", **options
    ) -> None:
        """Add a fake of the recording ``seed``, which ``original`` shows."""
        forged = forge(record(seed, self.seconds), tracks, seed=hash_of(name))
        save(self.folder / name, forged, **{"crf": 28, **options})
        self.entries[name] = {"label": "FAKE", "split": split, "original": original}

    def write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "metadata.json").write_text(json.dumps(self.entries))


def hash_of(name: str) -> int:
    """Return a number that depends on the name alone, in every process."""
    return int.from_bytes(name.encode()[:7], "big")


def write_labels_csv(folder: Path, labels: Mapping[str, int]) -> None:
    """Write ``labels.csv`` as in the validation and test folders of the full set."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filename", "label"), *labels.items()])


def write_dfdc_tree(
    root: Path, *, num_originals: int = 4, seconds: float = 1.0, num_test_clips: int = 2
) -> dict[str, tuple[int, int]]:
    """Write two nested training parts, ``validation`` and ``test``.

    Each original has three fakes: of the video, the audio, and both. Those of the second part
    have their originals in the first. Validation and test hold reals and fakes in turn, which
    have no original.

    Returns:
        File relative to ``root`` -> its true video and audio label.
    """
    parts = [
        DfdcPart(root / f"dfdc_train_part_{n:02d}" / f"dfdc_train_part_{n}", seconds)
        for n in range(2)
    ]
    truth: dict[str, tuple[int, int]] = {}
    for index in range(num_originals):
        original = f"orig{index:06d}.mp4"
        parts[0].add_real(original, seed=index)
        truth[_file(root, parts[0].folder / original)] = (0, 0)
        for part, tracks in zip((parts[0], parts[0], parts[1]), FORGED, strict=True):
            name = f"{tracks}{index:05d}.mp4"
            part.add_fake(name, original, index, tracks)
            truth[_file(root, part.folder / name)] = FORGED[tracks]
    for part in parts:
        part.write()
    for number, split in enumerate(("validation", "test")):
        labels = {}
        for index in range(num_test_clips):
            name, label = f"{split[:4]}{index:06d}.mp4", index % 2
            seed = 1000 * (number + 1) + index
            recording = record(seed, seconds)
            save(root / split / name, swap_face(recording, seed) if label else recording)
            labels[name] = label
            truth[f"{split}/{name}"] = (label, 0)
        write_labels_csv(root / split, labels)
    return truth


def _file(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()
