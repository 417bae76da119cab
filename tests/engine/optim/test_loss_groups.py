import pytest

from macbdf_mm.engine.optim.loss_groups import group_losses
from macbdf_mm.errors import ConfigError

LOSSES = {"loss_overall": 1, "loss_frame_video": 2, "loss_frame_audio": [3, 4], "accuracy": 5}


def test_losses_are_split_by_pattern_and_other_values_left_out():
    groups = group_losses(LOSSES, ["loss_frame_*"])
    assert groups.unimodal == {"loss_frame_video": 2, "loss_frame_audio": [3, 4]}
    assert groups.multimodal == {"loss_overall": 1}
    assert groups.unmatched_patterns == []


def test_several_patterns_and_full_names():
    groups = group_losses(LOSSES, ["loss_frame_video", "*_audio", "loss_intra_*"])
    assert set(groups.unimodal) == {"loss_frame_video", "loss_frame_audio"}
    assert groups.unmatched_patterns == ["loss_intra_*"]


def test_case_counts():
    with pytest.raises(ConfigError, match="No loss of the model matches"):
        group_losses(LOSSES, ["LOSS_FRAME_*"])


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"loss_overall": 1}, r"No loss .* \['loss_frame_\*'\].* it returned loss_overall\.$"),
        ({"accuracy": 1}, r"No loss .* it returned none\.$"),
        ({"loss_frame_video": 1}, r"Every loss .* no multimodal objective: it returned loss_frame"),
    ],
)
def test_an_objective_without_a_loss_is_named(losses, message):
    with pytest.raises(ConfigError, match=message):
        group_losses(losses, ["loss_frame_*"])
