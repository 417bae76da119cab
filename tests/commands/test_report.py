def test_a_folder_without_a_run_is_one_sentence(macbdf, tmp_path):
    code, _, err = macbdf("report", "gone")
    assert code == 1
    assert err.startswith("error: No training run at 'gone'")
    (tmp_path / "empty").mkdir()
    code, _, err = macbdf("report", "empty")
    assert (code, err) == (1, "error: The run at 'empty' has saved no checkpoint yet.\n")


def test_weights_without_a_test_are_one_sentence(macbdf, run_dir):
    code, _, err = macbdf("report", run_dir)
    assert code == 1
    assert "test_scores.jsonl" in err
    assert err.count("\n") == 1
