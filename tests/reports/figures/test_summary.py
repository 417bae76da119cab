import numpy as np

from macbdf_mm.reports.figures.clip_picture import ClipStory
from macbdf_mm.reports.figures.operator_bars import OperatorScore
from macbdf_mm.reports.figures.roc_curves import TrackRoc
from macbdf_mm.reports.figures.summary import draw_summary


def test_summary_holds_curves_operators_and_a_clip():
    story = ClipStory(
        title="a clip",
        duration_seconds=1.0,
        frames=np.zeros((2, 8, 8, 3), np.uint8),
        waveform=None,
        sample_rate=16_000,
        windows=np.array([[0.0, 1.0, 0.2, 0.3, np.nan]]),
        thresholds={},
        intervals={"video": []},
    )
    ends = np.array([0.0, 1.0])
    curves = [TrackRoc("overall", ends, ends, 0.5, 0.4, 0.6)]
    operators = [OperatorScore("mouth_swap", "video", 2, 0.9, 0.8, 1.0, 0.5, is_held_out=False)]
    figure = draw_summary("a run", curves, operators, story)
    assert figure.get_suptitle() == "a run"
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:3] == ["ROC on the test split", "AUC by forgery operator", "a clip"]
    assert len(figure.axes) == 6
