"""The windows of a file as the test pipeline makes them, read in a child process."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from macbdf_mm.apis.caveats import missing_seconds
from macbdf_mm.apis.media_files import check_is_file
from macbdf_mm.apis.test_settings import TestSettings
from macbdf_mm.datasets.transforms.decode_audio_visual import DecodeAudioVisual
from macbdf_mm.errors import DecoderStoppedError, UndecodableMediaError
from macbdf_mm.media.decoding_process import DecodingProcess
from macbdf_mm.media.probe import MediaInfo, probe
from macbdf_mm.media.read_span import read_span
from macbdf_mm.media.span_reader import read_next_span
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
        self,
        path: Path,
        info: MediaInfo,
        span: Interval,
        allow_partial: bool,
        *,
        with_video: bool = True,
        faces: Sequence[Mapping[str, Any]] | None = None,
        later: Sequence[Interval] = (),
    ) -> dict[str, Any]:
        """Return one window after the test pipeline; nothing is known of its labels.

        A window that cannot be decoded is a gap in the file: it comes without content, and its
        data sample says why.

        Args:
            path: The file.
            info: What it holds.
            span: The window.
            allow_partial: Whether a window on which the decoder was stopped is such a gap, too.
            with_video: Whether the pictures count; the window else comes as if it had none.
            faces: Entries of the annotation's field ``faces``, for a pipeline that crops them.
            later: The windows that are read next, see
                :func:`~macbdf_mm.media.spans.following_spans`: what they share with this one is
                decoded once.

        Raises:
            DecoderStoppedError: If the decoder died or hung twice, unless ``allow_partial``.
        """
        row = self._row(path, info, span, faces)
        row["decoding_process"] = ReadsAhead(self.process, later)
        try:
            packed = self._run(row, with_video)
        except UndecodableMediaError as error:
            if isinstance(error, DecoderStoppedError) and not allow_partial:
                raise naming_allow_partial(error) from error
            return self.read_nothing(path, info, span, error, faces)
        packed["data_samples"].set_metainfo(
            {"media_info": info, "decode_error": None, "is_decoder_stopped": False}
        )
        return packed

    def read_nothing(
        self,
        path: Path,
        info: MediaInfo,
        span: Interval,
        error: UndecodableMediaError,
        faces: Sequence[Mapping[str, Any]] | None = None,
    ) -> dict[str, Any]:
        """Return a window without content, a gap in the file; its data sample says why."""
        row = self._row(path, info, span, faces)
        packed = self._run({**row, "decode_error": str(error)}, with_video=False)
        packed["data_samples"].set_metainfo(
            {
                "media_info": info,
                "decode_error": str(error),
                "is_decoder_stopped": isinstance(error, DecoderStoppedError),
            }
        )
        return packed

    def _row(
        self,
        path: Path,
        info: MediaInfo,
        span: Interval,
        faces: Sequence[Mapping[str, Any]] | None,
    ) -> dict[str, Any]:
        return {
            "file": str(path),
            "path": str(path),
            "label": UNKNOWN,
            "video_label": UNKNOWN,
            "audio_label": UNKNOWN,
            "video_fake_intervals": (),
            "audio_fake_intervals": (),
            "duration_seconds": info.duration_seconds,
            "span_seconds": span,
            "faces": faces,
            "decoding_process": self.process,
        }

    def _run(self, row: dict[str, Any], with_video: bool) -> dict[str, Any]:
        results = row
        for transform in self.settings.pipeline.transforms:
            results = transform(results)
            if isinstance(transform, DecodeAudioVisual) and not with_video:
                results["video_valid"] = np.zeros_like(results["video_valid"])
        return results


class ReadsAhead:
    """Has a process read the spans of a file in one walk, where a transform asks for one of them.

    Args:
        process: Where files are decoded.
        later: The spans that follow the one that is asked for.
    """

    def __init__(self, process: DecodingProcess, later: Sequence[Interval]) -> None:
        self._process = process
        self._later = tuple(later)

    def call(
        self, function: Callable[..., Any], path: str | Path, *args: Any, **kwargs: Any
    ) -> Any:
        """Return what :meth:`~macbdf_mm.media.decoding_process.DecodingProcess.call` does."""
        if function is read_span:
            return self._process.call(read_next_span, path, *args, later=self._later, **kwargs)
        return self._process.call(function, path, *args, **kwargs)


def naming_allow_partial(error: DecoderStoppedError) -> DecoderStoppedError:
    """Return the error with the remedy that a prediction has."""
    return DecoderStoppedError(
        f"{str(error).rstrip('.')}; or score the rest with --allow-partial (`allow_partial=True`)."
    )
