"""From annotated files to fitted proposals, the score file, its tables, and predicted intervals."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.build_runner import build_runner
from macbdf_mm.apis.caveats import NO_FRAME_HEAD
from macbdf_mm.apis.describe_prediction import describe
from macbdf_mm.apis.evaluate_model import write_scores_to
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import build_model
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.engine.hooks.decision_threshold_hook import read_proposals
from macbdf_mm.evaluation.functional.localisation.average_precision import localise
from macbdf_mm.evaluation.functional.localisation.segments import Segments
from macbdf_mm.evaluation.localisation import MEASURED, propose_intervals
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.reports.score_tables import score_tables

FORGERY = (0.32, 1.6)


def test_settings_travel_from_validation_to_tests_tables_and_predictions(
    run_dir, make_clip, write_checkpoint, tmp_path
):
    # Labels of the video and of the audio; the last one is fake from end to end.
    labels = ((0, 0), (1, 1), (1, 0))
    rows = []
    for number, (video, audio) in enumerate(labels):
        clip = make_clip(f"{number}.mp4", seconds=1.92)
        is_whole = number == 2
        rows.append(
            ClipRow(
                clip.name,
                label=video | audio,
                video_label=video,
                audio_label=audio,
                video_fake_intervals=(FORGERY,) if video and not is_whole else (),
                audio_fake_intervals=(FORGERY,) if audio and not is_whole else (),
                identity=str(number),
                split="test",
                duration_seconds=1.92,
            )
        )
    save_annotation(tmp_path / "ann.json", {"dataset": "few"}, rows)
    cfg = Config.fromfile(str(run_dir / "macbdf_demo.py"))
    for name in ("val_dataloader", "test_dataloader"):
        cfg[name].dataset.update(data_root=str(tmp_path), ann_file="ann.json", split="test")
        cfg[name].update(num_workers=0, persistent_workers=False, timeout=0)
    cfg.work_dir = str(tmp_path / "work")
    path = tmp_path / "scores.jsonl"
    write_scores_to(cfg, path)
    for name in ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"):
        cfg.pop(name)
    cfg.default_hooks = dict(
        decision_threshold=cfg.default_hooks.decision_threshold, checkpoint=None, logger=None
    )
    torch.manual_seed(0)
    runner = build_runner(cfg)
    assert read_proposals(runner.model) == {}
    runner.val()
    fitted = read_proposals(runner.model)
    assert set(fitted) == {"overall", "video", "audio"}
    runner.test()

    scores = read_scores(path)
    assert scores.proposals == fitted
    annotated = [video.forgeries["video"] for video in scores.videos]
    assert annotated == [(), (FORGERY,), ((0.0, 1.92),)]
    # The tables of the file are those of its proposals and the annotation.
    proposals = propose_intervals(scores.videos, fitted)
    wanted = Segments.from_files([[], [FORGERY], [(0.0, 1.92)]])
    tables = score_tables(scores, num_resamples=10).tables
    for convention, title in (
        ("exact", "Localisation in time, convention exact"),
        ("avdeepfake1m", "Localisation in time, convention avdeepfake1m (as published tables)"),
    ):
        table = tables[title]
        expected = localise(proposals["video"], wanted, convention, MEASURED)
        cells = {row[0]: row[table.headers.index("video")].split()[0] for row in table.rows}
        assert {name.upper(): f"{value:.3f}" for name, value in expected.items()}.items() <= (
            cells.items()
        )
        assert (cells["forgeries"], cells["of the whole clip"]) == ("2", "1")
        assert cells["length of the steps (s)"] == "0.16"

    # The checkpoint predicts the same intervals.
    weights = write_checkpoint(tmp_path / "w.pth", runner.model.state_dict())
    judge = ForgeryInferencer(cfg, weights, device="cpu", show_progress=False)
    prediction = judge(tmp_path / "1.mp4")["predictions"][0]
    for track, found in proposals.items():
        mine = [
            [item["start"], item["end"], item["score"]]
            for item in prediction["intervals"]
            if item["track"] == track
        ]
        expected = found.to_rows()[1]
        assert len(mine) == len(expected)
        np.testing.assert_allclose(np.reshape(mine, (-1, 3)), expected, atol=1e-4)
    assert NO_FRAME_HEAD not in prediction["warnings"]


def test_weights_without_a_frame_level_head_say_so(run_dir, make_clip, write_checkpoint, tmp_path):
    cfg = Config.fromfile(str(run_dir / "macbdf_demo.py"))
    cfg.model.frame_head = None
    weights = write_checkpoint(tmp_path / "w.pth", build_model(cfg).state_dict())
    judge = ForgeryInferencer(cfg, weights, device="cpu", show_progress=False)
    prediction = judge(make_clip(seconds=1.3))["predictions"][0]
    assert prediction["intervals"] is None
    assert NO_FRAME_HEAD in prediction["warnings"]
    assert "most likely forged" not in describe(prediction)


@pytest.mark.parametrize(("verdict", "is_named"), [("fake", True), ("real", False)])
def test_the_line_names_the_best_interval(verdict, is_named):
    intervals = [
        {"track": track, "start": start, "end": start + 0.5, "score": score}
        for track, start, score in (
            ("overall", 0.0, 0.95),
            ("video", 1.0, 0.4),
            ("audio", 2.0, 0.9),
        )
    ]
    record = {
        "file": "a.mp4", "status": "ok", "warnings": [], "verdict": verdict, "flagged": {},
        "scores": dict.fromkeys(("overall", "video", "audio"), 0.9), "unusable": {},
        "thresholds": dict.fromkeys(("overall", "video", "audio"), 0.5), "intervals": intervals,
        "faces": [], "looked_at": "whole frames",
    }  # fmt: skip
    line = describe(record)
    assert ("most likely forged: audio at 2.0-2.5 s (score 0.90)" in line) == is_named
