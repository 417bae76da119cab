import json
import math

import pytest
from mmengine.config import Config

from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.errors import ConfigError

SPAN = {"type": "SampleClipSpan", "span_seconds": 2.0, "test_mode": True}
DECODE = {"type": "DecodeAudioVisual", "num_frames": 4}
RESIZE = {"type": "mmaction.Resize", "scale": (32, 32), "keep_ratio": False}


def _config(*transforms, evaluator=None):
    dataloader = {"dataset": {"pipeline": list(transforms)}}
    return Config({"test_dataloader": dataloader, "test_evaluator": evaluator})


def test_the_pipeline_goes_on_after_the_span_is_chosen():
    settings = read_test_settings(_config(SPAN, DECODE, RESIZE))
    names = [type(item).__name__ for item in settings.pipeline.transforms]
    assert names == ["DecodeAudioVisual", "Resize"]
    assert settings.span_seconds == 2.0
    assert settings.windows_per_clip == 1


def test_windows_are_those_of_the_test_in_a_file_longer_than_they_cover(make_clip):
    """Also where the test covers clips by another length than that of its windows."""
    clip = make_clip(seconds=7.0)
    row = {"file": clip.name, "label": 0, "duration_seconds": 7.0}
    document = {"metainfo": {"dataset": "d", "version": 1}, "data_list": [row]}
    (clip.parent / "ann.json").write_text(json.dumps(document))
    for cover in (2.0, 1.0, 3.0):
        cfg = _config(SPAN, DECODE)
        cfg.test_dataloader.dataset.update(windows_per_clip=2, cover_span_seconds=cover)
        options = dict(cfg.test_dataloader.dataset, pipeline=[SPAN], test_mode=True)
        data = AudioVisualForgeryDataset("ann.json", data_root=str(clip.parent), **options)
        tested = [item["span_seconds"] for item in data]
        assert len(tested) == math.ceil(7.0 / cover)
        assert read_test_settings(cfg).plan_windows(7.0) == tested
    # Where the test may leave gaps, a prediction does not.
    cfg.test_dataloader.dataset.update(cover_span_seconds=None)
    assert len(read_test_settings(cfg).plan_windows(7.0)) == 4


@pytest.mark.parametrize(
    ("evaluator", "expected"),
    [
        (None, "top_quarter_mean"),
        ({"type": "ForgeryMetric"}, "top_quarter_mean"),
        ({"type": "ForgeryMetric", "aggregation": "max"}, "max"),
        ([{"type": "Other"}, {"type": "ForgeryMetric", "aggregation": "mean"}], "mean"),
    ],
)
def test_the_aggregation_is_the_evaluator_s(evaluator, expected):
    assert read_test_settings(_config(SPAN, DECODE, evaluator=evaluator)).aggregation == expected


def test_a_config_without_a_test_pipeline_is_refused():
    with pytest.raises(ConfigError, match=r"no `test_dataloader\.dataset\.pipeline`"):
        read_test_settings(Config({}))


def test_a_pipeline_that_chooses_no_span_is_refused():
    with pytest.raises(ConfigError, match=r"expected one SampleClipSpan in .*, got 0"):
        read_test_settings(_config(DECODE))
