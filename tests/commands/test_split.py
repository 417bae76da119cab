import json
from collections import Counter


def test_an_annotation_is_divided_by_persons(macbdf, write_annotation, tmp_path):
    write_annotation(tmp_path / "ann.json")
    code, out, err = macbdf("split", "ann.json", "out.json", "--protocol", "disjoint")
    assert code == 0, err
    assert out
    rows = json.loads((tmp_path / "out.json").read_text())["data_list"]
    places = {(row["identity"], row["split"]) for row in rows}
    assert len(places) == 6  # No person is in two parts.
    assert set(Counter(row["split"] for row in rows)) == {"train", "val", "test"}


def test_wrong_inputs_are_said(macbdf, tmp_path):
    code, _, err = macbdf("split", "gone.json", "out.json")
    assert code == 1
    assert "gone.json" in err
    assert err.count("\n") == 1
    assert macbdf("split", "a.json", "b.json", "--protocol", "other")[0] == 2
    assert not list(tmp_path.iterdir())
