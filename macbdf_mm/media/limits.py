"""How much a media file may ask for: a few bytes can claim terabytes of pictures or years.

Each limit is far above what recordings have, and can be set by an environment variable, which the
processes that decode inherit.
"""

import os
import resource

from macbdf_mm.errors import ConfigError, UndecodableMediaError


def limit_of(variable: str, default: int) -> int:
    """Return a limit: the variable of the environment, or its default.

    Raises:
        ConfigError: If the variable is no whole number > 0.
    """
    text = os.environ.get(variable, "").strip() or str(default)
    if not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text) > 0):
        raise ConfigError(f"Expected `{variable}` to be a whole number > 0, got '{text[:40]}'.")
    return int(text)


# 8K has 33 million.
MAX_PIXELS = limit_of("MACBDF_MAX_PIXELS", 36_000_000)
# How many times longer one side of a picture may be than the other: scaled to a short side of 224,
# a strip of 32000x2 pixels would take gigabytes.
MAX_ASPECT_RATIO = limit_of("MACBDF_MAX_ASPECT_RATIO", 32)
# Of the frames of one clip, which are in memory up to three times: 16 of 4K take 398 million.
MAX_CLIP_BYTES = limit_of("MACBDF_MAX_CLIP_BYTES", 400_000_000)
# Of all else that a process that decodes may take. Decoders keep up to 17 pictures.
MAX_DECODER_BYTES = limit_of("MACBDF_MAX_DECODER_BYTES", 600_000_000)
# Eleven days.
MAX_SECONDS = limit_of("MACBDF_MAX_SECONDS", 1_000_000)
# A day and a half, where windows of 1.28 s stand side by side.
MAX_WINDOWS = limit_of("MACBDF_MAX_WINDOWS", 100_000)
# Telephones have 8 kHz, and what is recorded for bats 384.
MIN_SAMPLE_RATE = limit_of("MACBDF_MIN_SAMPLE_RATE", 1_000)
MAX_SAMPLE_RATE = limit_of("MACBDF_MAX_SAMPLE_RATE", 768_000)


def limit_memory() -> None:
    """Let the kernel refuse this process more memory than a clip and its decoding may take."""
    limit = MAX_DECODER_BYTES + MAX_CLIP_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def check_windows(num_windows: float) -> None:
    """Return if a file may be looked at in so many windows.

    Raises:
        UndecodableMediaError: If they are too many.
    """
    if not num_windows <= MAX_WINDOWS:
        raise UndecodableMediaError(
            f"It would be looked at in {num_windows:.6g} windows, and more than {MAX_WINDOWS} are "
            "refused: its length is damaged, or windows stand too close; MACBDF_MAX_WINDOWS sets "
            "the limit."
        )


def check_seconds(path: object, seconds: float) -> None:
    """Return if a file may be so long.

    Raises:
        UndecodableMediaError: If it is too long.
    """
    if not seconds <= MAX_SECONDS:
        raise UndecodableMediaError(
            f"{path} claims a length of {seconds:.6g} s, and more than {MAX_SECONDS} s are "
            "refused: its length is damaged, or MACBDF_MAX_SECONDS has to be raised."
        )


def check_pixels(path: object, height: int, width: int) -> None:
    """Return if the pictures of a file may be so large, and so narrow.

    Raises:
        UndecodableMediaError: If they may not.
    """
    if width * height > MAX_PIXELS:
        raise UndecodableMediaError(
            f"{path} claims pictures of {width}x{height}, and more than {MAX_PIXELS} pixels are "
            "refused: its header is damaged, or MACBDF_MAX_PIXELS has to be raised."
        )
    if max(height, width) > MAX_ASPECT_RATIO * min(height, width) > 0:
        raise UndecodableMediaError(
            f"{path} has pictures of {width}x{height}, and those of which one side is more than "
            f"{MAX_ASPECT_RATIO} times as long as the other are refused: its header is damaged, or "
            "MACBDF_MAX_ASPECT_RATIO has to be raised."
        )


def is_usual_sample_rate(sample_rate: int) -> bool:
    """Return whether a sound may have so many samples a second."""
    return MIN_SAMPLE_RATE <= sample_rate <= MAX_SAMPLE_RATE


def check_sample_rate(path: object, sample_rate: int) -> None:
    """Return if the sound of a file may have so many samples a second.

    Raises:
        UndecodableMediaError: If they are too few or too many.
    """
    if not is_usual_sample_rate(sample_rate):
        raise UndecodableMediaError(
            f"{path} claims sound of {sample_rate} Hz, and less than {MIN_SAMPLE_RATE} or more "
            f"than {MAX_SAMPLE_RATE} Hz are refused: its header is damaged, or "
            "MACBDF_MIN_SAMPLE_RATE or MACBDF_MAX_SAMPLE_RATE has to be changed."
        )


def check_clip_bytes(path: object, num_frames: int, size: tuple[int, int]) -> None:
    """Return if so many frames of a size, ``(height, width)``, may be kept at once.

    Raises:
        UndecodableMediaError: If they are too large.
    """
    if 3 * num_frames * size[0] * size[1] > MAX_CLIP_BYTES:
        raise UndecodableMediaError(
            f"{path} has frames of {size[1]}x{size[0]} pixels, of which {num_frames} do not fit "
            f"into {MAX_CLIP_BYTES / 1e6:.0f} MB; shrink them by `short_side`, or raise "
            "MACBDF_MAX_CLIP_BYTES."
        )
