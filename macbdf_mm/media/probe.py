"""What a media file says of itself, and what it really holds, without decoding it all."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
from av.stream import Disposition

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media import limits
from macbdf_mm.media.box_scan import may_start_anew, stated_bytes
from macbdf_mm.media.container import SOUND_SUFFIXES, VIDEO_SUFFIXES
from macbdf_mm.media.media_file import MediaFile
from macbdf_mm.media.packets import length_of, to_seconds
from macbdf_mm.media.tracks import Track

# The end of a long file is looked at in a tail of this length.
_TAIL_SECONDS = 15.0
# A seek that lands this much behind its moment has found nothing there.
_MAX_LANDING_SECONDS = 10.0
# Nothing is believed to be shown, or to be silent, for longer by the word of a single packet: it
# is damaged. After so many packets there is content all the same.
_MAX_STILL_SECONDS = 600.0
_MIN_PACKETS_OF_CONTENT = 8
# The tail of a file may lack what began before it, such as a subtitle that stays: where it seems
# to be cut by more than this, the whole file is looked at.
_MAX_ROUNDING_SECONDS = 0.25
# An index or tags at the end of a file take less of it.
_MAX_UNREAD_SHARE = 0.2
# Some writers count a byte or a chunk more than they write.
_MAX_CUT_SHARE = 0.01
# Nobody states a shorter length: in thousandths, as annotations hold it, it would be 0.
_MIN_SECONDS = 0.001
# So many packets of another sample rate are damage.
_MAX_ODD_PACKETS = 4
# A packet that states no length is taken to last no longer.
_MAX_UNSTATED_SECONDS = 2.0
# Tracks of a file need not begin at once; what is cut off by more than this is said.
_MAX_UNSEEN_SECONDS = 1.0
# The length of these is not stated but worked out from the size and the first packets.
_ESTIMATED_FORMATS = frozenset(
    {"aac", "ac3", "eac3", "dts", "dtshd", "truehd", "mlp", "loas", "h264", "hevc", "m4v", "amr"}
    | {"mpegvideo", "h261", "h263", "vc1", "av1", "obu", "adts", "g722", "sbc", "tta"}
)

# The length of these may count from zero on the clock, also where all tracks begin later.
_COUNTED_FROM_ZERO = frozenset({"matroska", "flv"})


@dataclass(frozen=True)
class MediaHeader:
    """What the header of a file claims; :func:`probe` looks whether it is so.

    Attributes:
        has_video: Whether there is a video stream with a known codec; cover pictures are none.
        has_audio: Whether there is a sound stream with a known codec.
        duration_seconds: Length of the tracks; measured where the header does not state it, and
            None where it cannot be measured.
    """

    has_video: bool
    has_audio: bool
    duration_seconds: float | None


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds; time starts with the first frame, or the sound of a file without.

    Attributes:
        has_video: Whether a frame decodes.
        has_audio: Whether sound decodes; a silent track is one.
        duration_seconds: Until the last packet that is really there, of either track; more
            than 0. A few lone packets after a gap of 10 minutes in both tracks do not count.
        missing_seconds: How much earlier the last packet of any stream ends than the header
            says; a second or more in files that were cut, 0 where the header says nothing. Also
            about how much lies behind the place at which FFmpeg stops to read.
        width: Of the frames as they are shown, after rotation; None without video.
        height: Likewise.
        fps: Average frames a second; None without video or where the file does not say.
        sample_rate: Of the sound, in Hz; None without.
        video_codec: FFmpeg's name of it; None without video.
        audio_codec: Likewise.
        remarks: Sentences on what the file holds and nobody looks at, and on how it is read.
    """

    has_video: bool
    has_audio: bool
    duration_seconds: float
    missing_seconds: float
    width: int | None
    height: int | None
    fps: float | None
    sample_rate: int | None
    video_codec: str | None
    audio_codec: str | None
    remarks: tuple[str, ...] = ()


def read_header(path: str | Path) -> MediaHeader:
    """Return what the header of a media file claims.

    Args:
        path: The media file.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If it is no media file, or has neither video nor audio.
    """
    with MediaFile(path) as file:
        return header_of(file)


