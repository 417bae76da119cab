"""A release gives the scores of the checkpoint that it was made from, or refuses."""

import json
import shutil
import subprocess

import pytest
import torch

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.apis.evaluate_model import evaluate_model
from macbdf_mm.apis.find_run import choose_run
from macbdf_mm.apis.forgery_inferencer import ForgeryInferencer
from macbdf_mm.apis.load_model import load_checkpoint
from macbdf_mm.apis.release import check_release, is_release, release_config
from macbdf_mm.apis.write_release import write_release
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.errors import CheckpointMismatchError, ConfigError, MissingDataError


@pytest.fixture(scope="module")
def release(tmp_path_factory, run_dir):
    out = tmp_path_factory.mktemp("out") / "demo"
    return write_release(load_config(run_dir / "macbdf_demo.py"), run_dir / "best_epoch_1.pth", out)


@pytest.fixture
def copy(release, tmp_path):
    return shutil.copytree(release, tmp_path / "copy")


def sign(folder):
    """Write the digests of the files as they are now."""
    names = ["README.md", "config.py", "model.safetensors", "release.json"]
    done = subprocess.run(
        ["sha256sum", *names], cwd=folder, check=True, capture_output=True, text=True
    )
    (folder / "SHA256SUMS").write_text(done.stdout)


def test_the_weights_are_those_of_the_checkpoint_bit_by_bit(release, run_dir):
    expected = load_checkpoint(run_dir / "best_epoch_1.pth")
    for path in (release, str(release), release / "model.safetensors"):
        found = load_checkpoint(path)
        assert found["state_dict"].keys() == expected["state_dict"].keys()
        for name, weight in expected["state_dict"].items():
            assert found["state_dict"][name].dtype == weight.dtype
            assert torch.equal(found["state_dict"][name], weight)
        # Of the data it keeps what says which faces were learned from.
        assert found["meta"] == {**expected["meta"], "dataset_meta": {"dataset": "demo"}}


def test_nothing_is_unpickled(release, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load was called"))
    assert load_checkpoint(release)["state_dict"]


def test_a_file_gets_the_scores_that_the_checkpoint_gives(release, run_dir, make_clip):
    clip = make_clip("clip.mp4", seconds=1.5)
    config, checkpoint = run_dir / "macbdf_demo.py", run_dir / "best_epoch_1.pth"
    one, two = (
        ForgeryInferencer(*words, device="cpu", show_progress=False)(clip)["predictions"][0]
        for words in ((release,), (config, checkpoint))
    )
    assert one == two
    assert one["scores"]["overall"] is not None


@pytest.mark.parametrize("place", ["config", "checkpoint"])
def test_a_release_stands_in_place_of_config_and_checkpoint(release, place):
    run = choose_run(**{"config": None, "checkpoint": None, place: release})
    assert (run.checkpoint, run.config) == (release / "model.safetensors", release / "config.py")
    assert run.read_config().model.type == "MACBDF"


def test_a_command_reads_its_config_with_options(release):
    cfg = load_config(release, {"test_dataloader.batch_size": 3})
    assert (cfg.test_dataloader.batch_size, cfg.model.type) == (3, "MACBDF")
    assert "work_dir" not in cfg
    with pytest.raises(ConfigError, match="did you mean 'test_dataloader'"):
        load_config(release, {"test_dataloadr.batch_size": 3})


def test_a_release_of_a_release_keeps_name_and_weights(release, tmp_path):
    run = choose_run(None, release)
    again = write_release(run.read_config(), run.checkpoint, tmp_path / "again")
    names = ["name", "weights_sha256", "thresholds", "meta"]
    facts = [json.loads((folder / "release.json").read_text()) for folder in (release, again)]
    assert [facts[1][name] for name in names] == ["demo", *(facts[0][name] for name in names[1:])]


def test_sha256sum_finds_it_whole(release):
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=release, check=True)


@pytest.mark.parametrize("name", ["model.safetensors", "config.py", "release.json", "README.md"])
def test_a_file_that_was_changed_is_refused(copy, name, tmp_path):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    refusal = rf"'{copy}': '{name}' differs from its digest in SHA256SUMS.*fetch it again\.$"
    for load in (load_checkpoint, load_config, lambda folder: choose_run(None, folder)):
        with pytest.raises(CheckpointMismatchError, match=refusal):
            load(copy)


def test_a_file_that_is_missing_is_named(copy):
    (copy / "README.md").unlink()
    with pytest.raises(MissingDataError, match=r"lacks 'README.md', which its SHA256SUMS lists"):
        check_release(copy)
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(MissingDataError, match=r"lacks 'SHA256SUMS'"):
        check_release(copy)


