from macbdf_mm.datasets.annotation import ClipRow, save_annotation


def test_a_data_set_is_audited(macbdf, make_clip, tmp_path):
    rows = []
    for number in range(2):
        make_clip(f"{number}.mp4", seconds=0.5)
        rows.append(ClipRow(f"{number}.mp4", number, duration_seconds=0.5))
    save_annotation(tmp_path / "ann.json", {"dataset": "two"}, rows)
    code, out, err = macbdf("audit", "ann.json", "--num-workers", 0)
    assert code == 0, err
    assert out.splitlines()[-1] == "ann.audit/index.html"
    assert {"index.html", "audit.json"} <= {
        path.name for path in (tmp_path / "ann.audit").iterdir()
    }


def test_an_annotation_that_is_not_there_is_one_sentence(macbdf, tmp_path):
    code, _, err = macbdf("audit", "gone.json")
    assert code == 1
    assert err.startswith("error: ")
    assert "gone.json" in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
