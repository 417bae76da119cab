import pytest


def test_scores_are_written_as_the_evaluation_takes_them(macbdf, write_score_file, tmp_path):
    write_score_file(tmp_path / "a.jsonl")
    words = ("a.jsonl", "--layout", "avdeepfake1m", "--detection", "out.txt")
    code, out, err = macbdf("make-submission", *words)
    assert (code, out) == (0, "out.txt: 12 files.\n"), err
    assert len((tmp_path / "out.txt").read_text().splitlines()) == 12


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["a.jsonl"], 2, "--layout"),
        (["a.jsonl", "--layout", "lavdf"], 1, "Nothing to write: give --localisation OUT.json"),
        (["a.jsonl", "--layout", "lavdf", "--detection", "x"], 1, "No score file at 'a.jsonl'"),
    ],
)
def test_wrong_inputs_are_said(macbdf, words, code, sentence):
    found, _, err = macbdf("make-submission", *words)
    assert found == code
    assert sentence in err
