import json

import pytest


def test_a_folder_is_converted(macbdf, make_clip, tmp_path):
    for name in ("real/a.mp4", "fake/b.mp4"):
        make_clip(f"set/{name}", seconds=0.5)
    code, out, err = macbdf("convert", "generic", "set", "ann.json", "--num-workers", 0)
    assert code == 0, err
    assert out
    rows = json.loads((tmp_path / "ann.json").read_text())["data_list"]
    assert {row["file"]: row["label"] for row in rows} == {"real/a.mp4": 0, "fake/b.mp4": 1}


@pytest.mark.parametrize(
    ("words", "named"),
    [(["generik", ".", "ann.json"], "got 'generik'"), (["generic", "gone", "ann.json"], "gone")],
)
def test_wrong_inputs_are_one_sentence(macbdf, tmp_path, words, named):
    code, _, err = macbdf("convert", *words)
    assert code == 1
    assert named in err
    assert err.count("\n") == 1
    assert not (tmp_path / "ann.json").exists()
