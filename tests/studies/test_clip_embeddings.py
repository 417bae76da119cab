import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from macbdf_mm.apis.load_model import build_model, load_checkpoint
from macbdf_mm.datasets import AudioVisualForgeryDataset
from macbdf_mm.errors import MissingDataError
from studies.clip_embeddings import embed_run
from studies.runs import CONFIG_FILE, TRAINING_FOLDER, run_folder


def test_a_clip_has_the_mean_of_its_windows(untrained_run):
    folder = run_folder(untrained_run, "full", 0)
    found = embed_run(folder)
    assert len(found.files) == 8
    assert found.spaces["video"].shape == found.spaces["audio"].shape == (8, 128)
    assert sorted(set(found.categories)) == ["FVFA", "FVRA", "RVFA", "RVRA"]

    # The same by hand for one clip, window by window and step by step.
    cfg = Config.fromfile(folder / CONFIG_FILE)
    model = build_model(cfg)
    model.load_state_dict(load_checkpoint(folder / TRAINING_FOLDER / "epoch_2.pth")["state_dict"])
    options = cfg.final_evaluation.test_dataloader.dataset.to_dict()
    dataset = AudioVisualForgeryDataset(**{k: v for k, v in options.items() if k != "type"})
    items = [dataset[index] for index in range(len(dataset))]
    items = [item for item in items if item["data_samples"].file == found.files[3]]
    assert len(items) == 2
    windows = {"video": [], "audio": [], "fused": []}
    for item in items:
        inputs = model.data_preprocessor(pseudo_collate([item]), False)["inputs"]
        with torch.no_grad():
            video, audio, masks = model.encode(inputs)
            embeddings = model.neck.embed(video, audio, masks)
            weights = model.neck.weigh(video, audio, embeddings, masks)
            layers = model.extract_and_exchange(video, audio, weights, masks)
            vectors = (*embeddings, model.neck.fuse(layers, weights, masks))
        for name, vector in zip(windows, vectors, strict=True):
            windows[name].append(vector[0].numpy())
    for name, vectors in windows.items():
        expected = np.mean(vectors, axis=0)
        # Sums over a batch of 16 and over one window round differently.
        np.testing.assert_allclose(found.spaces[name][3], expected, atol=2e-5)


def test_a_run_without_weights_is_named(untrained_run, tmp_path):
    with pytest.raises(MissingDataError, match="has no checkpoint, so nothing can be embedded"):
        embed_run(tmp_path)


def test_clips_without_a_category_cannot_be_mapped(untrained_run, tmp_path, data_root):
    folder, config = run_folder(untrained_run, "full", 0), tmp_path / "config.py"
    cfg = Config.fromfile(folder / CONFIG_FILE)
    text = (data_root / "annotation.json").read_text()
    for name in ("label", "video_label", "audio_label"):
        text = text.replace(f'"{name}": 1', f'"{name}": -1')
        text = text.replace(f'"{name}": 0', f'"{name}": -1')
    annotation = tmp_path / "unknown.json"
    annotation.write_text(_without_intervals(text))
    cfg.final_evaluation.test_dataloader.dataset.ann_file = str(annotation)
    cfg.dump(str(config))
    (tmp_path / "training").symlink_to(folder / TRAINING_FOLDER)
    with pytest.raises(MissingDataError, match=r"No clip of 8 is left to map: .*not known"):
        embed_run(tmp_path)


def _without_intervals(text):
    content = json.loads(text)
    for row in content["data_list"]:
        row["video_fake_intervals"] = row["audio_fake_intervals"] = []
    return json.dumps(content)
