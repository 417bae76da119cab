"""How much scores move when a clip is remuxed, encoded anew, or begins with nothing.

``python -m benchmarks.remuxed_copies DATA CONFIG CHECKPOINT`` prints the table of
``docs/results/prediction.md``. The copies are written by PyAV, so no ``ffmpeg`` is needed.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import ArgumentError, UndecodableMediaError
from macbdf_mm.media.writer import quality_options
from macbdf_mm.utils.files import write_json
from macbdf_mm.utils.tables import markdown_table

BLANK_SECONDS = 0.5
CRF = 18
AUDIO_BIT_RATE = 128_000


@dataclass(frozen=True)
class Change:
    """What a way of copying does to the scores.

    Attributes:
        copy: Name of the way.
        num_clips: How many were scored in both forms.
        num_flips: Verdicts that differ, from or to ``uncertain`` included.
        num_opposite: Of these, ``real`` that became ``fake`` or the other way round.
        largest: Largest change of the overall score.
        mean: Mean change of it, either way.
        flipped: The clips whose verdicts differ, with both.
    """

    copy: str
    num_clips: int
    num_flips: int
    num_opposite: int
    largest: float
    mean: float
    flipped: Sequence[str]


def copy_clip(
    source: Path,
    target: Path,
    *,
    crf: int | None = None,
    encodes_sound: bool = False,
    blank_seconds: float = 0.0,
    movflags: str | None = None,
) -> None:
    """Write a copy of a clip; the container follows the suffix of ``target``.

    Args:
        source: A clip with one video and at most one sound track.
        target: The file to write.
        crf: Encode the video as H.264 at this rate factor; None copies its packets.
        encodes_sound: Encode the sound as AAC; otherwise its packets are copied.
        blank_seconds: Black and silence before the first picture; both have to be encoded.
        movflags: Option of the mp4 muxer.

    Raises:
        ArgumentError: If there is to be a blank start, and a track is copied.
    """
    if blank_seconds and (crf is None or not encodes_sound):
        raise ArgumentError("Expected `crf` and `encodes_sound` with `blank_seconds`, got neither.")
    options = {"movflags": movflags} if movflags else {}
    packets: list[Any] = []
    with av.open(str(target), "w", options=options) as out, _opened(source) as clip:
        for stream in clip.streams:
            if stream.type == "video" and crf is not None:
                packets += _encoded_video(out, source, crf, blank_seconds)
            elif stream.type == "audio" and encodes_sound:
                packets += _encoded_sound(out, source, blank_seconds)
            else:
                copied = out.add_stream_from_template(stream)
                with _opened(source) as again:
                    for packet in again.demux(again.streams[stream.index]):
                        if packet.dts is not None:
                            packet.stream = copied
                            packets.append(packet)
        for packet in sorted(packets, key=_decoded_at):
            out.mux(packet)


def _opened(source: Path) -> Any:
    """Return a clip to read; its tracks and packets have times, which PyAV's types leave open."""
    return av.open(str(source))


def _encoded_video(out: Any, source: Path, crf: int, blank_seconds: float) -> Iterator[Any]:
    with _opened(source) as clip:
        stream = clip.streams.video[0]
        rate, time_base = stream.average_rate or 25, stream.time_base
        encoder = out.add_stream(
            "libx264", rate=rate, options=quality_options("libx264", crf, "medium")
        )
        encoder.width, encoder.height, encoder.pix_fmt = stream.width, stream.height, "yuv420p"
        encoder.codec_context.time_base = time_base
        frames = list(clip.decode(stream))
    first = frames[0].pts
    step = round(1 / rate / time_base)
    shift = round(blank_seconds * rate) * step
    black = np.zeros((encoder.height, encoder.width, 3), np.uint8)
    for ticks in range(0, shift, step):
        frame = av.VideoFrame.from_ndarray(black, "rgb24")
        frame.pts, frame.time_base = first + ticks, time_base
        yield from encoder.encode(frame)
    for frame in frames:
        frame.pts, frame.time_base, frame.pict_type = frame.pts + shift, time_base, 0
        yield from encoder.encode(frame)
    yield from encoder.encode()


def _encoded_sound(out: Any, source: Path, blank_seconds: float) -> Iterator[Any]:
    with _opened(source) as clip:
        stream = clip.streams.audio[0]
        layout, rate = stream.layout.name, stream.rate
        frames = list(clip.decode(stream))
    encoder = out.add_stream("aac", rate=rate, layout=layout)
    encoder.bit_rate = AUDIO_BIT_RATE
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    pieces = [piece.to_ndarray() for frame in frames for piece in resampler.resample(frame)]
    blank = np.zeros((len(pieces[0]), round(blank_seconds * rate)), np.float32)
    sound = np.ascontiguousarray(np.concatenate([blank, *pieces], axis=1))
    frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout=layout)
    start = float(frames[0].pts * frames[0].time_base)
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), round(start * rate)
    yield from encoder.encode(frame)
    yield from encoder.encode()