def header_of(file: MediaFile) -> MediaHeader:
    """Return what the header of an opened file claims; what it does not state is measured.

    Raises:
        UndecodableMediaError: If the file has neither video nor audio.
    """
    has_video, has_audio = bool(file.candidates("video")), bool(file.candidates("audio"))
    if not has_video and not has_audio:
        raise UndecodableMediaError(f"{file.path} has neither a video nor a sound stream.")
    seconds = _stated_seconds(file)
    if seconds is None or not seconds <= limits.MAX_SECONDS:
        try:
            seconds = describe(file).duration_seconds
        except UndecodableMediaError:  # What is wrong with it is found by who reads it.
            seconds = None
    is_known = seconds is not None and seconds >= _MIN_SECONDS
    return MediaHeader(has_video, has_audio, seconds if is_known else None)


def _stated_seconds(file: MediaFile) -> float | None:
    """Return the length that the header states of the tracks, None if it does not.

    The length of a container is that of all of its streams, such as a subtitle or a timecode that
    goes on, and in some formats it is FFmpeg's estimate.
    """
    tracks = [kind[0] for kind in (file.candidates("video"), file.candidates("audio")) if kind]
    if may_start_anew(file.path, file.container.format.name) or _is_length_estimated(file):
        return None
    if set(file.container.format.name.split(",")) & {"mp4", "avi"}:
        spans = [
            (stream.start_time or 0, stream.duration, stream.time_base)
            for stream in tracks
            if stream.duration
        ]
        if len(spans) < len(tracks):
            return None
        ends = [to_seconds(start + duration, base) or 0.0 for start, duration, base in spans]
        seconds = max(ends) - (to_seconds(spans[0][0], spans[0][2]) or 0.0)
    else:
        others = {s.index for s in file.container.streams if not _is_cover(s)}
        if others - {stream.index for stream in tracks}:
            return None
        seconds = (file.container.duration or 0) / av.time_base
    return seconds if seconds > 0 else None


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def probe(path: str | Path) -> MediaInfo:
    """Return what a media file holds.

    One frame of each track is decoded; the end is taken from the packets, not the header.

    Args:
        path: The media file.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If neither video nor audio decodes, or what decodes lasts for no
            time at all.
    """
    with MediaFile(path) as file:
        return describe(file)


def describe(file: MediaFile) -> MediaInfo:
    """Return what an opened media file holds, as :func:`probe` does.

    Raises:
        UndecodableMediaError: If neither video nor audio decodes, or what decodes lasts for no
            time at all.
    """
    video, audio = file.video, file.audio
    height, width = (None, None) if video is None else video.size
    ends = _last_ends(file)
    limits.check_seconds(file.path, ends.tracks - file.zero_seconds)
    if not ends.tracks > file.zero_seconds and _is_bare_stream(file):
        raise UndecodableMediaError(
            f"{file.path} is a bare stream ({file.container.format.name}), which states no times; "
            "put it into a container, such as by `ffmpeg -i IN -c copy OUT.mp4`."
        )
    if not ends.tracks > file.zero_seconds:
        raise UndecodableMediaError(
            f"{file.path} ends where it begins: it holds a single picture, or its timestamps are "
            "damaged."
        )
    return MediaInfo(
        has_video=video is not None,
        has_audio=audio is not None,
        duration_seconds=ends.tracks - file.zero_seconds,
        missing_seconds=max(
            _missing_seconds(file, ends),
            _unread_seconds(file, ends.tracks - file.zero_seconds),
            _cut_off_seconds(file, ends.tracks - file.zero_seconds),
        ),
        width=width,
        height=height,
        fps=float(video.rate) if video is not None and video.rate else None,
        sample_rate=None if audio is None else audio.sample_rate,
        video_codec=None if video is None else video.codec,
        audio_codec=None if audio is None else audio.codec,
        remarks=tuple(_remarks(file)),
    )


