"""A part of the work, for one of several machines."""

from dataclasses import dataclass
from hashlib import blake2b

from macbdf_mm.errors import ArgumentError


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``count``, from 1.

    Which part a key belongs to follows from the key alone: it is the same on every machine and
    on every day, whatever else there is to do.

    Raises:
        ValueError: If there is no such part.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.index <= self.count:
            raise ArgumentError(f"Expected a shard I/N with 1 <= I <= N, got {self}.")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that a text such as ``2/8`` names.

        Raises:
            ValueError: If it names none.
        """
        index, slash, count = text.partition("/")
        if not (slash and index.isdecimal() and count.isdecimal()):
            raise ArgumentError(f"Expected a shard I/N with 1 <= I <= N, got {text!r}.")
        return cls(int(index), int(count))

    def has(self, key: str) -> bool:
        """Return whether a key belongs to this part."""
        digest = blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index - 1

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


WHOLE = Shard()
