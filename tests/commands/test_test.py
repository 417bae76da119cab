import pytest


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["gone.py"], 1, "'gone.py'"),
        (["macbdf_demo"], 1, "No training run at 'work_dirs/macbdf_demo'"),
        (["macbdf_demo", "--cfg-options", "modle.type=a"], 1, "did you mean 'model'?"),
        (["macbdf_demo", "--shard", "1/2", "--dump", "a.pkl"], 2, "need the whole test"),
    ],
)
def test_wrong_inputs_are_said(macbdf, tmp_path, words, code, sentence):
    found, _, err = macbdf("test", *words)
    assert found == code
    assert sentence in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())
