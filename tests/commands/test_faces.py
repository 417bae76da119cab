import json

from macbdf_mm.datasets.annotation import ClipRow, save_annotation


def test_boxes_that_stand_there_are_taken_over(macbdf, make_clip, tmp_path):
    make_clip("a.mp4", seconds=0.5)
    save_annotation(
        tmp_path / "ann.json", {"dataset": "one"}, [ClipRow("a.mp4", 0, duration_seconds=0.5)]
    )
    words = ("--data-root", ".", "--out", "out", "--detector", "annotation", "--num-workers", 0)
    code, out, err = macbdf("faces", "ann.json", *words)
    assert code == 0, err
    assert "1 clip" in out
    rows = json.loads((tmp_path / "out/annotation.json").read_text())["data_list"]
    assert [row["file"] for row in rows] == ["a.mp4"]


def test_wrong_inputs_are_said(macbdf, tmp_path):
    code, _, err = macbdf("faces", "gone.json")
    assert code == 2
    assert "--data-root" in err
    code, _, err = macbdf("faces", "gone.json", "--data-root", ".", "--out", "out")
    assert code == 1
    assert "gone.json" in err
    assert err.count("\n") == 1
