import pytest
from mmengine.config import Config
from torch import nn

from macbdf_mm.apis.build_dataset import build_dataset
from macbdf_mm.apis.embed_clips import embed_clips
from macbdf_mm.apis.load_model import build_model
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import ConfigError, MissingDataError


@pytest.fixture
def cfg(run_dir, make_clip, tmp_path):
    """The demo's config on a good clip, a broken one, one without sound, and one of no category."""
    make_clip("good.mp4", seconds=1.5)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    make_clip("silent.mp4", seconds=1.5, with_sound=False)
    make_clip("unknown.mp4", seconds=1.5)
    rows = [
        ClipRow(f"{name}.mp4", 1, 1, audio, split="test", duration_seconds=1.5)
        for name, audio in (("good", 0), ("broken", 0), ("silent", 0), ("unknown", -1))
    ]
    save_annotation(tmp_path / "annotation.json", {"dataset": "four"}, rows)
    cfg = Config.fromfile(str(run_dir / "macbdf_demo.py"))
    cfg.test_dataloader.dataset.data_root = str(tmp_path)
    return cfg


def test_what_cannot_be_mapped_is_named(cfg):
    dataset = build_dataset(cfg, "test", {"on_decode_error": "skip"})
    found = embed_clips(build_model(cfg), dataset)
    assert (found.files, found.categories) == (("good.mp4",), ("FVRA",))
    assert {name: space.shape[0] for name, space in found.spaces.items()} == {
        "video": 1,
        "audio": 1,
        "fused": 1,
    }
    assert found.left_out["silent.mp4"] == "no audio is seen"
    assert found.left_out["unknown.mp4"] == "its category is not known"
    assert "broken.mp4" in found.left_out["broken.mp4"]
    said = found.left_out_text().splitlines()
    assert (said[0], len(said)) == ("Left out: 3 clips.", 4)


def test_without_a_clip_there_is_nothing_to_map(cfg, tmp_path):
    rows = [ClipRow("silent.mp4", 0, 0, 0, split="test", duration_seconds=1.5)]
    save_annotation(tmp_path / "annotation.json", {"dataset": "one"}, rows)
    with pytest.raises(MissingDataError, match=r"No clip of 1 is left .*: no audio is seen"):
        embed_clips(build_model(cfg), build_dataset(cfg, "test", {}))


def test_a_model_without_contrastive_embeddings_is_refused():
    with pytest.raises(ConfigError, match=r"with a ContrastiveFusionNeck.*got Linear"):
        embed_clips(nn.Linear(1, 1), [])
