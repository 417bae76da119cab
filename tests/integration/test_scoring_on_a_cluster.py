"""Scores of many files from a Ray cluster that loses a node are those of one machine."""

import shutil

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.load_model import build_model
from macbdf_mm.apis.score_files import FileScorer, score_files
from macbdf_mm.utils.local_engine import LocalEngine

pytest.importorskip("ray")
from noting_scorer import NotingScorer

from macbdf_mm.utils.ray_engine import RayEngine

NUM_CLIPS = 200
NUM_DRAWN = 20


@pytest.fixture
def clips(make_clip, tmp_path):
    """200 clips, 20 of them drawn and the others copies under other names."""
    for number in range(NUM_CLIPS):
        name, drawn = f"clips/{number:03}.mp4", tmp_path / f"clips/{number % NUM_DRAWN:03}.mp4"
        if number < NUM_DRAWN:
            make_clip(name, seconds=1.3 + number % 3 / 2, fps=12.5)
        else:
            shutil.copy(drawn, tmp_path / name)
    (tmp_path / "clips/100.mp4").write_bytes(b"no video")
    return tmp_path / "clips"


@pytest.fixture
def model(run_dir, write_checkpoint, tmp_path):
    """Config and weights of a demo model with one layer, and the arguments to load it with."""
    cfg = Config.fromfile(str(run_dir / "macbdf_demo.py"))
    cfg.model.video_backbone.depth = cfg.model.audio_backbone.depth = 1
    torch.manual_seed(0)
    weights = write_checkpoint(tmp_path / "weights.pth", build_model(cfg).state_dict())
    return cfg, weights, {"device": "cpu", "show_progress": False}, {"batch_size": 8}


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_writes_the_file_of_one_machine(
    two_nodes, clips, model, tmp_path
):
    cluster, second = two_nodes
    nodes, told = tmp_path / "nodes", []
    nodes.mkdir()
    is_lost = False

    def lose_a_node(prediction):
        nonlocal is_lost
        told.append(prediction["file"])
        if not is_lost and len(list(nodes.iterdir())) == 2:
            cluster.remove_node(second, allow_graceful=False)
            is_lost = True

    scorer = NotingScorer(nodes, *model)
    engine = RayEngine(address=cluster.address)
    score_files(scorer, [clips], engine, lose_a_node, out=tmp_path / "cluster.json")
    assert is_lost
    assert sorted(told) == [str(path) for path in sorted(clips.iterdir())]
    # The processes of a cluster compute with one thread each.
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        plain = FileScorer(*model)
        score_files(plain, [clips], LocalEngine(0), told.append, out=tmp_path / "plain.json")
    finally:
        torch.set_num_threads(num_threads)
    assert (tmp_path / "cluster.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
