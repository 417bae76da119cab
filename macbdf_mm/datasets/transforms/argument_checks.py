"""The checks that the random transforms share."""


def check_probability(name: str, value: float) -> None:
    """Check that an argument is a probability.

    Raises:
        ValueError: If it is outside of [0, 1].
    """
    if not 0 <= value <= 1:
        raise ValueError(f"Expected `{name}` in [0, 1], got {value}.")


def check_range(name: str, values: tuple[float, float], least: float, most: float) -> None:
    """Check that an argument is a pair (low, high) within bounds.

    Raises:
        ValueError: If low > high, or one of them is out of bounds.
    """
    low, high = values
    if not least <= low <= high <= most:
        raise ValueError(
            f"Expected `{name}` (low, high) with {least:g} <= low <= high <= {most:g}, "
            f"got ({low:g}, {high:g})."
        )
