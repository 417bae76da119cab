"""Small trees in the layouts of AV-Deepfake1M and AV-Deepfake1M++."""

import json
from pathlib import Path
from typing import Any

from recordings import SAMPLE_RATE, record, save, swap_face, swap_voice

# Name of the clip -> type, visual and audio label.
KINDS = {
    "real.mp4": ("real", 0, 0),
    "fake_video_real_audio.mp4": ("visual_modified", 1, 0),
    "real_video_fake_audio.mp4": ("audio_modified", 0, 1),
    "fake_video_fake_audio.mp4": ("both_modified", 1, 1),
}


def entry(file: str, split: str, seconds: float, **changes: Any) -> dict[str, Any]:
    """Return a row of the metadata of the clip ``file``, with some fields changed."""
    kind, visual, audio = KINDS[file.rpartition("/")[2]]
    segment = [round(0.4 * seconds, 2), round(0.8 * seconds, 2)]
    return {
        "file": file,
        "original": None if kind == "real" else file.rpartition("/")[0] + "/real.mp4",
        "split": split,
        "modify_type": kind,
        "audio_model": "vits" if audio else "real",
        "fake_segments": [segment] if visual or audio else [],
        "audio_fake_segments": [segment] if audio else [],
        "visual_fake_segments": [segment] if visual else [],
        "video_frames": round(25 * seconds),
        # Published counts of samples can be wrong.
        "audio_frames": round(SAMPLE_RATE * seconds) + 4321,
        **changes,
    }


def write_av_deepfake1m_tree(
    root: Path, *, num_originals: int = 2, seconds: float = 1.0, plus_plus: bool = False
) -> dict[str, tuple[int, int]]:
    """Write ``train`` and ``val`` with labels and ``test`` without.

    Args:
        root: The folder.
        num_originals: In each split.
        seconds: Length of the clips.
        plus_plus: With ``video_model``, folders of the sources, and one JSON file a clip beside
            the video in place of the lists.

    Returns:
        File relative to ``root`` -> its true video and audio label, -1 in ``test``.
    """
    truth: dict[str, tuple[int, int]] = {}
    test_files = []
    for number, split in enumerate(("train", "val", "test")):
        entries = []
        for index in range(num_originals):
            seed = 100 * number + index
            clip = f"id{seed:05d}/_c3C/00011"
            clip = f"vox_celeb_2/{clip}" if plus_plus else clip
            for name, (_, visual, audio) in KINDS.items():
                recording = record(seed, seconds)
                recording = swap_face(recording, seed) if visual else recording
                recording = swap_voice(recording, seed) if audio else recording
                file = f"{clip}/{name}" if split != "test" else f"{seed:04d}{visual}{audio}.mp4"
                save(root / split / file, recording)
                truth[f"{split}/{file}"] = (visual, audio) if split != "test" else (-1, -1)
                if split == "test":
                    test_files.append(file)
                    continue
                models = {"video_model": "talklip" if visual else None} if plus_plus else {}
                entries.append(entry(file, split, seconds, **models))
        if split != "test" and plus_plus:
            for row in entries:
                path = (root / split / row["file"]).with_suffix(".json")
                path.write_text(json.dumps(row))
        elif split != "test":
            (root / f"{split}_metadata.json").write_text(json.dumps(entries))
    (root / "test_files.txt").write_text("\n".join(test_files) + "\n")
    return truth
