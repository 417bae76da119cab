from macbdf_mm.evaluation.score_file import read_scores


def test_scores_of_a_table_become_a_score_file(macbdf, write_annotation, tmp_path):
    write_annotation(tmp_path / "ann.json")
    lines = [f"{k}.mp4,{0.2 + 0.05 * k}" for k in range(11)]
    (tmp_path / "theirs.csv").write_text("\n".join(["path,score", *lines, "other.mp4,0.5"]))
    code, out, err = macbdf("import-scores", "theirs.csv", "ann.json", "out.jsonl")
    assert code == 0, err
    assert out.splitlines()[0] == "11 of 12 clips scored, 1 missing."
    assert "1 path of the table names no clip of the annotation: other.mp4" in out
    assert len(read_scores(tmp_path / "out.jsonl").videos) == 12


def test_wrong_inputs_are_one_sentence(macbdf, write_annotation, tmp_path):
    write_annotation(tmp_path / "ann.json")
    for words, named in (
        (("gone.csv", "ann.json", "out.jsonl"), "gone.csv"),
        (("gone.csv", "gone.json", "out.jsonl"), "gone.json"),
        (("gone.csv", "ann.json", "out.txt"), "out.txt"),
    ):
        code, _, err = macbdf("import-scores", *words)
        assert code == 1
        assert named in err
        assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ann.json"]
