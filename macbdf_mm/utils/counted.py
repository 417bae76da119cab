"""Numbers of things in sentences: 1 clip, 2 clips."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun, in the singular for 1.

    Args:
        number: How many there are.
        noun: What one of them is called.
        plural: What several are called; the noun with an ``s`` if it is left out.
    """
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
