"""The ROC curve of each track, from scores and figures."""

from collections.abc import Mapping, Sequence

from macbdf_mm.evaluation.functional import roc_curve
from macbdf_mm.evaluation.measures import labelled_scores
from macbdf_mm.evaluation.video_scores import VideoScores
from macbdf_mm.reports.figures.roc_curves import TrackRoc
from macbdf_mm.structures.labels import FAKE, REAL


def track_rocs(
    videos: Sequence[VideoScores], figures: Mapping[str, Mapping[str, float]]
) -> list[TrackRoc]:
    """Return a curve for each track that has real and fake videos.

    Args:
        videos: The scored videos.
        figures: Under each track what :func:`measure_track` returns.
    """
    curves = []
    for track, values in figures.items():
        labels, scores = labelled_scores(videos, track)
        if not values["num_real"] or not values["num_fake"]:
            continue
        points = roc_curve(labels, scores)
        is_called = scores >= values["threshold"]
        curves.append(
            TrackRoc(
                track=track,
                false_positive_rate=points.false_positive_rate,
                true_positive_rate=points.true_positive_rate,
                auc=values["auc"],
                auc_low=values["auc_low"],
                auc_high=values["auc_high"],
                operating_point=(
                    float(is_called[labels == REAL].mean()),
                    float(is_called[labels == FAKE].mean()),
                ),
            )
        )
    return curves