@pytest.mark.parametrize("text", ["", "nonsense\n", "\0\n"])
def test_a_list_that_leaves_the_weights_out_is_refused(copy, text):
    (copy / "SHA256SUMS").write_text(text)
    with pytest.raises(CheckpointMismatchError, match=r"does not list model\.safetensors, config"):
        check_release(copy)


def test_no_file_outside_of_the_folder_is_read(copy):
    with (copy / "SHA256SUMS").open("a") as file:
        file.write(f"{'0' * 64}  ../secret\n")
    with pytest.raises(CheckpointMismatchError, match=r"does not list model\.safetensors, config"):
        check_release(copy)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"format": 1}', '{"format": "1", "meta": {}}', "[" * 10**5]
)
def test_facts_of_another_program_are_refused(copy, text):
    (copy / "release.json").write_text(text)
    sign(copy)
    with pytest.raises(CheckpointMismatchError, match=r"is no release: its release\.json is not"):
        load_checkpoint(copy)


def test_weights_that_are_none_are_refused(copy):
    (copy / "model.safetensors").write_bytes(b"no weights at all")
    sign(copy)
    with pytest.raises(CheckpointMismatchError, match="is no file of safetensors"):
        load_checkpoint(copy)


def test_it_does_not_say_where_a_test_writes(copy):
    with (copy / "config.py").open("a") as file:
        file.write("work_dir = '/home/you'\nload_from = 'x.pth'\nexperiment_name = '../../x'\n")
    sign(copy)
    cfg = release_config(copy)
    assert not {"work_dir", "load_from", "experiment_name"} & cfg.keys()


def test_a_later_format_is_refused(copy):
    facts = json.loads((copy / "release.json").read_text())
    (copy / "release.json").write_text(json.dumps(facts | {"format": 2}))
    sign(copy)
    with pytest.raises(CheckpointMismatchError, match=r"has format 2, and this version .* reads 1"):
        check_release(copy)


def test_the_config_is_never_run(copy, tmp_path):
    mark = tmp_path / "was_run"
    (copy / "config.py").write_text(f"open({str(mark)!r}, 'w')")
    sign(copy)
    for read in (release_config, lambda folder: choose_run(None, folder).read_config()):
        with pytest.raises(ConfigError, match="is code, not plain values"):
            read(copy)
    assert not mark.exists()


def test_a_foreign_hook_is_refused_where_a_runner_would_build_it(copy):
    with (copy / "config.py").open("a") as file:
        file.write("custom_hooks = [dict(type='os.system', command='id')]\n")
    sign(copy)
    with pytest.raises(ConfigError, match=r"names type 'os\.system', which is no registered part"):
        release_config(copy)
    # A prediction builds no hooks.
    assert choose_run(None, copy).read_config().model.type == "MACBDF"


def test_weights_alone_are_no_release(release, tmp_path):
    shutil.copy(release / "model.safetensors", tmp_path)
    assert not is_release(tmp_path)
    with pytest.raises(CheckpointMismatchError, match="is not in a release folder"):
        load_checkpoint(tmp_path / "model.safetensors")


def test_a_test_of_a_strangers_release_writes_nothing_where_that_says(
    copy, make_clip, tmp_path, monkeypatch
):
    there = tmp_path / "there"
    with (copy / "config.py").open("a") as file:
        file.write(
            f"visualizer = dict(type='Visualizer', save_dir='{there}', vis_backends=["
            f"dict(type='LocalVisBackend', save_dir='{there}')])\n"
            f"default_hooks['logger']['out_dir'] = '{there}'\n"
            f"test_evaluator = [dict(type='ForgeryMetric', out_file='{there}/a.jsonl'), "
            f"dict(type='DumpResults', out_file_path='{there}/a.pkl')]\n"
            "test_dataloader['num_workers'] = 0\n"
            "test_dataloader['persistent_workers'] = False\n"
            "test_dataloader['timeout'] = 0\n"
        )
    sign(copy)
    clip = make_clip("data/clip.mp4", seconds=1.3)
    row = ClipRow(file=clip.name, label=0, split="test", duration_seconds=1.3)
    save_annotation(clip.parent / "annotation.json", {"dataset": "one"}, [row])
    cfg = load_config(copy, {"test_dataloader.dataset.data_root": str(clip.parent)})
    monkeypatch.chdir(tmp_path)
    cfg.work_dir = str(tmp_path / "ours")
    assert evaluate_model(cfg, copy / "model.safetensors")["coverage"] == 1
    assert not there.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "data", "ours"}
