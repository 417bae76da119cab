import json

import pytest


def test_two_detectors_are_compared(macbdf, write_score_file, tmp_path):
    for name, shift in (("a", 0.1), ("b", 0.2)):
        write_score_file(tmp_path / f"{name}.jsonl", shift)
    words = ("a.jsonl", "b.jsonl", "--num-resamples", 20, "--json", "out.json")
    code, out, err = macbdf("compare", *words)
    assert code == 0, err
    assert out.startswith("12 clips, overall score\n")
    assert {"a", "b"} <= set(json.dumps(json.loads((tmp_path / "out.json").read_text())).split('"'))


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["a.jsonl"], 2, "expected two or more detectors"),
        (["--system", "a", "--system", "b"], 2, "expected a name and one or more score files"),
        (["a.jsonl", "b.jsonl"], 1, "2 inputs are wrong: (1) No score file at 'a.jsonl'"),
    ],
)
def test_wrong_inputs_are_said(macbdf, words, code, sentence):
    found, out, err = macbdf("compare", *words)
    assert (found, out) == (code, "")
    assert sentence in err
