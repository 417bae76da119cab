import json

import pytest
from mmengine.config import Config

from macbdf_mm.apis.test_settings import read_test_settings
from macbdf_mm.datasets.audio_visual_forgery_dataset import AudioVisualForgeryDataset
from macbdf_mm.errors import ConfigError

SPAN = {"type": "SampleClipSpan", "span_seconds": 2.0, "stride_seconds": 0.8, "test_mode": True}
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
    assert settings.stride_seconds == 0.8


def test_windows_are_those_of_the_test(make_clip):
    clip = make_clip(seconds=7.0)
    # As the container says: 3 ms more than the pictures are shown.
    row = {"file": clip.name, "label": 0, "duration_seconds": 7.003}
    document = {"metainfo": {"dataset": "d", "version": 1}, "data_list": [row]}
    (clip.parent / "ann.json").write_text(json.dumps(document))
    data = AudioVisualForgeryDataset(
        "ann.json", data_root=str(clip.parent), pipeline=[SPAN], test_mode=True
    )
    tested = [item["span_seconds"] for item in data]
    assert [start for start, _ in tested] == pytest.approx([0, 0.8, 1.6, 2.4, 3.2, 4.0, 4.8, 5.0])
    assert read_test_settings(_config(SPAN, DECODE)).plan_windows(7.0) == tested
    # Where the test has no grid and may leave gaps, a prediction does not.
    evenly = {name: value for name, value in SPAN.items() if name != "stride_seconds"}
    assert len(read_test_settings(_config(evenly, DECODE)).plan_windows(7.0)) == 6


@pytest.mark.parametrize(
    ("evaluator", "expected"),
    [
        (None, "simes"),
        ({"type": "ForgeryMetric"}, "simes"),
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
