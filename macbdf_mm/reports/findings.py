"""What follows from a run's record: figures, curves, operators and the clips to show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from macbdf_mm.errors import MissingDataError
from macbdf_mm.evaluation.measures import measure_track
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.examples import choose_examples, tell_story
from macbdf_mm.reports.figures.bars import OperatorScore
from macbdf_mm.reports.figures.roc_curves import TrackRoc, track_rocs
from macbdf_mm.reports.figures.timeline import ClipStory
from macbdf_mm.reports.run_record import RunRecord
from macbdf_mm.reports.tables import operator_scores
from macbdf_mm.structures.labels import TRACKS


@dataclass(frozen=True)
class Findings:
    """A run and what was computed from it.

    Attributes:
        run: What was read.
        videos: The tested videos that have a score.
        figures: Under each track its AUC, accuracy and so on.
        curves: A ROC curve for each track with real and fake clips.
        operators: One entry a forgery operator.
        stories: The clips to show.
    """

    run: RunRecord
    videos: Sequence[VideoScores]
    figures: Mapping[str, Mapping[str, float]]
    curves: Sequence[TrackRoc]
    operators: Sequence[OperatorScore]
    stories: Sequence[ClipStory]

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Decision threshold of each track."""
        return self.run.result.thresholds


def compute_findings(run: RunRecord) -> Findings:
    """Return everything that the report shows of a run; decodes the clips to show.

    Raises:
        MissingDataError: If no tested clip has a score.
    """
    videos = [video for video in run.result.videos if video.is_scored]
    if not videos:
        raise MissingDataError(f"No tested clip of the run in '{run.work_dir}' has a score.")
    thresholds = run.result.thresholds
    figures = {track: measure_track(videos, track, thresholds[track]) for track in TRACKS}
    return Findings(
        run=run,
        videos=videos,
        figures=figures,
        curves=track_rocs(videos, figures),
        operators=operator_scores(videos, thresholds, run.trained_methods),
        stories=[
            tell_story(video, run.rows[video.file], run.media_root / video.file, thresholds)
            for video in choose_examples(videos, thresholds["overall"])
        ],
    )
