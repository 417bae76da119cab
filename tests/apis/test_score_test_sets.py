"""Where conditions stand in a pipeline; test_evaluate_test_sets tests that scoring resumes."""

import pytest
from mmengine.config import ConfigDict

from macbdf_mm.apis.score_test_sets import conditioned
from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.conditions import AS_IS, CORRUPTIONS, PROBES


def loader(*types):
    return ConfigDict(dataset=dict(pipeline=[dict(type=name) for name in types]))


def types(changed):
    return [part.type for part in changed.dataset.pipeline]


def test_changes_stand_before_or_after_decoding():
    plain = loader("SampleClipSpan", "macbdf_mm.DecodeAudioVisual", "mmaction.Resize", "Pack")
    trimmed = conditioned(plain, PROBES[0])
    assert types(trimmed)[:3] == ["SampleClipSpan", "TrimSilence", "macbdf_mm.DecodeAudioVisual"]
    blurred = conditioned(plain, CORRUPTIONS["blur"].condition(2))
    assert types(blurred)[1:4] == ["macbdf_mm.DecodeAudioVisual", "ClipBlur", "mmaction.Resize"]
    assert blurred.dataset.pipeline[2] == dict(type="ClipBlur", sigma=(1.0, 1.0), probability=1.0)
    assert conditioned(plain, AS_IS) == plain
    assert len(plain.dataset.pipeline) == 4


def test_all_data_sets_of_a_test_are_changed():
    parts = [dict(pipeline=[dict(type="ReadCachedInputs")]) for _ in range(2)]
    changed = conditioned(ConfigDict(dataset=dict(datasets=parts)), PROBES[1])
    assert [part.pipeline[1].type for part in changed.dataset.datasets] == ["SwapAudio"] * 2


def test_a_pipeline_that_does_not_decode():
    with pytest.raises(ConfigError, match="'other_audio' changes decoded clips, but the test"):
        conditioned(loader("Own", "Pack"), PROBES[1])
