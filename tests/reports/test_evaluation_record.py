import pytest

from macbdf_mm.reports.evaluation_record import EvaluationFacts


@pytest.mark.parametrize(
    ("config", "checkpoint", "name"),
    [
        ("configs/macbdf_dfdc.py", "work/best_auc_epoch_3.pth", "macbdf_dfdc, best_auc_epoch_3"),
        ("a.b.py", "last", "a.b, last"),
    ],
)
def test_a_detector_is_named_by_its_config_and_weights(config, checkpoint, name):
    facts = EvaluationFacts(
        config=config, checkpoint=checkpoint, trained_on=None, trained_on_synthetic=None,
        command="", missing="exclude", columns=(), num_resamples=0, seed=0, limit=None,
        versions={},
    )  # fmt: skip
    assert facts.detector == name
