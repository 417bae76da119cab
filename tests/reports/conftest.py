"""A finished run in miniature: clips, annotation, logs, checkpoint and test result."""

import json
import math
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.evaluation.score_file import ScoreSet, write_scores
from macbdf_mm.evaluation.video_scores import VideoScores, gather_videos
from macbdf_mm.evaluation.window_scores import WindowScores
from macbdf_mm.media.writer import write_clip
from macbdf_mm.reports.evaluation_record import EvaluationFacts, TestSetResult
from macbdf_mm.structures.labels import category_of

_VOID = {"meta", "img", "source"}
SECONDS = 1.5
# (video label, audio label, video method, audio method, scores); the last real one is a mistake.
CLIPS = [
    (0, 0, None, None, (0.1, 0.1, 0.2)),
    (0, 0, None, None, (0.2, 0.3, 0.1)),
    (0, 0, None, None, (0.8, 0.2, 0.3)),
    (1, 0, "mouth_swap", None, (0.9, 0.8, 0.1)),
    (1, 0, "mouth_rerender", None, (0.7, 0.6, 0.2)),
    (0, 1, None, "word_splice", (0.6, 0.2, 0.9)),
    (1, 1, "mouth_swap", "word_splice", (0.95, 0.9, 0.8)),
]


class _PageReader(HTMLParser):
    """Text, tags, tables as rows of cells, and pictures' words; tags must close in order."""

    def __init__(self):
        super().__init__()
        self.tags, self.words, self.tables, self.pictures, self._open = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        elif tag == "img":
            self.pictures.append(dict(attrs)["alt"])

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
        if {"td", "th"} & set(self._open):
            self.tables[-1][-1][-1] += data

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def table(self, first_heading, place=0):
        return [table for table in self.tables if table[0][0] == first_heading][place]


@pytest.fixture
def read_page() -> Callable[[str], _PageReader]:
    """Return a function that reads a whole HTML document, which must be well-formed."""

    def read(document: str) -> _PageReader:
        reader = _PageReader()
        reader.feed(document)
        reader.close()
        assert not reader._open
        return reader

    return read


def _row(index: int, split: str) -> ClipRow:
    video_label, audio_label, video_method, audio_method, _ = CLIPS[index]
    return ClipRow(
        file=f"{split}_{index}.mp4",
        label=max(video_label, audio_label),
        video_label=video_label,
        audio_label=audio_label,
        video_fake_intervals=((0.5, 1.0),) if video_label else (),
        identity=f"{split}{index // 2}",
        split=split,
        extra={"video_method": video_method, "audio_method": audio_method},
        duration_seconds=SECONDS,
    )


def _windows(row: ClipRow, scores: tuple[float, float, float]) -> list[WindowScores]:
    return [
        WindowScores(
            file=row.file,
            span_seconds=(start, start + 1.0),
            scores=scores,
            labels=(row.label, row.video_label, row.audio_label),
            category=category_of(row.video_label, row.audio_label),
            video_method=row.extra["video_method"],
            audio_method=row.extra["audio_method"],
            dataset="tiny",
        )
        for start in (0.0, 0.5)
    ]


@pytest.fixture(scope="session")
def tested_videos() -> list[VideoScores]:
    """Seven videos of all categories; two operators, one of them held out of training."""
    windows = [w for i, clip in enumerate(CLIPS) for w in _windows(_row(i, "test"), clip[-1])]
    return gather_videos(windows)


@pytest.fixture(scope="session")
def tested_scores(tested_videos) -> ScoreSet:
    """The seven videos, and one that could not be read."""
    lost = WindowScores(
        "test_9.mp4",
        (0.0, 1.0),
        (math.nan,) * 3,
        (1, 1, 1),
        "FVFA",
        decode_error="0 bytes",
        dataset="tiny",
    )
    return ScoreSet(
        videos=[*tested_videos, *gather_videos([lost])],
        thresholds={"overall": 0.5, "video": 0.45, "audio": 0.55},
        is_threshold_fitted=True,
        aggregation="top_quarter_mean",
    )


@pytest.fixture
def finished_run(tmp_path, write_checkpoint, tested_scores) -> Path:
    """Return the work folder of a run whose data lie beside it."""
    data, work = tmp_path / "data", tmp_path / "work"
    rows = [_row(i, "test") for i in range(len(CLIPS))]
    frames = np.full((15, 32, 32, 3), 90, np.uint8)
    sound = np.zeros(round(SECONDS * 16_000), np.float32)
    for row in rows:
        write_clip(data / row.file, frames, 10, sound)
    train = [_row(i, "train") for i in range(len(CLIPS)) if CLIPS[i][2] != "mouth_rerender"]
    save_annotation(data / "annotation.json", {"dataset": "tiny"}, [*train, *rows])
    (work / "20260101_000000" / "vis_data").mkdir(parents=True)
    (work / "config.py").write_text(
        "test_dataloader = dict(dataset=dict(\n"
        f"    data_root={str(data)!r}, ann_file='annotation.json'))\n"
    )
    write_checkpoint(work / "best_auc.pth", {"weight": torch.zeros(1)})
    write_scores(tested_scores, work / "test_scores.jsonl")
    logs = [
        {"loss": 1.0, "loss_video": 1.0, "epoch": 1, "step": 10},
        {"overall/auc": 0.7, "step": 1},
    ]
    (work / "20260101_000000" / "vis_data" / "scalars.json").write_text(
        "\n".join(map(json.dumps, logs))
    )
    return work


@pytest.fixture
def evaluation_facts() -> EvaluationFacts:
    """An evaluation of a detector that was trained on the data set "tiny"."""
    return EvaluationFacts(
        config="configs/small.py",
        checkpoint="work/best.pth",
        trained_on="tiny",
        trained_on_synthetic=True,
        command="python tools/evaluate.py",
        missing="exclude",
        columns=(),
        num_resamples=20,
        seed=3,
        limit=None,
        versions={"numpy": "2.0"},
    )


@pytest.fixture
def test_set(tested_scores) -> TestSetResult:
    """The seven videos and the one without a score, as a test set without changes of the clips."""
    return TestSetResult("tiny test", "tiny", True, tested_scores, ())
