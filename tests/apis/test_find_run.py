import os

import pytest
import torch

from macbdf_mm.apis.find_run import choose_run, find_run, named_run
from macbdf_mm.errors import ConfigError, MissingDataError


def _touch(path, seconds):
    path.touch()
    os.utime(path, (seconds, seconds))
    return path


def test_the_newest_best_checkpoint_is_preferred(tmp_path):
    config = _touch(tmp_path / "a.py", 1)
    _touch(tmp_path / "best_auc_epoch_3.pth", 3)
    best = _touch(tmp_path / "best_auc_epoch_5.pth", 5)
    _touch(tmp_path / "epoch_9.pth", 9)
    run = find_run(tmp_path)
    assert (run.config, run.checkpoint) == (config, best)


def test_without_a_best_one_the_last_is_taken(tmp_path):
    _touch(tmp_path / "a.py", 1)
    _touch(tmp_path / "epoch_9.pth", 8)
    last = _touch(tmp_path / "epoch_10.pth", 9)
    assert find_run(tmp_path).checkpoint == last


def test_no_run_yet_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataError, match=r"work_dirs/macbdf_demo': run `make demo` or"):
        choose_run(None, None)


def test_a_run_without_checkpoint_is_named(tmp_path):
    _touch(tmp_path / "a.py", 1)
    with pytest.raises(MissingDataError, match="has saved no checkpoint yet"):
        find_run(tmp_path)


def test_a_checkpoint_brings_the_config_beside_it(tmp_path):
    config = _touch(tmp_path / "a.py", 1)
    checkpoint = _touch(tmp_path / "epoch_1.pth", 2)
    assert choose_run(None, checkpoint).config == config
    assert choose_run("other.py", checkpoint).config.name == "other.py"


def test_one_word_names_a_run_or_a_checkpoint(tmp_path):
    config = _touch(tmp_path / "a.py", 1)
    best = _touch(tmp_path / "best_auc_epoch_5.pth", 2)
    last = _touch(tmp_path / "epoch_9.pth", 3)
    assert named_run(tmp_path).checkpoint == best
    assert named_run(last).checkpoint == last
    for name in (tmp_path, best):
        assert named_run(name).config == config
        run = named_run(name, "other.py")
        assert (run.checkpoint, str(run.config), run.is_named) == (best, "other.py", True)


def test_code_beside_a_checkpoint_is_passed_over(tmp_path):
    mark = tmp_path / "was_run"
    config = _touch(tmp_path / "a.py", 1)
    newer = tmp_path / "b.py"
    newer.write_text(f"open({str(mark)!r}, 'w')")
    checkpoint = _touch(tmp_path / "epoch_1.pth", 2)
    assert choose_run(None, checkpoint).config == config
    choose_run(None, checkpoint).read_config()
    assert not mark.exists()


def test_a_checkpoint_brings_the_config_in_it(tmp_path):
    checkpoint = tmp_path / "epoch_1.pth"
    torch.save({"state_dict": {}, "meta": {"cfg": "model = dict(type='MACBDF')"}}, checkpoint)
    assert choose_run(None, checkpoint).read_config().model == {"type": "MACBDF"}


def test_only_a_named_config_is_run(tmp_path):
    config = tmp_path / "a.py"
    config.write_text("depth = 1 + 1")
    checkpoint = tmp_path / "epoch_1.pth"
    assert choose_run(config, checkpoint).read_config().depth == 2


def test_a_checkpoint_alone_is_not_enough(tmp_path):
    checkpoint = tmp_path / "epoch_1.pth"
    torch.save({"state_dict": {}}, checkpoint)
    with pytest.raises(MissingDataError, match=r"No config is saved in .* --config"):
        choose_run(None, checkpoint).read_config()


def test_a_config_alone_is_not_enough():
    with pytest.raises(ConfigError, match=r"'a\.py' needs weights: name them with --checkpoint"):
        choose_run("a.py", None)