def _remarks(file: MediaFile) -> list[str]:
    """Return a sentence for each stream that is not looked at, and for what is odd in time."""
    remarks = []
    kinds: list[tuple[Literal["video", "audio"], str, Track | None]] = [
        ("video", "video", file.video),
        ("audio", "sound", file.audio),
    ]
    for kind, name, track in kinds:
        usable = {stream.index for stream in file.candidates(kind)}
        for number, stream in enumerate(getattr(file.container.streams, kind), start=1):
            if _is_cover(stream) or (track is not None and stream.index == track.index):
                continue
            codec = None if stream.codec_context is None else stream.codec_context.name
            about = ", ".join(filter(None, (codec or "no decoder for it", stream.language)))
            why = ""
            if stream.index not in usable and codec:
                why = ": its channels are in an order that cannot be read safely"
            elif codec and track is None:
                why = ": nothing of it decodes"
            remarks.append(f"{name} track {number} ({about}) is not looked at{why}")
    named = file.path.suffix.lower()
    known = {f".{name}" for name in file.container.format.extensions}
    if _is_bare_stream(file) and named in VIDEO_SUFFIXES + SOUND_SUFFIXES and named not in known:
        remarks.append(
            f"FFmpeg takes this {named[1:]} file for a bare stream ({file.container.format.name}): "
            "its name is wrong or its beginning damaged, and other tracks are not looked at"
        )
    if _changes_rate(file):
        remarks.append(
            "the sample rate changes on the way, and this format states no times: sound behind "
            "that is looked at as if it came at other moments"
        )
    video, audio = file.video, file.audio
    if video is not None and audio is not None:
        early = video.first_seconds - audio.first_seconds
        if early > _MAX_UNSEEN_SECONDS:
            remarks.append(
                f"{early:.1f} s of sound come before the first picture and are not looked at"
            )
    if file.clock.unread_share > _MAX_UNREAD_SHARE:
        remarks.append(
            f"the last {file.clock.unread_share:.0%} of the file's bytes are not read: FFmpeg "
            "finds nothing in them that goes on"
        )
    if file.clock.num_restarts:
        remarks.append(
            f"the clock starts anew {file.clock.num_restarts} times; its parts are read one "
            "after the other"
        )
    return remarks


@dataclass(frozen=True)
class _Ends:
    """When the last packet ends, on the container's clock: of the tracks, and of any stream."""

    tracks: float
    streams: float


def _missing_seconds(file: MediaFile, ends: _Ends) -> float:
    container = file.container
    if container.duration is None or _is_length_estimated(file):
        return 0.0
    # The header's end is that of all streams together, so a second sound track or subtitles
    # that last longer than the tracks are no sign of a cut, nor is a video that starts late.
    start = container.start_time or 0
    if start < 0 and "mp4" in container.format.name.split(","):
        return max(0.0, _end_of_hidden_start(container) - ends.streams)
    if start > 0 and _COUNTED_FROM_ZERO & set(container.format.name.split(",")):
        start = 0
    claimed_end = (start + container.duration) / av.time_base
    return max(0.0, claimed_end - ends.streams)


def _end_of_hidden_start(container: Any) -> float:
    """Return the end by the header of an mp4 in fragments whose start an edit list hides.

    FFmpeg moves the start of its sound behind what is hidden, and leaves the length as it was.
    """
    start = (container.start_time or 0) / av.time_base
    return max(
        (start if stream.type == "audio" else to_seconds(stream.start_time, stream.time_base) or 0)
        + (to_seconds(stream.duration, stream.time_base) or 0.0)
        for stream in container.streams
    )


def _unread_seconds(file: MediaFile, read_seconds: float) -> float:
    """Return about how much lies behind the place at which FFmpeg stops, 0 if hardly anything."""
    share = file.clock.unread_share
    return read_seconds * share / (1 - share) if share > _MAX_UNREAD_SHARE else 0.0


def _cut_off_seconds(file: MediaFile, read_seconds: float) -> float:
    """Return about how much lay in the bytes that a file lacks by its own word."""
    stated, there = stated_bytes(file.path), file.path.stat().st_size
    if stated is None or there >= (1 - _MAX_CUT_SHARE) * stated:
        return 0.0
    return read_seconds * (stated - there) / there


def _is_length_estimated(file: MediaFile) -> bool:
    names = set(file.container.format.name.split(","))
    if not names & {"mp3"}:
        return bool(names & _ESTIMATED_FORMATS) or file.clock.num_restarts > 0
    with file.path.open("rb") as content:
        head = content.read(10)
        if head[:3] == b"ID3":
            content.seek(
                10
                + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
            )
            head = b""
        head += content.read(4096)
    return not any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))


