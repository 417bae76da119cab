"""What preparing one clip gave."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["found", "several", "failed"]


@dataclass(frozen=True)
class ClipResult:
    """The faces of one clip, or why there are none.

    Attributes:
        file: As the annotation names it.
        key: Under which the result is kept.
        status: ``found``: one face; ``several``: one of several that could be it was chosen;
            ``failed``: none.
        reason: Why it failed, else None.
        faces: All tracks, as entries of the annotation.
        covered_share: Share of the clip in which the chosen face is seen, else None.
        num_frames: How many frames were looked at.
        crop_file: The crop, relative to the output folder, or None.
        crop_seconds: Start and end of the crop in the source, or None.
        crop_face: Mean box of the face in the crop, as fractions of it, or None.
    """

    file: str
    key: str
    status: Status
    reason: str | None = None
    faces: tuple[dict[str, Any], ...] = ()
    covered_share: float | None = None
    num_frames: int = 0
    crop_file: str | None = None
    crop_seconds: tuple[float, float] | None = None
    crop_face: tuple[float, float, float, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; :meth:`from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ClipResult":
        """Return the result that :meth:`as_dict` stated, after a way through JSON.

        Raises:
            TypeError: If the values are those of something else.
        """
        pairs = {name: values.get(name) for name in ("faces", "crop_seconds", "crop_face")}
        tuples = {name: None if items is None else tuple(items) for name, items in pairs.items()}
        return cls(**{**values, **tuples})
