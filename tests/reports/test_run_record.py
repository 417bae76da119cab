import pytest

from macbdf_mm.apis.find_run import read_run
from macbdf_mm.errors import ConfigError, MissingDataError


def test_everything_in_the_folder_is_read(finished_run):
    run = read_run(finished_run)
    assert run.config.name == "config.py"
    assert run.checkpoint.name == "best_auc.pth"
    assert run.meta["seed"] == 0
    assert run.is_synthetic
    assert run.dataset == "tiny"
    assert run.num_train_clips == 6
    assert set(run.rows) == {f"test_{i}.mp4" for i in range(7)}
    assert run.trained_methods["video"] >= {"mouth_swap"}
    assert "mouth_rerender" not in run.trained_methods["video"]
    assert (run.media_root / "test_0.mp4").is_file()
    assert run.curves.metrics == {"overall/auc": [(1, 0.7)]}
    assert run.versions["torch"]


def test_a_data_prefix_is_followed(finished_run):
    config = finished_run / "config.py"
    config.write_text(
        config.read_text() + "test_dataloader['dataset']['data_prefix'] = dict(file='x')"
    )
    assert read_run(finished_run).media_root.name == "x"


def test_an_untested_run_says_what_to_do(finished_run):
    (finished_run / "test_scores.json").unlink()
    with pytest.raises(MissingDataError, match=r"run tools/test\.py first"):
        read_run(finished_run)


def test_a_config_without_annotation_is_refused(finished_run):
    (finished_run / "config.py").write_text("model = dict()")
    with pytest.raises(ConfigError, match=r"no `test_dataloader\.dataset\.ann_file`"):
        read_run(finished_run)
