"""Labels of a clip and its tracks: 1 fake, 0 real, -1 unknown; and the four categories."""

from typing import Final, Literal

Label = Literal[1, 0, -1]
FAKE: Final = 1
REAL: Final = 0
UNKNOWN: Final = -1

# What has a label and a score: the clip as a whole and its two tracks, in the heads' order.
TRACKS = ("overall", "video", "audio")
# The tracks that have a score for each time step as well.
STEP_TRACKS = ("video", "audio")

Category = Literal["RVRA", "FVRA", "RVFA", "FVFA"]

# (video_label, audio_label) -> category; V video, A audio, R real, F fake.
CATEGORIES: dict[tuple[int, int], Category] = {
    (REAL, REAL): "RVRA",
    (FAKE, REAL): "FVRA",
    (REAL, FAKE): "RVFA",
    (FAKE, FAKE): "FVFA",
}


def clip_label(video_label: int, audio_label: int) -> Label:
    """Return the label of the whole clip that follows from its two tracks.

    Fake if either track is fake, real if both are real, unknown otherwise.
    """
    if FAKE in (video_label, audio_label):
        return FAKE
    if video_label == REAL and audio_label == REAL:
        return REAL
    return UNKNOWN


def category_of(video_label: int, audio_label: int) -> Category | None:
    """Return the category of the two track labels, or None where one is unknown."""
    return CATEGORIES.get((video_label, audio_label))


def labels_contradict(label: int, video_label: int, audio_label: int) -> bool:
    """Return whether a clip's own label cannot be true together with its tracks' labels."""
    implied = clip_label(video_label, audio_label)
    return label != UNKNOWN and implied != UNKNOWN and label != implied