def _changes_rate(file: MediaFile) -> bool:
    """Return whether a bare stream of sound changes its sample rate on the way."""
    # Where the header of a packet states it: ADTS (AAC) and MPEG audio.
    masks = {"aac": (0, 0, 0x3C), "mp3": (0, 0x18, 0x0C)}
    mask = masks.get(file.container.format.name)
    if mask is None or file.audio is None:
        return False
    file.restart()
    rates = Counter(
        tuple(byte & bits for byte, bits in zip(bytes(packet)[:3], mask, strict=False))
        for packet in file.read_packets([file.stream(file.audio)])
    )
    # A damaged packet or two are no change.
    return sum(count > _MAX_ODD_PACKETS for count in rates.values()) > 1


def _is_bare_stream(file: MediaFile) -> bool:
    """Return whether a file is read as the packets of a codec, one after another."""
    return bool(set(file.container.format.name.split(",")) & (_ESTIMATED_FORMATS | {"mp3"}))


def _last_ends(file: MediaFile) -> _Ends:
    """Return when the last packets that the file holds end."""
    container = file.container
    start = container.start_time or 0
    if container.duration is not None and container.duration / av.time_base > 2 * _TAIL_SECONDS:
        tail = start + container.duration - round(_TAIL_SECONDS * av.time_base)
        ends = _ends_after(file, tail)
        if ends is not None and _missing_seconds(file, ends) <= _MAX_ROUNDING_SECONDS:
            return ends
    # A short file, or one whose header claims a tail that is not there: read through it all.
    ends = _ends_after(file, start)
    return _Ends(start / av.time_base, start / av.time_base) if ends is None else ends


def _ends_after(file: MediaFile, offset: int) -> _Ends | None:
    """Return the last ends from ``offset`` (microseconds) on, None if no track is there."""
    indices = {track.index for track in (file.video, file.audio) if track is not None}
    is_start = offset == (file.container.start_time or 0)
    if not file.seek_all(offset):
        if not is_start:
            return None
        file.restart()
    spans: dict[int, list[tuple[float, float]]] = {index: [] for index in indices}
    other_ends: list[float] = []
    for packet in file.read_packets(list(file.container.streams)):
        timestamp = packet.pts if packet.pts is not None else packet.dts
        seconds = to_seconds(timestamp, packet.time_base)
        # What an edit list hides is not shown at the time that it states.
        if seconds is None or packet.is_discard:
            continue
        end = seconds + length_of(packet)
        if packet.stream.index in indices:
            spans[packet.stream.index].append((seconds, end))
        else:
            other_ends.append(end)
    from_seconds = offset / av.time_base
    # Packets from far behind the offset say nothing of what lies between.
    firsts = [min(of_track)[0] for of_track in spans.values() if of_track]
    if not firsts or (min(firsts) > from_seconds + _MAX_LANDING_SECONDS and not is_start):
        return None
    of_tracks = _end_of_coverage([pair for one in spans.values() for pair in _without_overlap(one)])
    return _Ends(of_tracks, max([of_tracks, *other_ends]))


def _without_overlap(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the packets of a track, each up to the next that is shown.

    Where pictures are reordered, the length that an mp4 states is that of another picture. The last
    packet of one that states none, such as WavPack in Matroska, lasts as long as that before it.
    """
    spans = sorted(spans)
    if len(spans) > 1 and spans[-1][1] <= spans[-1][0]:
        last = spans[-1][0]
        spans[-1] = last, last + min(last - spans[-2][0], _MAX_UNSTATED_SECONDS)
    following = [start for start, _ in spans[1:]] + [math.inf]
    return [(start, min(end, after)) for (start, end), after in zip(spans, following, strict=False)]


def _end_of_coverage(spans: list[tuple[float, float]]) -> float:
    """Return where the packets, ``(start, end)`` each, last have content."""
    spans = sorted(spans)
    covered = spans[0][0]
    for index, (start, end) in enumerate(spans):
        if start > covered + _MAX_STILL_SECONDS and len(spans) - index < _MIN_PACKETS_OF_CONTENT:
            break
        covered = max(covered, min(end, start + _MAX_STILL_SECONDS))
    return covered
