"""The windows of a file as the test pipeline makes them, read in a child process."""

from pathlib import Path
from typing import Any

from macbdf_mm.apis.caveats import missing_seconds
from macbdf_mm.apis.media_files import check_is_file
from macbdf_mm.apis.test_settings import TestSettings
from macbdf_mm.errors import DecoderStoppedError, UndecodableMediaError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.probe import MediaInfo, probe
from macbdf_mm.media.spans import plan_windows
from macbdf_mm.structures.intervals import Interval
from macbdf_mm.structures.labels import UNKNOWN


class WindowReader:
    """Reads windows of files; a file on which the decoder crashes or hangs harms no other.

    Args:
        settings: Of the test: pipeline and windows.
        process: Where files are decoded.
    """

    def __init__(self, settings: TestSettings, process: DecodingProcess) -> None:
        self.settings = settings
        self.process = process

    def probe(self, path: Path, allow_partial: bool) -> MediaInfo:
        """Return what a file holds.

        Raises:
            MissingDataError: If it does not exist.
            UndecodableMediaError: If it cannot be decoded, or was cut short and may not be.
        """
        check_is_file(path)
        info = self.process.call(probe, path)
        if not allow_partial and (missing := missing_seconds(info)):
            raise UndecodableMediaError(
                f"{path} was cut short: its last {missing:.1f} of "
                f"{info.duration_seconds + missing:.1f} s are missing; fetch it again, or "
                "score what is there with --allow-partial (`allow_partial=True`)."
            )
        return info

    def plan(self, duration_seconds: float, stride_seconds: float | None) -> list[Interval]:
        """Return the windows of a file of this length, by default those of the test."""
        if stride_seconds is None:
            return self.settings.plan_windows(duration_seconds)
        span_seconds = self.settings.span_seconds
        return plan_windows(duration_seconds, span_seconds, stride_seconds=stride_seconds)

    def read(
        self, path: Path, info: MediaInfo, span: Interval, allow_partial: bool
    ) -> dict[str, Any]:
        """Return one window after the test pipeline; nothing is known of its labels.

        A window that cannot be decoded is a gap in the file: it comes without content, and its
        data sample says why.

        Raises:
            DecoderStoppedError: If the decoder died or hung twice, unless ``allow_partial``.
        """
        row = {
            "file": str(path),
            "path": str(path),
            "label": UNKNOWN,
            "video_label": UNKNOWN,
            "audio_label": UNKNOWN,
            "video_fake_intervals": (),
            "audio_fake_intervals": (),
            "duration_seconds": info.duration_seconds,
            "span_seconds": span,
            "decoding_process": self.process,
        }
        problem, is_stopped = None, False
        try:
            packed = self.settings.pipeline(row)
        except UndecodableMediaError as error:
            is_stopped = isinstance(error, DecoderStoppedError)
            if is_stopped and not allow_partial:
                raise DecoderStoppedError(
                    f"{str(error).rstrip('.')}; or score the rest with --allow-partial "
                    "(`allow_partial=True`)."
                ) from error
            # A gap in the file: this window has no scores, the others still have.
            problem = str(error)
            packed = self.settings.pipeline({**row, "decode_error": problem})
        packed["data_samples"].set_metainfo(
            {"media_info": info, "decode_error": problem, "is_decoder_stopped": is_stopped}
        )
        return packed
