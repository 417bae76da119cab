"""A small tree in the layout of LAV-DF."""

import json
from pathlib import Path
from typing import Any

from recordings import SAMPLE_RATE, record, save, swap_face, swap_voice

# Whether video and audio are modified, of the clips made from one original.
MODIFIED = ((False, False), (True, False), (False, True), (True, True))


def entry(file: str, seconds: float, **changes: Any) -> dict[str, Any]:
    """Return a row of ``metadata.json`` of a real clip, with some fields changed."""
    return {
        "file": file,
        "n_fakes": 0,
        "fake_periods": [],
        "timestamps": [["word", 0.1, 0.4]],
        "duration": seconds,
        "transcript": "word",
        "original": None,
        "modify_video": False,
        "modify_audio": False,
        "split": file.partition("/")[0],
        "video_frames": round(25 * seconds),
        "audio_channels": 1,
        "audio_frames": round(SAMPLE_RATE * seconds),
        **changes,
    }


def write_lavdf_tree(
    root: Path, *, num_originals: int = 2, seconds: float = 1.0, with_full_table: bool = True
) -> dict[str, tuple[int, int]]:
    """Write ``train``, ``dev`` and ``test`` with both tables, and a file that no row names.

    Returns:
        File -> its true video and audio label.
    """
    period = [round(0.4 * seconds, 2), round(0.8 * seconds, 2)]
    entries, truth, number = [], {}, 0
    for part_number, part in enumerate(("train", "dev", "test")):
        for index in range(num_originals):
            original = f"{part}/{number:06d}.mp4"
            recording = record(100 * part_number + index, seconds)
            for video, audio in MODIFIED:
                clip = swap_face(recording, number) if video else recording
                clip = swap_voice(clip, number) if audio else clip
                file = f"{part}/{number:06d}.mp4"
                save(root / file, clip)
                is_fake = video or audio
                changes = {"n_fakes": 1, "fake_periods": [period], "original": original}
                modified = {"modify_video": video, "modify_audio": audio}
                entries.append(entry(file, seconds, **modified, **(changes if is_fake else {})))
                truth[file] = (int(video), int(audio))
                number += 1
    save(root / "test" / "999999.mp4", record(999, seconds))
    if with_full_table:
        (root / "metadata.json").write_text(json.dumps(entries))
    short = [{k: v for k, v in e.items() if k not in ("timestamps", "transcript")} for e in entries]
    (root / "metadata.min.json").write_text(json.dumps(short))
    return truth
