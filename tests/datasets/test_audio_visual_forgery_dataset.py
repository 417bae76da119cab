from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from macbdf_mm.datasets import AudioVisualForgeryDataset, ClipRow, save_annotation
from macbdf_mm.datasets.seeding import DrawnIndex
from macbdf_mm.errors import AnnotationError, ConfigError, MissingDataError, UndecodableMediaError
from macbdf_mm.evaluation.video_scores import gather_videos
from macbdf_mm.evaluation.window_scores import window_of_sample
from macbdf_mm.registry import DATASETS, build_part

DECODE = [
    dict(type="SampleClipSpan", span_seconds=0.64),
    dict(type="DecodeAudioVisual", num_frames=8),
]
PIPELINE = [
    *DECODE,
    dict(type="mmaction.RandomResizedCrop", area_range=(0.5, 1.0)),
    dict(type="mmaction.Resize", scale=(32, 32), keep_ratio=False),
    dict(type="mmaction.Flip", flip_ratio=0.5),
    dict(type="ClipColorJitter"),
    dict(type="AudioNoise"),
    dict(type="PackForgeryInputs", num_steps=4),
]
TEST_PIPELINE = [
    dict(type="SampleClipSpan", span_seconds=0.64, test_mode=True),
    DECODE[1],
    dict(type="mmaction.Resize", scale=(32, 32), keep_ratio=False),
    dict(type="mmaction.CenterCrop", crop_size=24),
    dict(type="PackForgeryInputs", num_steps=4),
]


@pytest.fixture
def data_root(make_clip, tmp_path):
    """A folder with four clips, of which the last is broken."""
    rows = []
    for index in range(4):
        make_clip(f"videos/{index}.mp4", seconds=1.5, with_sound=index != 1)
        fake = index % 2
        rows.append(
            ClipRow(
                f"{index}.mp4", fake, fake, 0, identity=f"id{index}",
                split="train" if index < 2 else "test", method="m" if fake else None,
                source=f"real{index}.mp4" if fake else None,
            )
        )  # fmt: skip
    (tmp_path / "videos/3.mp4").write_bytes(b"")
    save_annotation(tmp_path / "annotation.json", {"dataset": "d"}, rows)
    return tmp_path


def build(data_root, pipeline=PIPELINE, **options):
    defaults = dict(data_root=str(data_root), data_prefix=dict(file="videos"), split="train")
    return AudioVisualForgeryDataset("annotation.json", pipeline, **(defaults | options))


def test_an_item_is_packed(data_root):
    item = build(data_root)[0]
    inputs, sample = item["inputs"], item["data_samples"]
    assert inputs["video"].shape == (3, 8, 32, 32)
    assert inputs["waveform"].shape == (10_240,)
    assert (sample.file, sample.identity, sample.split) == ("0.mp4", "id0", "train")
    assert sample.path == str(data_root / "videos/0.mp4")
    assert (sample.dataset_name, sample.source) == ("d", None)


def test_a_score_is_of_the_data_set_and_has_the_columns_of_its_row(data_root):
    items = [build(data_root)[1], build(data_root, metainfo={"dataset": "other"})[1]]
    windows = []
    for item in items:
        sample = item["data_samples"]
        sample.pred_scores = torch.full((3,), 0.5)
        windows.append(window_of_sample(sample.to_dict()))
    assert [window.dataset for window in windows] == ["d", "other"]
    assert windows[0].groups == {
        "category": "FVRA", "method": "m", "identity": "id1", "source": "real1.mp4",
        "split": "train",
    }  # fmt: skip
    assert len(gather_videos(windows)) == 2, "equal names and paths, two data sets"


def test_a_clip_without_sound_is_carried_with_its_mask(data_root):
    item = build(data_root)[1]
    assert not item["inputs"]["audio_mask"].any()
    assert item["inputs"]["video_mask"].all()
    assert int(item["data_samples"].gt_audio_label) == -1


