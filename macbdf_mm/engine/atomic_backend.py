"""MMEngine's local disk, with files that are either there in full or not at all."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from macbdf_mm.utils.files import write_atomically

ATOMIC_BACKEND = "macbdf_atomic"


@register_backend(ATOMIC_BACKEND, force=True)
class AtomicLocalBackend(LocalBackend):
    """The local disk, with writes that are never half done."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write bytes to a file."""
        write_atomically(bytes(obj), filepath)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = "utf-8") -> None:
        """Write a text to a file."""
        write_atomically(obj.encode(encoding), filepath)
