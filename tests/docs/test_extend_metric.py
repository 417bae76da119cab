"""The section "A metric" of the page on extending, run as it stands there."""

import importlib
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.evaluator import Evaluator

from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.evaluation.metrics import ForgeryMetric
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.registry import HOOKS, build_part
from macbdf_mm.reports.score_tables import score_tables

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs" / "extend.md").read_text().split("\n## A metric\n")[1].split("\n## ")[0]
MODULE, CONFIG = re.findall(r"```python\n(.*?)```", SECTION, re.S)
NAME = "tpr_at_1_fpr"


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    """The section's config, its module beside it; the table is put back afterwards."""
    (tmp_path / "my_metrics.py").write_text(MODULE)
    base = (ROOT / "configs" / "macbdf_dfdc.py").as_posix()
    (tmp_path / "mine.py").write_text(CONFIG.replace("./macbdf_dfdc.py", base))
    monkeypatch.syspath_prepend(str(tmp_path))
    rows = dict(METRIC_TABLE)
    yield Config.fromfile(tmp_path / "mine.py")
    METRIC_TABLE.clear()
    METRIC_TABLE.update(rows)
    sys.modules.pop("my_metrics")


def window(index, label, score):
    return WindowScores(
        f"{index:03d}", (0.0, 1.0), (score, score, math.nan), (label, label, -1),
        "FVRA" if label else "RVRA", "swap" if label else None, "swap" if label else None,
    )  # fmt: skip


def test_the_metric_is_computed_printed_and_decides_on_the_best_checkpoint(cfg):
    scores = np.random.default_rng(0).random(300)
    labels = np.arange(300) % 3 == 0
    scores[labels] += 0.5
    scores /= 1.5
    metric = ForgeryMetric(num_resamples=20)
    windows = [
        window(i, int(label), float(score))
        for i, (label, score) in enumerate(zip(labels, scores, strict=True))
    ]
    metric.results = list(windows)
    figures = Evaluator(metric).evaluate(300)
    # Of 200 real clips the second highest is the first that 99 % do not exceed.
    highest = np.sort(scores[~labels])[-2]
    expected = (scores[labels] > highest).mean()
    assert figures[f"overall/{NAME}"] == figures[f"video/{NAME}"] == pytest.approx(expected)
    assert figures[f"overall/{NAME}_low"] <= expected <= figures[f"overall/{NAME}_high"]
    assert math.isnan(figures[f"audio/{NAME}"])
    assert figures[f"{NAME}_by_video_method/swap"] == pytest.approx(expected)
    scores = ScoreSet(gather_videos(windows), metric.thresholds)
    text = score_tables(scores, num_resamples=20).to_text()
    (row,) = [line for line in text.splitlines() if line.startswith("TPR at 1 % FPR ")]
    assert f"{expected:.3f} (" in row
    assert "TPR at 1 % FPR against real clips" in text
    hook = build_part(HOOKS, cfg.default_hooks.checkpoint)
    assert hook.rules == ["greater"]


def test_everything_that_the_section_names_is_there():
    for name in re.findall(r"\]\(\.\./([\w/.]+)\)", SECTION):
        assert (ROOT / name).is_file()
    assert importlib.util.find_spec("macbdf_mm.evaluation.metric_table")
