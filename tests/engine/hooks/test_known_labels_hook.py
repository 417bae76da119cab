"""What is refused and what is warned of; real training loops are in tests/integration."""

import logging
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import ConcatDataset

from macbdf_mm.datasets.audio_visual_forgery_dataset import count_labels
from macbdf_mm.datasets.clip_row import ClipRow
from macbdf_mm.datasets.transforms import ForgeRealClip, ShiftAudio
from macbdf_mm.engine.hooks import KnownLabelsHook
from macbdf_mm.errors import ConfigError
from macbdf_mm.models.heads.forgery_frame_head import ForgeryFrameHead
from macbdf_mm.models.heads.forgery_mlp_head import ForgeryMLPHead
from macbdf_mm.structures.forgery_data_sample import ForgeryDataSample


class _DataSet(list):
    def __init__(self, labels, transforms=()):
        rows = [ClipRow(f"{i}.mp4", *row) for i, row in enumerate(labels)]
        super().__init__(rows)
        self.ann_file = "a.json"
        self.label_counts = count_labels(rows)
        self.pipeline = SimpleNamespace(transforms=transforms)


def runner_of(dataset, iteration=0, model=None):
    log = []
    return SimpleNamespace(
        iter=iteration,
        model=torch.nn.Identity() if model is None else model,
        train_dataloader=SimpleNamespace(dataset=dataset),
        logger=SimpleNamespace(log=lambda level, text: log.append((level, text))),
        log=log,
    )


def test_counts_of_a_data_set():
    counts = count_labels([ClipRow("a", 1, 1, -1), ClipRow("b", 0, 0, 0), ClipRow("c", 0, 0, 0)])
    assert counts == Counter(
        {
            ("overall", 1): 1, ("overall", 0): 2, ("video", 1): 1, ("video", 0): 2,
            ("audio", -1): 1, ("audio", 0): 2,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([(-1, -1, -1)] * 3, "The 3 training clips of a.json have no known label"),
        ([(1, -1, -1)] * 3, "one class only .overall 0 real and 3 fake, video 0 real and 0 fake"),
        ([(0, 0, 0), (-1, -1, 0)], "labels of one class only"),
    ],
)
def test_nothing_to_learn_from(labels, message):
    with pytest.raises(ConfigError, match=message):
        KnownLabelsHook().before_train(runner_of(_DataSet(labels)))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            [(1, -1, -1), (0, 0, 0)],
            "The 2 training clips of a.json do not have both classes for video and audio: "
            "video 1 real and 0 fake, 1 unknown; audio 1 real and 0 fake, 1 unknown. Losses of a "
            "label without both classes are zero, so nothing is learned for video and audio, "
            "and scores of it mean nothing.",
        ),
        ([(1, 1, 0), (1, 0, 1)], "classes for overall: overall 0 real and 2 fake, 0 unknown. "),
        ([(1, 1, 0), (0, 0, 0)], "classes for audio: audio 2 real and 0 fake, 0 unknown. "),
    ],
)
def test_one_track_with_both_classes_is_enough_and_the_others_are_warned_of(labels, said):
    runner = runner_of(_DataSet(labels))
    KnownLabelsHook().before_train(runner)
    ((level, text),) = runner.log
    assert level == logging.WARNING
    assert said in text


def test_both_classes_of_all_are_no_news():
    runner = runner_of(_DataSet([(1, 1, 0), (0, 0, 0), (1, 0, 1)]))
    KnownLabelsHook().before_train(runner)
    assert runner.log == []


@pytest.mark.parametrize(("iteration", "are_kept"), [(0, False), (3, True)])
def test_a_training_that_is_not_resumed_forgets_the_classes_of_its_checkpoint(iteration, are_kept):
    model = torch.nn.Sequential(ForgeryMLPHead(2), ForgeryFrameHead(2))
    for head in model:
        head.known_classes.fill_(True)
    KnownLabelsHook().before_train(runner_of([1, 2], iteration, model))
    assert [bool(head.known_classes.all()) for head in model] == [are_kept] * 2


def test_classes_of_nested_data_sets_count_together():
    both = ConcatDataset([_DataSet([(1, 1, 1)]), _DataSet([(0, 0, 0)])])
    KnownLabelsHook().before_train(runner := runner_of(both))
    assert runner.log == []


@pytest.mark.parametrize(
    ("transform", "is_enough"),
    [
        (ForgeRealClip(), True),
        (SimpleNamespace(transforms=[ForgeRealClip()]), True),
        (ShiftAudio(min_seconds=-1.0, max_seconds=1.0, forges=True), True),
        (ShiftAudio(), False),
    ],
)
def test_real_clips_are_enough_for_a_pipeline_that_makes_fakes(transform, is_enough):
    runner = runner_of(_DataSet([(0, 0, 0)] * 2, [transform]))
    if is_enough:
        KnownLabelsHook().before_train(runner)
        assert runner.log == [], "the annotation does not say what is made"
    else:
        with pytest.raises(ConfigError, match="one class only"):
            KnownLabelsHook().before_train(runner)


def test_other_data_sets_are_left_alone():
    KnownLabelsHook().before_train(runner_of([1, 2]))


def sample(label, video, audio):
    labels = {"gt_label": label, "gt_video_label": video, "gt_audio_label": audio}
    return ForgeryDataSample(**{name: torch.tensor(value) for name, value in labels.items()})


def test_an_epoch_of_both_classes_is_noted():
    runner, hook = runner_of(_DataSet([])), KnownLabelsHook()
    hook.before_train_epoch(runner)
    hook.after_train_iter(runner, 0, {"data_samples": [sample(1, 1, 0), sample(0, 0, 1)]})
    hook.after_train_epoch(runner)
    ((level, text),) = runner.log
    assert level == logging.INFO
    assert "video 1 real and 1 fake, audio 1 real and 1 fake." in text


def test_a_track_of_one_class_is_warned_of_in_every_epoch():
    runner, hook = runner_of(_DataSet([])), KnownLabelsHook()
    for _ in range(2):
        hook.before_train_epoch(runner)
        for batch in (sample(1, -1, 0), sample(0, 0, 0)):
            hook.after_train_iter(runner, 0, {"data_samples": [batch]})
        hook.after_train_epoch(runner)
    assert [level for level, _ in runner.log] == [logging.WARNING] * 2
    assert runner.log[0] == runner.log[1], "an epoch begins at zero"
    assert "overall 1 real and 1 fake, video 1 real and 0 fake, audio 2 real" in runner.log[0][1]
    assert runner.log[0][1].endswith("nothing can be learned for video and audio.")


def test_an_epoch_without_a_known_label():
    runner, hook = runner_of(_DataSet([(1, 1, 1), (0, 0, 0)])), KnownLabelsHook()
    hook.after_train_iter(runner, 0, {"data_samples": [sample(-1, -1, -1)]})
    with pytest.raises(ConfigError, match="No clip of this epoch had a known label"):
        hook.after_train_epoch(runner)


def test_other_batches_are_left_alone():
    runner, hook = runner_of([1]), KnownLabelsHook()
    hook.after_train_iter(runner, 0, [torch.ones(1)])
    hook.after_train_epoch(runner)
    assert runner.log == []