def test_items_depend_on_seed_and_epoch_but_not_on_the_caller(data_root):
    dataset = build(data_root)
    first = dataset[0]["inputs"]["video"]
    np.random.seed(99)
    assert torch.equal(dataset[0]["inputs"]["video"], first)
    dataset.set_epoch(1)
    assert not torch.equal(dataset[0]["inputs"]["video"], first)
    assert not torch.equal(build(data_root, seed=1)[0]["inputs"]["video"], first)


def test_a_clip_that_is_drawn_again_is_augmented_anew(data_root):
    dataset = build(data_root)
    turns = [DrawnIndex(0, turn) for turn in (0, 1, 2)]
    loader = DataLoader(dataset, sampler=turns, num_workers=1, collate_fn=list)
    first, second, third = (items[0]["inputs"]["video"] for items in loader)
    assert torch.equal(first, dataset[0]["inputs"]["video"])
    assert not torch.equal(first, second)
    assert not torch.equal(second, third)


def test_running_workers_see_a_new_epoch(data_root):
    dataset = build(data_root)
    loader = DataLoader(dataset, num_workers=1, persistent_workers=True, collate_fn=list)
    epochs = []
    for epoch in range(2):
        dataset.set_epoch(epoch)
        epochs.append([items[0]["inputs"]["video"] for items in loader])
        assert torch.equal(epochs[-1][0], dataset[0]["inputs"]["video"])
    assert not torch.equal(epochs[0][0], epochs[1][0])


def test_windows_of_test_mode_cover_the_clip(data_root):
    dataset = build(data_root, TEST_PIPELINE, split="train", test_mode=True, windows_per_clip=3)
    spans = [dataset[index]["data_samples"].span_seconds for index in range(3)]
    assert len(dataset) == 6
    assert [span[0] for span in spans] == pytest.approx([0.0, 0.43, 0.86], abs=0.03)
    assert {dataset[index]["data_samples"].file for index in range(3)} == {"0.mp4"}
    assert dataset[0]["inputs"]["video"].shape == (3, 8, 24, 24)


def test_bare_names_are_found_in_any_scope(data_root):
    cfg = Config(dict(dataset=dict(
        type="AudioVisualForgeryDataset", ann_file="annotation.json", pipeline=PIPELINE,
        data_root=str(data_root), data_prefix=dict(file="videos"), split="train",
    ))).dataset  # fmt: skip
    with DefaultScope.overwrite_default_scope("mmaction"):
        dataset = build_part(DATASETS, cfg)
    assert torch.equal(dataset[0]["inputs"]["video"], build(data_root)[0]["inputs"]["video"])


def test_clips_of_some_labels_alone(data_root):
    real = build(data_root, labels=[0])
    assert [real.get_data_info(index)["file"] for index in range(len(real))] == ["0.mp4"]
    assert real.label_counts == {("overall", 0): 1, ("video", 0): 1, ("audio", 0): 1}
    windows = build(data_root, labels=[1], test_mode=True, windows_per_clip=3)
    assert {windows.get_data_info(index)["file"] for index in range(3)} == {"1.mp4"}
    assert len(build(data_root, labels=(0, 1))) == len(build(data_root))


def test_a_split_without_such_clips_is_said(data_root):
    rows = [ClipRow("0.mp4", 1, split="train"), ClipRow("1.mp4", 0, split="test")]
    save_annotation(data_root / "annotation.json", {"dataset": "d"}, rows)
    expected = r"no clip with a `label` of \[0\] .* where `split` is 'train'; it has 1 with 1\."
    with pytest.raises(MissingDataError, match=expected):
        build(data_root, labels=[0])


@pytest.mark.parametrize("labels", [[], 0, ["real"], [2]])
def test_other_labels_than_there_are(data_root, labels):
    with pytest.raises(ConfigError, match="`labels` to be a list of 1"):
        build(data_root, labels=labels)


