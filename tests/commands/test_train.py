import pytest


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["gone.py"], 1, "'gone.py'"),
        (["macbdf_demoo"], 1, "macbdf_demoo"),
        (["macbdf_demo", "--cfg-options", "train_cfg"], 2, "expected key=value, got 'train_cfg'"),
        (["macbdf_demo", "--cfg-options", "train_cfg.max_epoch=1"], 1, "mean 'max_epochs'?"),
        (["macbdf_demo"], 1, "data/demo"),
    ],
)
def test_wrong_inputs_are_said(macbdf, words, code, sentence):
    found, _, err = macbdf("train", *words)
    assert found == code
    assert sentence in err
    assert "Traceback" not in err
