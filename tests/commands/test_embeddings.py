"""`macbdf embeddings`, on real files and a model with the weights of the start."""

from macbdf_mm.datasets.annotation import ClipRow, save_annotation


def test_a_page_from_config_and_checkpoint(macbdf, run_dir, make_clip, tmp_path):
    rows = []
    for number, (video, audio) in enumerate([(0, 0), (1, 0), (0, 1)]):
        name = make_clip(f"{number}.mp4", seconds=1.3).name
        label = max(video, audio)
        rows.append(ClipRow(name, label, video, audio, split="test", duration_seconds=1.28))
    save_annotation(tmp_path / "annotation.json", {"dataset": "three"}, rows)
    code, said, _ = macbdf(
        *("embeddings", run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth"),
        *("--cfg-options", f"test_dataloader.dataset.data_root={tmp_path}"),
    )
    assert (code, said) == (0, "work_dirs/macbdf_demo/embeddings.html\n")
    page = (tmp_path / said.strip()).read_text()
    assert "3 clips: 1 RVRA, 1 FVRA, 1 RVFA, 0 FVFA" in page


def test_wrong_inputs_are_one_sentence(macbdf, run_dir):
    code, _, said = macbdf("embeddings", run_dir / "macbdf_demo.py", "missing.pth")
    assert (code, said) == (1, "error: Checkpoint 'missing.pth' does not exist.\n")
    code, _, said = macbdf("embeddings", run_dir / "macbdf_demo.py")
    assert code == 2
    assert said.endswith("the following arguments are required: CHECKPOINT\n")