def test_the_part_before_a_transform_has_an_epoch_of_its_own(data_root):
    data = build(data_root)
    packing = data.pipeline.transforms[-1]
    shortened = data.before(packing)
    packed, item = data[0]["inputs"], shortened[0]
    np.testing.assert_array_equal(np.stack(item["imgs"]), packed["video"].permute(1, 2, 3, 0))
    shortened.set_epoch(5)
    assert shortened[0]["span_seconds"] != item["span_seconds"]
    assert torch.equal(data[0]["inputs"]["video"], packed["video"])
    with pytest.raises(ConfigError, match="has to stand in the pipeline itself"):
        data.before(print)


def test_an_unreadable_file_stops_by_default(data_root):
    with pytest.raises(UndecodableMediaError, match=r"3\.mp4 is empty"):
        build(data_root, split="test")[1]


def test_skipping_takes_another_clip_in_training_and_names_the_file(data_root):
    dataset = build(data_root, split="test", on_decode_error="skip")
    assert dataset.skipped_files == []
    assert dataset[0]["data_samples"].file == "2.mp4"
    assert dataset[1]["data_samples"].file == "2.mp4"
    assert dataset.skipped_files == ["3.mp4"]


def test_skipping_ends_where_no_file_can_be_read(data_root):
    (data_root / "videos/2.mp4").write_bytes(b"")
    dataset = build(data_root, split="test", on_decode_error="skip")
    with pytest.raises(UndecodableMediaError, match=r"No clip of .* can be read, of 2; see"):
        dataset[0]


def test_skipping_in_test_mode_keeps_the_item_without_content(data_root):
    dataset = build(data_root, TEST_PIPELINE, split="test", test_mode=True, on_decode_error="skip")
    item = dataset[1]
    assert item["data_samples"].file == "3.mp4"
    assert "is empty" in item["data_samples"].decode_error
    assert not item["inputs"]["video_mask"].any()
    assert not item["inputs"]["audio_mask"].any()
    assert item["inputs"]["video"].shape == dataset[0]["inputs"]["video"].shape
    assert dataset.skipped_files == ["3.mp4"]


def test_a_window_beyond_the_end_does_not_stand_for_the_first(data_root, make_clip):
    row = ClipRow("long.mp4", 0, 0, 0, split="long", duration_seconds=4.0)
    make_clip("videos/long.mp4", seconds=1.5)
    save_annotation(data_root / "annotation.json", {"dataset": "d"}, [row])
    options = dict(test_mode=True, windows_per_clip=2, on_decode_error="skip")
    dataset = build(data_root, TEST_PIPELINE, split="long", **options)
    first, last = (dataset[index]["data_samples"] for index in range(2))
    assert first.span_seconds == (0.0, 0.64)
    assert "decode_error" not in first
    assert last.span_seconds == pytest.approx((3.36, 4.0))
    assert "its annotated length may be wrong" in last.decode_error


def test_missing_files_are_counted_and_named(data_root):
    (data_root / "videos/0.mp4").unlink()
    with pytest.raises(MissingDataError, match=r"videos lacks 1 of 2 files that .*: 0\.mp4; check"):
        build(data_root)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (dict(split="dev"), MissingDataError, r"no row with `split` 'dev'; it has \['test', 't"),
        (dict(data_prefix=dict(file="nowhere")), MissingDataError, "No data folder at .*nowhere"),
        (dict(on_decode_error="ignore"), ConfigError, "`on_decode_error` 'raise' or 'skip'"),
        (dict(windows_per_clip=0), ConfigError, "`windows_per_clip` > 0 or None, got 0"),
        (dict(decode_time_limit_seconds=-1), ConfigError, "`decode_time_limit_seconds` > 0 or N"),
    ],
)
def test_wrong_arguments_are_named(data_root, options, error, message):
    with pytest.raises(error, match=message):
        build(data_root, **options)


def test_an_annotation_without_rows_is_named(data_root):
    save_annotation(data_root / "annotation.json", {"dataset": "d"}, [])
    with pytest.raises(MissingDataError, match="lists no clips"):
        build(data_root)


