"""The metric of clip-level detection: windows in, one set of figures out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from macbdf_mm.errors import ArgumentError
from macbdf_mm.evaluation.action_samples import scored_sample
from macbdf_mm.evaluation.functional.aggregation import AGGREGATIONS, DEFAULT_AGGREGATION
from macbdf_mm.evaluation.functional.calibration import METHODS
from macbdf_mm.evaluation.functional.localisation.proposals import ProposalSettings
from macbdf_mm.evaluation.functional.real_windows import MIN_RUNS, RealWindows
from macbdf_mm.evaluation.functional.window_groups import run_scores
from macbdf_mm.evaluation.localisation import fit_proposal_settings
from macbdf_mm.evaluation.measures import best_thresholds, measure_videos
from macbdf_mm.evaluation.score_calibration import ScoreCalibration
from macbdf_mm.evaluation.score_file import ScoreSet, check_suffix, write_scores
from macbdf_mm.evaluation.video_scores import VideoScores, gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores, window_of_sample
from macbdf_mm.registry import METRICS
from macbdf_mm.structures.labels import FAKE, REAL, TRACKS
from macbdf_mm.utils.counted import counted

_UNFITTED_THRESHOLD = 0.5
_MAX_NAMED_FILES = 5


@METRICS.register_module()
class ForgeryMetric(BaseMetric):
    """Computes the table of metrics over videos, by track, category and forgery method.

    Which figures these are is said in :data:`~macbdf_mm.evaluation.metric_table.METRIC_TABLE`;
    a module of your own that adds a row is named in the config's ``custom_imports``.

    :attr:`origin` is written beside the scores, to say how they were made; whoever tests sets it.

    The windows of a video are aggregated first, so each video counts once. A
    ``DecisionThresholdHook`` hands over the thresholds that the model carries, how the scores
    of real windows are distributed (:attr:`real_windows`, by track), by which windows are
    aggregated, how step scores become intervals (:attr:`proposals`, by track), and the
    :attr:`calibration` of the videos' scores. On the validation set, where they are chosen, the
    metric uses those of its own data: first the distribution, then the calibration, then the best
    thresholds of the calibrated scores, which it returns, the uncertain band, and the settings of
    intervals.

    Args:
        aggregation: Name of the aggregation of windows, one of
            :data:`~macbdf_mm.evaluation.functional.aggregation.AGGREGATIONS`.
        fit_threshold: Whether distribution, calibration and thresholds are fitted to this data: for
            validation only, since an accuracy at such a threshold is too good. There are no
            intervals then.
        calibration: How scores are calibrated, ``'auto'``, ``'temperature'``, ``'platt'`` or
            ``'isotonic'``, see ``fit_calibration``; ``'none'``: thresholds are those of the model's
            own scores.
        max_error: Share of wrong verdicts, inside (0, 1), that is not exceeded outside the
            uncertain band.
        num_resamples: Of the bootstrap intervals.
        out_file: Score file, ``x.jsonl`` or ``x.parquet``, that gets a row for each video; see
            :mod:`~macbdf_mm.evaluation.score_file`.
        collect_device: ``'cpu'`` or ``'gpu'``, for gathering results of several processes.
        prefix: Put before every key, as in ``prefix/overall/auc``.
        collect_dir: Folder shared by the processes, for ``collect_device='cpu'``.
    """

    default_prefix = ""

    def __init__(
        self,
        aggregation: str = DEFAULT_AGGREGATION,
        fit_threshold: bool = False,
        calibration: str = "auto",
        max_error: float = 0.1,
        num_resamples: int = 1000,
        out_file: str | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix, collect_dir)
        if aggregation not in AGGREGATIONS:
            raise ArgumentError(
                f"Expected `aggregation` in {sorted(AGGREGATIONS)}, got {aggregation!r}."
            )
        methods = ["auto", "none", *METHODS]
        if calibration not in methods:
            raise ArgumentError(f"Expected `calibration` in {methods}, got {calibration!r}.")
        if not 0 < max_error < 1:
            raise ArgumentError(f"Expected `max_error` inside (0, 1), got {max_error}.")
        self.aggregation = aggregation
        self.calibration_method = calibration
        self.max_error = max_error
        self.fit_threshold = fit_threshold
        self.num_resamples = num_resamples
        self.out_file = None if out_file is None else str(check_suffix(out_file))
        self.origin: dict[str, Any] = {}
        self.thresholds = dict.fromkeys(TRACKS, _UNFITTED_THRESHOLD)
        self.is_threshold_fitted = False
        self.real_windows = dict.fromkeys(TRACKS, RealWindows.unfitted())
        self.proposals: dict[str, ProposalSettings] = {}
        self.calibration = ScoreCalibration.none()
        self._told: str | None = None

    def set_thresholds(self, thresholds: Mapping[str, float], is_fitted: bool) -> None:
        """Use these thresholds from now on.

        Args:
            thresholds: Threshold by track name: overall, video, audio.
            is_fitted: Whether they were chosen on validation data, rather than left at 0.5.
        """
        self.thresholds = {track: float(thresholds[track]) for track in TRACKS}
        self.is_threshold_fitted = is_fitted

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Remember the scores of a batch of windows.

        Args:
            data_batch: Not used.
            data_samples: As :func:`~macbdf_mm.evaluation.action_samples.scored_sample` takes them:
                of a detector of ours, or of a recogniser of mmaction2 with two classes.

        Raises:
            ConfigError: If they are of another kind.
        """
        self.results.extend(window_of_sample(scored_sample(sample)) for sample in data_samples)

    def compute_metrics(self, results: list[WindowScores]) -> dict[str, float]:
        """Return all figures of the gathered windows, see ``measure_videos``.

        With ``coverage`` (share of the clips that have a score), ``num_videos`` and
        ``is_threshold_fitted`` (0 or 1).
        """
        videos = gather_videos(results, self.aggregation, self.real_windows)
        if self.fit_threshold:
            self._fit_real_windows(videos)
            videos = gather_videos(results, self.aggregation, self.real_windows)
            self._fit_calibration(videos)
        videos = self.calibration.apply(videos)
        scores = ScoreSet(
            videos=videos,
            thresholds=self.thresholds,
            is_threshold_fitted=self.is_threshold_fitted,
            aggregation=self.aggregation,
            origin=self.origin,
        )
        scored, unscored = scores.scored, scores.unscored
        if unscored:
            self._warn_of(unscored)
        if self.fit_threshold:
            self._fit(scored)
            # As with thresholds, the old ones stay where there is nothing to fit on.
            self.proposals = {**self.proposals, **fit_proposal_settings(scored)}
        num_resamples = 0 if self.fit_threshold else self.num_resamples
        figures = measure_videos(videos, self.thresholds, num_resamples) | {
            "coverage": len(scored) / len(videos) if videos else float("nan"),
            "num_videos": len(scored),
            "is_threshold_fitted": float(self.is_threshold_fitted),
        }
        if self.out_file is not None:
            fitted = replace(
                scores,
                is_threshold_fitted=self.is_threshold_fitted,
                proposals=self.proposals,
                calibration=self.calibration,
            )
            write_scores(fitted, self.out_file)
        return figures

    def _fit_real_windows(self, videos: Sequence[VideoScores]) -> None:
        for column, track in enumerate(TRACKS):
            real = [video for video in videos if video.labels[track] == REAL]
            scores = [np.array([window.scores[column] for window in v.windows]) for v in real]
            known = [of_video[~np.isnan(of_video)] for of_video in scores]
            runs = [run for of_video in known if of_video.size for run in run_scores(of_video)]
            # With fewer, as where only a few windows of each clip are looked at, the old one stays.
            if len(runs) >= MIN_RUNS:
                self.real_windows[track] = RealWindows.fit(runs)

    def _fit_calibration(self, videos: Sequence[VideoScores]) -> None:
        if self.calibration_method == "none":
            self.calibration = ScoreCalibration.none()
            return
        self.calibration = ScoreCalibration.fit(videos, self.calibration_method, self.calibration)
        if self.calibration.absence not in (None, self._told):
            self._told = self.calibration.absence
            MMLogger.get_current_instance().warning(self._told)

    def _fit(self, videos: Sequence[VideoScores]) -> None:
        for track, threshold in best_thresholds(videos).items():
            # Without both classes there is nothing to choose by: the old one stays.
            if threshold == threshold:
                self.thresholds[track] = threshold
                self.is_threshold_fitted = True
        if not any(video.labels["overall"] == FAKE for video in videos) or not any(
            video.labels["overall"] == REAL for video in videos
        ):
            return
        self.calibration = self.calibration.with_band(
            videos, self.thresholds["overall"], self.max_error
        )

    def _warn_of(self, unscored: Mapping[str, str]) -> None:
        named = [f"{file} ({reason})" for file, reason in sorted(unscored.items())]
        rest = len(named) - _MAX_NAMED_FILES
        MMLogger.get_current_instance().warning(
            f"{counted(len(named), 'clip')} without a score: {'; '.join(named[:_MAX_NAMED_FILES])}"
            + (f"; and {rest} more" if rest > 0 else "")
        )
