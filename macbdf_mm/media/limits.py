"""How much a media file may ask for: a few bytes can claim terabytes of pictures or years.

Each limit is far above what recordings have, and can be set by an environment variable, which the
processes that decode inherit.
"""

import os

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
# Of the frames of one clip: 16 of 8K take 1.6 GB.
MAX_CLIP_BYTES = limit_of("MACBDF_MAX_CLIP_BYTES", 2 * 2**30)
# Eleven days.
MAX_SECONDS = limit_of("MACBDF_MAX_SECONDS", 1_000_000)
# A day and a half, where windows of 1.28 s stand side by side.
MAX_WINDOWS = limit_of("MACBDF_MAX_WINDOWS", 100_000)


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


def check_pixels(path: object, width: int, height: int) -> None:
    """Return if the pictures of a file may be so large.

    Raises:
        UndecodableMediaError: If they are too large.
    """
    if width * height > MAX_PIXELS:
        raise UndecodableMediaError(
            f"{path} claims pictures of {width}x{height}, and more than {MAX_PIXELS} pixels are "
            "refused: its header is damaged, or MACBDF_MAX_PIXELS has to be raised."
        )


def check_clip_bytes(path: object, num_frames: int, size: tuple[int, int]) -> None:
    """Return if so many frames of a size, ``(height, width)``, may be kept at once.

    Raises:
        UndecodableMediaError: If they are too large.
    """
    if 3 * num_frames * size[0] * size[1] > MAX_CLIP_BYTES:
        raise UndecodableMediaError(
            f"{path} has frames of {size[1]}x{size[0]} pixels, of which {num_frames} do not fit "
            f"into {MAX_CLIP_BYTES / 2**30:.3g} GiB; shrink them by `short_side`, or raise "
            "MACBDF_MAX_CLIP_BYTES."
        )
