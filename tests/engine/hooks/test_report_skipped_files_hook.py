import logging
from types import SimpleNamespace

import pytest
from torch.utils.data import ConcatDataset, DataLoader

from macbdf_mm.datasets import AudioVisualForgeryDataset, ClipRow, save_annotation
from macbdf_mm.engine.hooks import ReportSkippedFilesHook
from macbdf_mm.registry import HOOKS


@pytest.fixture
def dataset(tmp_path, make_clip):
    """Four clips, of which the second and the last are broken."""
    rows = [ClipRow(f"{name}.mp4", 0, duration_seconds=1.0) for name in "abcd"]
    for row in rows:
        make_clip(f"data/{row.file}", seconds=1.0)
    for broken in "bd":
        (tmp_path / f"data/{broken}.mp4").write_bytes(b"")
    save_annotation(tmp_path / "data/annotation.json", {"dataset": "d"}, rows)
    pipeline = [
        dict(type="SampleClipSpan", span_seconds=0.5),
        dict(type="DecodeAudioVisual", num_frames=2),
        dict(type="PackForgeryInputs", num_steps=1),
    ]
    return AudioVisualForgeryDataset(
        "annotation.json", pipeline, str(tmp_path / "data"), on_decode_error="skip"
    )


@pytest.fixture
def runner(dataset, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    logger = logging.getLogger("test_report_skipped_files")
    return SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=ConcatDataset([dataset])),
        val_dataloader=SimpleNamespace(dataset=dataset),
        test_dataloader=SimpleNamespace(dataset=[1, 2]),
        logger=logger,
        work_dir=str(tmp_path),
    )


def test_files_that_workers_skipped_are_counted_and_named(dataset, runner, caplog, tmp_path):
    list(DataLoader(dataset, num_workers=2, collate_fn=list))
    hook = ReportSkippedFilesHook()
    hook.after_train_epoch(runner)
    assert "train: 2 files cannot be read and were replaced by others, 2 of them" in caplog.text
    assert "b.mp4, d.mp4; all of them are in" in caplog.text
    assert (tmp_path / "skipped_files.txt").read_text() == "train b.mp4\ntrain d.mp4\n"


def test_only_new_ones_are_reported_again(dataset, runner, caplog):
    hook = ReportSkippedFilesHook()
    hook.after_train_epoch(runner)
    assert caplog.text == ""
    dataset[1]
    hook.after_train_epoch(runner)
    hook.after_train_epoch(runner)
    assert caplog.text.count("cannot be read") == 1
    dataset[3]
    caplog.clear()
    hook.after_train_epoch(runner)
    assert "train: 2 files cannot be read" in caplog.text
    assert "1 of them since the last report: d.mp4" in caplog.text


def test_validation_says_what_it_means_for_the_score(dataset, runner, caplog, tmp_path):
    hook = ReportSkippedFilesHook()
    dataset[1]
    hook.after_train_epoch(runner)
    hook.after_val_epoch(runner, {})
    assert "val: 1 file cannot be read and was counted as not covered" in caplog.text
    assert (tmp_path / "skipped_files.txt").read_text() == "train b.mp4\nval b.mp4\n"


def test_data_sets_that_skip_nothing_are_left_out(runner, caplog, tmp_path):
    ReportSkippedFilesHook().after_test_epoch(runner, {})
    assert caplog.text == ""
    assert not (tmp_path / "skipped_files.txt").exists()


def test_long_lists_are_cut_in_the_log_alone(runner, caplog, tmp_path):
    names = [f"{k:03d}.mp4" for k in range(30)]
    runner.test_dataloader = SimpleNamespace(dataset=SimpleNamespace(skipped_files=names))
    ReportSkippedFilesHook().after_test_epoch(runner, {})
    assert "019.mp4, ...;" in caplog.text
    assert len((tmp_path / "skipped_files.txt").read_text().splitlines()) == 30


def test_a_later_run_in_the_same_folder_keeps_the_names(dataset, runner, tmp_path):
    dataset[1]
    ReportSkippedFilesHook().after_train_epoch(runner)
    runner.test_dataloader = SimpleNamespace(dataset=SimpleNamespace(skipped_files=["z.mp4"]))
    ReportSkippedFilesHook().after_test_epoch(runner, {})
    assert (tmp_path / "skipped_files.txt").read_text() == "test z.mp4\ntrain b.mp4\n"


def test_a_name_makes_one_line(runner, caplog, tmp_path):
    runner.train_dataloader.dataset = SimpleNamespace(skipped_files=("a\nb\x1b[2J\udcff.mp4",))
    ReportSkippedFilesHook().after_train_epoch(runner)
    assert (tmp_path / "skipped_files.txt").read_text() == "train a\\nb\\x1b[2J\\udcff.mp4\n"
    assert "\x1b" not in caplog.text


def test_is_registered():
    assert HOOKS.get("ReportSkippedFilesHook") is ReportSkippedFilesHook


def test_files_of_several_data_sets_are_named_by_their_paths(runner, tmp_path):
    sets = [
        SimpleNamespace(skipped_files=["1.mp4"], skipped_paths=[f"{folder}/1.mp4"])
        for folder in ("a", "b")
    ]
    runner.test_dataloader = SimpleNamespace(dataset=SimpleNamespace(datasets=sets))
    ReportSkippedFilesHook().after_test_epoch(runner)
    assert (tmp_path / "skipped_files.txt").read_text() == "test a/1.mp4\ntest b/1.mp4\n"
