"""Running a subcommand in this process, as the console command does."""

import sys

import numpy as np
import pytest

from macbdf_mm.commands.macbdf import main
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.evaluation.score_file import ScoreSet, write_scores
from macbdf_mm.evaluation.video_scores import VideoScores

TRACKS = ("overall", "video", "audio")


@pytest.fixture
def macbdf(monkeypatch, capsys, tmp_path):
    """Return a function that runs ``macbdf`` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["macbdf", *map(str, words)])
        try:
            code = main()
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def write_score_file():
    """Return the function that writes a score file of twelve clips, half of them fake."""

    def write(path, shift=0.0):
        rng = np.random.default_rng(round(100 * shift))
        videos = [
            VideoScores(
                file=f"{number}.mp4",
                scores=dict.fromkeys(TRACKS, float(rng.uniform(0.1, 0.6)) + 0.3 * (number % 2)),
                labels=dict.fromkeys(TRACKS, number % 2),
                groups={"identity": str(number)},
            )
            for number in range(12)
        ]
        write_scores(ScoreSet(videos, dict.fromkeys(TRACKS, 0.5)), path)
        return path

    return write


@pytest.fixture
def write_annotation():
    """Return the function that writes an annotation of twelve clips of six persons."""

    def write(path):
        rows = [
            ClipRow(f"{k}.mp4", k % 2, k % 2, k % 2, identity=f"p{k // 2}", duration_seconds=2.0)
            for k in range(12)
        ]
        save_annotation(path, {"dataset": "twelve"}, rows)
        return path

    return write
