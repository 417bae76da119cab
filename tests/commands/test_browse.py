"""`macbdf browse`, on real files and with transforms of mmaction2."""

import pytest

from macbdf_mm.datasets.annotation import ClipRow, save_annotation


@pytest.fixture
def words(make_clip, tmp_path):
    """Two clips, of which one is no video, and the words that name them."""
    good = make_clip("good<b>.mp4", seconds=2.0)
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    rows = [
        ClipRow(name, 1, 1, 0, split="train", duration_seconds=2.0)
        for name in (good.name, "bad.mp4")
    ]
    save_annotation(tmp_path / "annotation.json", {"dataset": "two"}, rows)
    return ("macbdf_demo", "--cfg-options", f"train_dataloader.dataset.data_root={tmp_path}")


def test_a_page_of_clips_and_the_names_of_those_that_cannot_be_read(macbdf, words, tmp_path):
    code, said, _ = macbdf("browse", *words)
    page = tmp_path / "work_dirs" / "macbdf_demo" / "browse_train.html"
    assert code == 0
    assert said.splitlines()[0] == "1 clip cannot be read:"
    assert said.splitlines()[1].startswith("  bad.mp4: ")
    assert said.splitlines()[-1] == "work_dirs/macbdf_demo/browse_train.html"
    text = page.read_text()
    assert "1 of 2 clips of the split train, as they come out of the train pipeline." in text
    assert "RandomResizedCrop, Resize, Flip, AudioGain" in text
    assert "<h2>good&lt;b&gt;.mp4</h2>" in text
    assert "1 clip cannot be read." in text
    assert text.count("<img ") == 1


@pytest.mark.parametrize(
    ("further", "sentence"),
    [
        (("--split", "nowhere"), "error: "),
        (("--num-clips", 0), "error: Expected the number of clips to be > 0, got 0."),
        (("--out", "/dev/null/page.html"), "error: "),
    ],
)
def test_wrong_inputs_are_one_sentence(macbdf, words, further, sentence):
    code, _, said = macbdf("browse", *words, *further)
    assert code == 1
    assert said.splitlines()[-1].startswith(sentence)
