"""How many processor cores a GPU needs beside it, worked out from what a clip costs."""

import math
from collections.abc import Sequence

from benchmarks.markdown_table import markdown_table

# Rates at which a GPU may take clips.
CLIPS_A_SECOND = (50, 100, 200, 400, 800)


def cores_needed(milliseconds: float, clips_a_second: float) -> int:
    """Return how many cores load clips as fast as they are taken.

    Args:
        milliseconds: Processor time of one clip, with all its transforms.
        clips_a_second: How many are taken.

    Raises:
        ValueError: If a value is not positive.
    """
    for name, value in (("milliseconds", milliseconds), ("clips_a_second", clips_a_second)):
        if not value > 0:
            raise ValueError(f"Expected `{name}` > 0, got {value}.")
    # Rounded first: 0.01 s times 100 is not quite 1 in floating point.
    return math.ceil(round(milliseconds * clips_a_second / 1000, 6))


def cores_table(ways: Sequence[tuple[str, float]]) -> str:
    """Return the arithmetic as Markdown, labelled so.

    Args:
        ways: Of loading: their names, and the processor milliseconds of one clip.
    """
    rows = [
        (name, f"{cost:.1f}", *(str(cores_needed(cost, rate)) for rate in CLIPS_A_SECOND))
        for name, cost in ways
    ]
    head = ("way of loading", "ms a clip", *(f"{rate} clips/s" for rate in CLIPS_A_SECOND))
    return (
        "Cores that a GPU needs beside it to be fed at so many clips a second. This is arithmetic "
        "(milliseconds of a clip times clips a second), not a measurement: no GPU was fed.\n\n"
        + markdown_table(head, rows)
    )
