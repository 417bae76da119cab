"""What a process that computes does with an uploaded file."""

import os
from collections.abc import Mapping
from functools import cached_property
from html import escape
from typing import Any

import torch

from macbdf_mm.apis.file_reports import describe_origin
from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.prediction import failed_prediction
from macbdf_mm.apis.release import file_digest
from macbdf_mm.apis.saliency import find_saliency
from macbdf_mm.apis.score_files import FileScorer
from macbdf_mm.errors import ForgeryToolboxError
from macbdf_mm.reports.video_page import render_video_page
from macbdf_mm.serving.upload_job import UploadAnswer, UploadJob


class UploadScorer(FileScorer):
    """Scores a file under a name of its own; a job None asks for the digest of the weights.

    Args:
        max_seconds: How long a video may be.
        num_workers: How many such processes share this machine.
        *args: As :class:`FileScorer` takes them.
        **kwargs: As :class:`FileScorer` takes them.
    """

    def __init__(self, max_seconds: float, num_workers: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_seconds = max_seconds
        self._num_threads = max(1, len(os.sched_getaffinity(0)) // num_workers)

    def __call__(self, job: UploadJob | None) -> Any:  # type: ignore[override]
        """Return the answer to a job, or the digest of the weights."""
        inferencer = self._load()
        if job is None:
            return file_digest(self.checkpoint)
        torch.set_num_threads(self._num_threads)
        try:
            seconds = inferencer.reader.probe(job.path, allow_partial=True).duration_seconds
            if seconds > self._max_seconds:
                return UploadAnswer(
                    self._failure(
                        job,
                        f"{job.path} lasts {seconds:.1f} s, and this server takes videos of at "
                        f"most {self._max_seconds:g} s.",
                    ),
                    is_too_long=True,
                )
            prediction = super().__call__(str(job.path))
        except ForgeryToolboxError as error:
            return UploadAnswer(self._failure(job, str(error)))
        page = self._page(prediction, job) if job.has_page else None
        return UploadAnswer(_renamed(prediction, job), page=page)

    @cached_property
    def _origin(self) -> dict[str, Any]:
        """What made the scores, without the folders of this machine."""
        allow_pickle = self.loading.get("allow_pickle", False)
        meta = load_checkpoint(self.checkpoint, allow_pickle=allow_pickle).get("meta") or {}
        device = str(next(self._load().model.parameters()).device)
        origin = describe_origin(self.checkpoint, None, meta, {"device": device})
        return {**origin, "checkpoint": "/".join(self.checkpoint.parts[-2:]), "config": None}

    def _page(self, prediction: Mapping[str, Any], job: UploadJob) -> str:
        inferencer = self._load()
        page = render_video_page(
            _renamed(prediction, job),
            job.path,
            self._origin,
            find_saliency(inferencer, prediction, job.path),
            inferencer.reader.process,
        )
        # A sentence on what of the file cannot be read names it.
        return page.replace(str(job.path), escape(job.name))

    def _failure(self, job: UploadJob, error: str) -> dict[str, Any]:
        inferencer = self._load()
        failure = failed_prediction(str(job.path), error, inferencer.thresholds, inferencer.caveats)
        renamed: dict[str, Any] = _renamed(failure.to_json(), job)
        return renamed


def _renamed(value: Any, job: UploadJob) -> Any:
    """Return a prediction in which the file has the client's name, in every sentence."""
    if isinstance(value, str):
        return value.replace(str(job.path), job.name)
    if isinstance(value, Mapping):
        return {key: _renamed(item, job) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(item, job) for item in value]
    return value
