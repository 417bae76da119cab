"""Real recognisers of mmaction2, evaluated by our metric."""

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.action_samples import scored_sample
from macbdf_mm.evaluation.metrics import ForgeryMetric

NUM_CLIPS = 6


@pytest.fixture(scope="module")
def action():
    """Return a maker of mmaction2's parts, built in its scope as in a project of its own."""
    from mmaction.registry import MODELS, TRANSFORMS
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    registries = {"model": MODELS, "transform": TRANSFORMS}

    def make(kind, **cfg):
        torch.manual_seed(0)
        with DefaultScope.overwrite_default_scope("mmaction"):
            return registries[kind].build(cfg)

    return make


def recognizer(action, num_classes=2, average_clips="prob"):
    encoder = dict(
        type="VideoTransformerEncoder",
        img_size=16,
        num_frames=4,
        patch_size=8,
        embed_dims=8,
        depth=1,
        num_heads=2,
    )
    head = dict(type="I3DHead", num_classes=num_classes, in_channels=12)
    return action(
        "model",
        type="Recognizer3D",
        backbone=dict(type="macbdf_mm.MSTLKABackbone", depth=1, embed_dims=12, encoder=encoder),
        cls_head=dict(head, average_clips=average_clips),
        data_preprocessor=dict(type="ActionDataPreprocessor", format_shape="NCTHW"),
    ).eval()


def packed(action, meta_keys=("filename",), num_clips=NUM_CLIPS):
    pack = action("transform", type="PackActionInputs", meta_keys=meta_keys)
    generator = torch.Generator().manual_seed(0)
    for index in range(num_clips):
        video = torch.randint(0, 256, (1, 3, 4, 16, 16), dtype=torch.uint8, generator=generator)
        yield pack(dict(imgs=video, label=index % 2, filename=f"{index}.mp4"))


def evaluate(model, clips, **options):
    evaluator = Evaluator(ForgeryMetric(num_resamples=10, **options))
    for clip in clips:
        data = {"inputs": [clip["inputs"]], "data_samples": [clip["data_samples"]]}
        evaluator.process(data_samples=model.val_step(data), data_batch=data)
    return evaluator.evaluate(NUM_CLIPS)


def test_a_recogniser_of_two_classes_has_the_overall_figures(action, tmp_path):
    model, clips = recognizer(action), list(packed(action))
    figures = evaluate(model, clips, fit_threshold=True, out_file=str(tmp_path / "scores.jsonl"))
    assert figures["num_videos"] == NUM_CLIPS
    assert figures["coverage"] == 1.0
    assert 0.0 <= figures["overall/auc"] <= 1.0
    assert figures["video/auc"] != figures["video/auc"]  # NaN: it has no such score.
    assert (tmp_path / "scores.jsonl").is_file()


def test_the_score_is_that_of_class_one(action):
    model, (clip, *_) = recognizer(action), list(packed(action))
    data = {"inputs": [clip["inputs"]], "data_samples": [clip["data_samples"]]}
    (sample,) = model.val_step(data)
    adapted = scored_sample(sample.to_dict())
    scores = sample.pred_score if "pred_score" in sample else sample.pred_scores.item
    assert adapted["pred_scores"][0] == scores[1] != scores[0]
    assert adapted["pred_scores"][1:].isnan().all()
    assert (adapted["file"], adapted["clip_label"]) == ("0.mp4", 0)


@pytest.mark.parametrize(
    ("options", "meta_keys", "message"),
    [
        (dict(num_classes=5), ("filename",), "scores of two classes, 0 real and 1 fake, got 5"),
        (dict(average_clips="score"), ("filename",), "set `average_clips='prob'` of the head"),
        ({}, (), "add 'filename' to `meta_keys` of PackActionInputs"),
    ],
)
def test_what_does_not_fit_is_one_sentence(action, options, meta_keys, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(recognizer(action, **options), packed(action, meta_keys, 1))


def test_samples_without_predictions_name_the_contract():
    with pytest.raises(ConfigError, match="got one without `span_seconds` and `pred_scores`"):
        scored_sample({"file": "a.mp4"})


def test_our_own_samples_come_back_as_they_are():
    sample = {"file": "a.mp4", "span_seconds": (0, 1), "pred_scores": torch.zeros(3)}
    assert scored_sample(sample) is sample
