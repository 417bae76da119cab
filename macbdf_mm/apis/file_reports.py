"""Pages and annotated videos of scored files, made where the files are scored."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from macbdf_mm.apis.release import file_digest
from macbdf_mm.errors import UndecodableMediaError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.utils.environment import package_versions
from macbdf_mm.utils.files import check_writable

if TYPE_CHECKING:
    from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer

NOT_ANEW = (
    "It is not known: the scores were taken over from an earlier run. --no-resume scores the file "
    "again."
)
_MAX_STEM = 60
# A page begins with it, so as to tell whether it belongs to a prediction.
_HEAD_BYTES = 4096
# Pages and annotated videos read a file once more, at most so often as long as one window may take.
_NUM_LIMITS = 60


@dataclass(frozen=True)
class FileReports:
    """Writes what people look at of each file, and says where.

    Attributes:
        html: Folder for a page of each file; None for none.
        video: Folder for annotated videos; None for none.
        origin: What the pages say of the weights, see :func:`describe_origin`.
        decode_time_limit_seconds: How long the decoder may take for a window.
    """

    html: Path | None = None
    video: Path | None = None
    origin: Mapping[str, Any] = field(default_factory=dict)
    decode_time_limit_seconds: float = 60.0

    def check(self) -> None:
        """Return if the folders can be written: asked before long work.

        Raises:
            UnwritableFileError: If one cannot be.
        """
        for folder, name in ((self.html, "index.html"), (self.video, "video.mp4")):
            if folder is not None:
                check_writable(folder / name)

    def page_of(self, file: str) -> Path | None:
        """Return where the page of a file stands."""
        return None if self.html is None else self.html / f"{report_name(file)}.html"

    def video_of(self, file: str) -> Path | None:
        """Return where the annotated video of a file stands."""
        return None if self.video is None else self.video / f"{report_name(file)}.mp4"

    def links(self, prediction: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the paths from the folder of pages to the page and the annotated video."""
        file = prediction["file"]
        page, video = self.page_of(file), self.video_of(file)
        if page is None:
            raise ValueError("There are no pages.")
        if video is None or not video.exists():
            return page.name, None
        return page.name, os.path.relpath(video, page.parent)

    def write(self, prediction: Mapping[str, Any], inferencer: "ForgeryInferencer | None") -> None:
        """Write page and annotated video of a file.

        Args:
            prediction: Of a file on disk, as ``Prediction.to_json()`` returns it.
            inferencer: What made the scores; without one, a page says that it is not known what
                it looked at.

        Raises:
            UnwritableFileError: If they cannot be written.
        """
        # Imported late: most runs write neither.
        from macbdf_mm.apis.saliency import find_saliency
        from macbdf_mm.reports.annotated_video import write_annotated_video
        from macbdf_mm.reports.video_page import annotation_of, write_video_page

        file = prediction["file"]
        limit = self.decode_time_limit_seconds * _NUM_LIMITS
        with DecodingProcess(limit) as process:
            if (page := self.page_of(file)) is not None:
                saliency = (
                    NOT_ANEW if inferencer is None else find_saliency(inferencer, prediction, file)
                )
                write_video_page(page, prediction, file, self.origin, saliency, process)
            if (video := self.video_of(file)) is None:
                return
            if not _has_pictures(prediction):
                # That of earlier scores would be taken for one of these.
                video.unlink(missing_ok=True)
                return
            try:
                write_annotated_video(file, annotation_of(prediction), video, process)
            except UndecodableMediaError:
                # The page says of what it could not read.
                video.unlink(missing_ok=True)

    def complete(self, prediction: Mapping[str, Any]) -> None:
        """Write what is missing of a file: its scores were taken over, or it has none.

        What is there of other scores is replaced or deleted.

        Raises:
            UnwritableFileError: If it cannot be written.
        """
        page, video = self.page_of(prediction["file"]), self.video_of(prediction["file"])
        is_page_missing = page is not None and not _is_page_of(page, prediction)
        is_video_wrong = video is not None and (
            not _is_video_of(video, prediction) if _has_pictures(prediction) else video.exists()
        )
        if is_page_missing or is_video_wrong:
            replace(
                self,
                html=self.html if is_page_missing else None,
                video=self.video if is_video_wrong else None,
            ).write(prediction, None)


def report_name(file: str) -> str:
    """Return a name that no other file has, of plain letters: for paths, links and shells."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(file).stem)[:_MAX_STEM].strip("._-") or "file"
    digest = blake2b(os.fsencode(file), digest_size=5).hexdigest()
    return f"{stem}-{digest}"


def describe_origin(
    checkpoint: Path, config: Path | None, meta: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a page says of the weights and settings that made its scores.

    Args:
        checkpoint: The file with the weights.
        config: The file of the config; None if it is the one in the checkpoint.
        meta: Of the checkpoint.
        settings: Words and values of what was chosen.
    """
    return {
        "checkpoint": str(checkpoint),
        "checkpoint_sha256": file_digest(checkpoint),
        "config": "saved in the checkpoint" if config is None else str(config),
        "training_data": meta.get("training_data"),
        "versions": package_versions(),
        "settings": dict(settings),
    }


def _has_pictures(prediction: Mapping[str, Any]) -> bool:
    """Return whether there are scores, and pictures to draw them under."""
    media = prediction.get("media")
    return bool(prediction["windows"]) and (media is None or media["video_codec"] is not None)


def _is_page_of(page: Path, prediction: Mapping[str, Any]) -> bool:
    """Return whether a page was made of this prediction."""
    from macbdf_mm.reports.video_page import prediction_digest

    try:
        with page.open("rb") as file:
            return prediction_digest(prediction).encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _is_video_of(video: Path, prediction: Mapping[str, Any]) -> bool:
    """Return whether an annotated video was made of this prediction."""
    from macbdf_mm.reports.video_page import prediction_digest

    try:
        with av.open(str(video)) as container:
            return container.metadata.get("comment") == prediction_digest(prediction)
    except (av.error.FFmpegError, OSError):
        return False
