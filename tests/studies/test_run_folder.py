import json
import math

from studies.run_folder import RunFolder, without_nan


def test_a_result_comes_back_with_null_for_what_is_not_a_number(tmp_path):
    folder = RunFolder(tmp_path / "run")
    assert folder.read_result() is None
    folder.write_result({"final": {"auc": math.nan, "acc": 0.5}, "epochs": [{"x": math.inf}]})
    assert folder.read_result() == {"final": {"auc": None, "acc": 0.5}, "epochs": [{"x": None}]}
    json.loads(folder.result.read_text(), parse_constant=lambda name: 1 / 0)
    assert [path.name for path in folder.path.iterdir()] == ["result.json"]


def test_plain_values_stay(tmp_path):
    assert without_nan({"a": (1, "b", None, True)}) == {"a": [1, "b", None, True]}


def test_last_words_are_the_last_line_that_says_something(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.last_words() == "nothing was printed"
    folder.log.write_text("\n\n")
    assert folder.last_words() == "nothing was printed"
    folder.log.write_bytes(b"first\nerror: no such part\xff\n\n")
    assert folder.last_words() == "error: no such part\N{REPLACEMENT CHARACTER}"