def test_a_broken_annotation_is_named(data_root):
    (data_root / "annotation.json").write_text("{")
    with pytest.raises(AnnotationError, match="not valid JSON"):
        build(data_root)


def test_training_on_a_split_that_leaks_is_refused_unless_it_is_named(data_root):
    rows = [
        ClipRow("0.mp4", 0, 0, 0, split="train"),
        ClipRow("2.mp4", 1, 1, 0, split="test", source="0.mp4"),
    ]
    protocol = {"name": "paper-80-20", "seed": 0}
    save_annotation(
        data_root / "annotation.json", {"dataset": "d", "split_protocol": protocol}, rows
    )
    with pytest.raises(ConfigError, match=r"'0\.mp4' is in 'train' and '2\.mp4' in 'test'"):
        build(data_root)
    assert len(build(data_root, allow_leak="paper-80-20")) == 1
    # What is scored was decided in training.
    assert len(build(data_root, TEST_PIPELINE, split="test", test_mode=True)) == 1


@pytest.fixture
def mixed_root(make_clip, tmp_path):
    """Six short clips: fake ones, real ones in between, and the first of each broken."""
    rows = [
        ClipRow(f"{k}.mp4", k % 2, k % 2, 0, split="train", duration_seconds=1.0) for k in range(6)
    ]
    for row in rows:
        make_clip(f"videos/{row.file}", seconds=1.0)
    for broken in (0, 1):
        (tmp_path / f"videos/{broken}.mp4").write_bytes(b"")
    save_annotation(tmp_path / "annotation.json", {"dataset": "d"}, rows)
    return tmp_path


def test_a_stand_in_has_the_same_labels(mixed_root):
    dataset = build(mixed_root, on_decode_error="skip")
    assert [dataset[index]["data_samples"].file for index in range(4)] == [
        "2.mp4", "3.mp4", "2.mp4", "3.mp4",
    ]  # fmt: skip


def test_a_stand_in_of_other_labels_is_better_than_none(mixed_root):
    for broken in (3, 5):
        (mixed_root / f"videos/{broken}.mp4").write_bytes(b"")
    dataset = build(mixed_root, on_decode_error="skip")
    assert dataset[1]["data_samples"].file == "2.mp4"


def test_stand_ins_are_the_same_for_any_number_of_workers(mixed_root):
    epochs = []
    for num_workers in (0, 1, 2):
        dataset = build(mixed_root, on_decode_error="skip")
        loader = DataLoader(dataset, num_workers=num_workers, collate_fn=list)
        epochs.append([items[0]["inputs"]["video"] for items in loader])
        assert dataset.skipped_files == ["0.mp4", "1.mp4"]
    for other in epochs[1:]:
        assert all(torch.equal(a, b) for a, b in zip(epochs[0], other, strict=True))


def crash(results):
    results["decoding_process"].call(exec, "import os; os.abort()")


def test_a_file_that_kills_its_decoder_does_not_kill_the_worker(mixed_root):
    dataset = build(mixed_root, [crash], on_decode_error="skip", test_mode=True)
    loader = DataLoader(dataset, num_workers=1, collate_fn=list)
    with pytest.raises(UndecodableMediaError, match=r"killed by signal 6 \(SIGABRT\), in two"):
        list(loader)


def test_a_decoder_that_dies_once_changes_no_item(mixed_root):
    dataset = build(mixed_root, on_decode_error="skip")
    expected = dataset[2]["inputs"]
    dataset._process._child.kill()
    found = dataset[2]["inputs"]
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert dataset.skipped_files == []


def test_a_clip_whose_decoder_dies_twice_is_named_and_read_again_later(mixed_root):
    deaths = [crash]

    def crash_first(results):
        if deaths:
            deaths.pop()(results)
        return results

    dataset = build(mixed_root, [crash_first, *PIPELINE], on_decode_error="skip")
    assert dataset[2]["data_samples"].file == "4.mp4"
    assert dataset.skipped_files == ["2.mp4"]
    assert dataset[2]["data_samples"].file == "2.mp4"


