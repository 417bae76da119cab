import pytest


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["macbdf_demo"], 2, "the following arguments are required: checkpoint"),
        (["gone.py", "weights.pth"], 1, "'gone.py'"),
        (["macbdf_demo", "weights.pth"], 1, "'weights.pth'"),
    ],
)
def test_wrong_inputs_are_said(macbdf, words, code, sentence):
    found, _, err = macbdf("evaluate", *words)
    assert found == code
    assert sentence in err
    assert "Traceback" not in err
