"""The options that make x264 and x265 encode at a quality, and the same frames the same way."""

# x265 writes beyond its buffers where frames are narrower (seen at widths of 16, 32, 34 and 64, not
# from 66 on): the same frames then give other bytes each time, or the process dies.
MIN_WIDTH_OF_X265 = 66


def quality_options(codec: str, crf: int, preset: str) -> dict[str, str]:
    """Return FFmpeg's options of an encoder of the family; none for any other encoder.

    Args:
        codec: Name of the encoder, such as ``'libx264'``.
        crf: Constant rate factor, 0 to 51; lower is better.
        preset: Speed of the encoder, such as ``'veryfast'``.
    """
    options = {"crf": str(crf), "preset": preset}
    if codec == "libx264":
        # The faster code of its macroblock tree gives the same frames other bytes now and then
        # at many sizes (at 224x224 in 12 encodings of 40); the plain code in none, as fast.
        return options | {"x264-params": "cpu-independent=1"}
    if codec == "libx265":
        return options | {"x265-params": "log-level=none:pools=none:frame-threads=1"}
    return {}
