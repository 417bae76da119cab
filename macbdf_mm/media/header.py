"""What a media file says of itself, without decoding a frame."""

from dataclasses import dataclass
from pathlib import Path

import av

from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.container import candidate_streams, open_container


@dataclass(frozen=True)
class MediaHeader:
    """What the header of a file claims; :func:`macbdf_mm.media.probe.probe` looks whether it is so.

    Attributes:
        has_video: Whether there is a video stream with a known codec; cover pictures are none.
        has_audio: Whether there is a sound stream with a known codec.
        duration_seconds: Length of the file, None where the header does not say.
    """

    has_video: bool
    has_audio: bool
    duration_seconds: float | None


def read_header(path: str | Path) -> MediaHeader:
    """Return what the header of a media file claims.

    Args:
        path: The media file.

    Raises:
        MissingDataError: If there is no such file.
        UndecodableMediaError: If it is no media file, or has neither video nor audio.
    """
    with open_container(path) as container:
        has_video = bool(candidate_streams(container, "video"))
        has_audio = bool(candidate_streams(container, "audio"))
        if not has_video and not has_audio:
            raise UndecodableMediaError(f"{path} has neither a video nor a sound stream.")
        seconds = None if container.duration is None else container.duration / av.time_base
        return MediaHeader(has_video, has_audio, seconds if seconds and seconds > 0 else None)