def _decoded_at(packet: Any) -> float:
    return float((packet.dts or 0) * packet.time_base)


COPIES: Mapping[str, tuple[str, dict[str, Any]]] = {
    "mp4, +faststart": (".mp4", {"movflags": "+faststart"}),
    "mp4 in fragments": (".mp4", {"movflags": "frag_keyframe+empty_moov"}),
    "mkv": (".mkv", {}),
    "ts": (".ts", {}),
    "sound encoded anew, AAC 128 kbit/s": (".mp4", {"encodes_sound": True}),
    "video encoded anew, CRF 18": (".mp4", {"crf": CRF}),
    "0.5 s of black and silence in front": (
        ".mp4",
        {"crf": CRF, "encodes_sound": True, "blank_seconds": BLANK_SECONDS},
    ),
}
"""Name of a way of copying -> suffix and arguments of :func:`copy_clip`."""


def choose_clips(data_root: Path, num_clips: int, seed: int) -> list[Path]:
    """Return test clips of a data folder, half of them real and half fake where there are enough.

    Raises:
        MissingDataError: If the folder has no annotation.
        ArgumentError: If it has no test clips.
    """
    rows = [
        row for row in load_annotation(data_root / "annotation.json").rows if row.split == "test"
    ]
    if not rows:
        raise ArgumentError(f"Expected test clips in {data_root / 'annotation.json'}, got none.")
    random.Random(seed).shuffle(rows)
    real, fake = ([row for row in rows if row.label == label] for label in (0, 1))
    half = min(num_clips // 2, len(real))
    chosen = real[:half] + fake[: num_clips - half]
    return sorted(data_root / row.file for row in chosen)


def measure_changes(clips: Sequence[Path], inferencer: ForgeryInferencer) -> Iterator[Change]:
    """Yield for each way of copying what it does to the scores of the clips."""
    before = {clip: _scored(inferencer, clip) for clip in clips}
    for name, (suffix, arguments) in COPIES.items():
        pairs = {}
        for clip in clips:
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / f"copy{suffix}"
                copy_clip(clip, copy, **arguments)
                pairs[clip] = before[clip], _scored(inferencer, copy)
        yield change_of(name, pairs)


def change_of(
    name: str, pairs: Mapping[Path, tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> Change:
    """Return what a way of copying does, from the predictions for the clips and their copies."""
    verdicts = {clip: (old["verdict"], new["verdict"]) for clip, (old, new) in pairs.items()}
    flips = {clip: both for clip, both in verdicts.items() if both[0] != both[1]}
    changes = [
        abs(new["scores"]["overall"] - old["scores"]["overall"]) for old, new in pairs.values()
    ]
    return Change(
        copy=name,
        num_clips=len(pairs),
        num_flips=len(flips),
        num_opposite=sum(set(both) == {"real", "fake"} for both in flips.values()),
        largest=max(changes),
        mean=float(np.mean(changes)),
        flipped=[f"{clip.name}: {old}, {new}" for clip, (old, new) in flips.items()],
    )


def _scored(inferencer: ForgeryInferencer, clip: Path) -> Mapping[str, Any]:
    prediction: Mapping[str, Any] = inferencer(clip)["predictions"][0]
    if prediction["status"] != "ok":
        raise UndecodableMediaError(f"{clip} has no score: {prediction['error']}")
    return prediction


def as_table(changes: Sequence[Change]) -> str:
    """Return the changes as a Markdown table."""
    head = [
        "copy",
        "verdicts that differ",
        "real and fake swapped",
        "largest change",
        "mean change",
    ]
    rows = [
        [
            change.copy,
            f"{change.num_flips} of {change.num_clips}",
            str(change.num_opposite),
            f"{change.largest:.3f}",
            f"{change.mean:.4f}",
        ]
        for change in changes
    ]
    return markdown_table(head, rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with an annotation.json")
    parser.add_argument("config", help="config, or a release folder without CHECKPOINT")
    parser.add_argument("checkpoint", nargs="?", help="trained weights")
    parser.add_argument("--num-clips", type=int, default=60, help="test clips (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of clips (default: 0)")
    parser.add_argument("--out", type=Path, help="JSON file for the changes")
    arguments = parser.parse_args()
    inferencer = ForgeryInferencer(arguments.config, arguments.checkpoint, show_progress=False)
    changes = []
    for change in measure_changes(
        choose_clips(arguments.data, arguments.num_clips, arguments.seed), inferencer
    ):
        changes.append(change)
        print(
            f"{change.copy}: {change.num_flips} of {change.num_clips}", file=sys.stderr, flush=True
        )
        if arguments.out is not None:
            write_json([asdict(each) for each in changes], arguments.out)
    print(as_table(changes))


if __name__ == "__main__":
    sys.exit(run_command(main))