@pytest.mark.parametrize("limit", [60.0, None])
def test_files_are_read_by_a_child_process_unless_told_otherwise(mixed_root, limit):
    seen = []
    dataset = build(
        mixed_root,
        [*DECODE, lambda results: seen.append(results) or dict(results)],
        decode_time_limit_seconds=limit,
    )
    item = dataset[2]
    assert "decoding_process" not in item
    process = seen[0]["decoding_process"]
    assert (process is None) == (limit is None)
    if process is not None:
        assert process.call(eval, "'macbdf_mm.media.read_span' in __import__('sys').modules")


GRID = dict(TEST_PIPELINE[0], stride_seconds=0.32)


def test_windows_lie_on_a_grid_and_cover_a_clip_whether_its_length_is_known_or_not(
    data_root, make_clip, caplog
):
    rows = [
        ClipRow("long.mp4", 0, 0, 0, split="x", duration_seconds=4.003),
        ClipRow("short.mp4", 0, 0, 0, split="x", duration_seconds=0.6),
        ClipRow("unknown.mp4", 0, 0, 0, split="x"),
        ClipRow("noise.mp4", 0, 0, 0, split="x"),
    ]
    for row in rows[:3]:
        make_clip(f"videos/{row.file}", seconds=row.duration_seconds or 4.0)
    (data_root / "videos/noise.mp4").write_bytes(bytes(range(256)) * 9)
    save_annotation(data_root / "annotation.json", {"dataset": "d"}, rows)
    options = dict(split="x", test_mode=True, on_decode_error="skip")
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    dataset = build(data_root, [GRID, *TEST_PIPELINE[1:]], **options)
    spans: dict[str, list] = {}
    for index in range(len(dataset)):
        sample = dataset[index]["data_samples"]
        spans.setdefault(sample.file, []).append(sample.span_seconds)
    logger.removeHandler(caplog.handler)
    starts, ends = np.transpose(spans["long.mp4"])
    assert starts == pytest.approx([*(0.32 * np.arange(11)), 3.36])
    assert ends[-1] == pytest.approx(4.0)
    assert spans["unknown.mp4"] == spans["long.mp4"]
    assert len(spans["short.mp4"]) == len(spans["noise.mp4"]) == 1
    assert "2 of 4 clips: measured now" in caplog.text
    assert "lacks the `duration_seconds` of " in caplog.text
    # So many, evenly placed, where that is wanted.
    evenly = build(data_root, [GRID, *TEST_PIPELINE[1:]], windows_per_clip=2, **options)
    assert len(evenly) == 8
    assert evenly[1]["data_samples"].span_seconds == pytest.approx((3.363, 4.003))


def test_a_clip_that_would_have_too_many_windows_is_named(data_root, make_clip):
    make_clip("videos/long.mp4")
    rows = [ClipRow("long.mp4", 0, 0, 0, split="x", duration_seconds=900_000.0)]
    save_annotation(data_root / "annotation.json", {"dataset": "d"}, rows)
    with pytest.raises(
        AnnotationError, match=r"long\.mp4 has a .* of 900000\. .* MACBDF_MAX_WINDOWS"
    ):
        len(build(data_root, [GRID, *TEST_PIPELINE[1:]], split="x", test_mode=True))


def test_a_worker_ends_when_its_parent_is_gone(data_root, monkeypatch):
    called = []
    monkeypatch.setattr(
        "macbdf_mm.datasets.audio_visual_forgery_dataset.end_with_parent",
        lambda: called.append(Path(data_root / "in_worker").touch()),
    )
    dataset = build(data_root)
    dataset[0]
    assert not (data_root / "in_worker").exists()
    next(iter(DataLoader(dataset, num_workers=1, collate_fn=list)))
    assert (data_root / "in_worker").exists()
