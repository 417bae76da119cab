"""Whole studies on a few real clips, with real processes."""

import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.errors import ConfigError
from macbdf_mm.evaluation.score_file import read_scores
from macbdf_mm.utils.files import folder_lock
from studies.encoders import starting_digest
from studies.run_study import run_study, train_encoders
from studies.runs import CONFIG_FILE, RESULT_FILE, run_folder
from studies.study import Study, Variant
from studies.study_config import CONFIGS, read_variant
from studies.train_run import train_run

pytestmark = pytest.mark.slow  # a minute and a half of training

DEMO = "macbdf_demo.py"
# "broken" fails when its head is built.
STUDY = Study(
    "trial",
    "A trial",
    (
        Variant("full", "full", DEMO, is_followed=True),
        Variant("broken", "broken", DEMO, {"model.head.nonsense": 1}),
    ),
    reference="full",
)


@pytest.fixture(scope="module")
def trained(make_settings, tmp_path_factory):
    """A study of two variants with one seed, run once: (work folder, results, failed, lines)."""
    work_dir = tmp_path_factory.mktemp("study")
    with redirect_stdout(StringIO()) as printed:
        results, failed = run(work_dir, make_settings)
    return work_dir, results, failed, printed.getvalue().splitlines()


def run(work_dir, make_settings, study=STUDY, seeds=(0,), num_jobs=2, **options):
    settings = make_settings(work_dir / "inputs")
    configs = {variant.name: read_variant(variant, settings) for variant in study.variants}
    seeds = dict.fromkeys(configs, seeds)
    return run_study(study, configs, work_dir, seeds, num_jobs=num_jobs, **options)


def test_a_failed_run_is_named_and_the_others_go_on(trained):
    _, results, failed, lines = trained
    assert failed == ["broken, seed 0"]
    assert set(results) == {"full"}
    (failure,) = [line for line in lines if "FAILED" in line]
    assert "broken, seed 0: FAILED with exit code 1" in failure
    assert "a key that it does not take: 'nonsense'" in failure
    assert "log.txt" in failure
    assert any(line.startswith("[2/2] ") for line in lines)


def test_a_result_has_every_epoch_and_the_end(trained):
    work_dir, results, *_ = trained
    result = results["full"][0]
    assert [record["epoch"] for record in result["epochs"]] == [1, 2]
    for record in result["epochs"]:
        losses = record["losses"]
        parts = [value for name, value in losses.items() if name.startswith("loss_")]
        assert losses["loss"] == pytest.approx(sum(parts), rel=1e-4)
        for track in ("overall", "video", "audio"):
            assert 0 <= record["test"][f"{track}/auc"] <= 1
            # Chosen on the validation split, and used in the test of the same epoch.
            assert record["test"][f"{track}/threshold"] == pytest.approx(
                record["val"][f"{track}/threshold"], rel=1e-6
            )
    assert result["final"]["num_videos"] == 8
    assert result["final"]["coverage"] == 1
    assert result["seconds"] > result["train_seconds"] > 0
    scores = read_scores(run_folder(work_dir, "full", 0) / "test_scores.jsonl")
    # After each epoch one window of a clip, at the end those of the config.
    assert {len(video.windows) for video in scores.videos} == {2}
    assert scores.thresholds["video"] == pytest.approx(result["final"]["video/threshold"])
    assert scores.is_threshold_fitted


def test_variants_share_their_inputs(trained):
    work_dir = trained[0]
    folders = [path.name for path in (work_dir / "inputs").iterdir()]
    assert sorted(name.partition("_")[0] for name in folders) == [
        "test", "test", "train", "val", "val",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_in_any_process(trained, tmp_path):
    work_dir, results, *_ = trained
    cfg = Config.fromfile(run_folder(work_dir, "full", 0) / CONFIG_FILE)
    cfg.dump(str(tmp_path / CONFIG_FILE))
    result = train_run(tmp_path)
    first = results["full"][0]
    assert result["weights_sha256"] == first["weights_sha256"]
    assert result["final"] == first["final"]
    assert result["fingerprint"] == first["fingerprint"]
    assert torch.get_num_threads() == 1


def test_a_finished_run_is_not_run_again(trained, make_settings, capsys):
    work_dir, first, *_ = trained
    path = run_folder(work_dir, "full", 0) / RESULT_FILE
    before = path.stat().st_mtime_ns
    results, failed = run(work_dir, make_settings, chosen=["full"])
    assert capsys.readouterr().out.splitlines() == [
        "A trial: 2 runs, 0 of them to be trained now",
        "1 runs have no result and are left out: broken, seed 0",
    ]
    assert path.stat().st_mtime_ns == before
    assert results == first
    assert failed == []


@pytest.mark.slow  # three more processes
def test_failed_and_changed_runs_are_trained_again_and_a_study_can_share_the_rest(
    trained, make_settings, capsys
):
    work_dir = trained[0]
    folder = run_folder(work_dir, "broken", 0)
    mended = Variant("broken", "mended", DEMO, {"optim_wrapper.optimizer.lr": 1e-5})
    study = Study("other", "Another trial", (STUDY.variants[0], mended), "full")
    results, _ = run(work_dir, make_settings, study)
    assert "Another trial: 2 runs, 1 of them to be trained now" in capsys.readouterr().out
    old = results["broken"][0]
    assert old["weights_sha256"] != results["full"][0]["weights_sha256"]

    changed = Variant("broken", "mended", DEMO, {"optim_wrapper.optimizer.lr": 2e-5})
    study = Study("other", "Another trial", (STUDY.variants[0], changed), "full")
    results, _ = run(work_dir, make_settings, study)
    assert "broken, seed 0: config changed since its result" in capsys.readouterr().out
    assert results["broken"][0]["weights_sha256"] != old["weights_sha256"]
    (stale,) = (folder / "stale").iterdir()
    assert json.loads(stale.read_text()) == old
    assert Config.fromfile(folder / CONFIG_FILE).optim_wrapper.optimizer.lr == 2e-5


@pytest.mark.slow  # two more processes
def test_encoders_are_trained_once_and_every_run_starts_from_them(
    make_settings, tmp_path, data_root, capsys
):
    config = tmp_path / "short_encoders.py"
    config.write_text(
        f"_base_ = [{str(CONFIGS / 'ablations/encoders.py')!r}]\n"
        "train_cfg = dict(max_epochs=1)\n"
        "train_dataloader = dict(batch_size=4)\n"
    )
    settings = make_settings(tmp_path / "inputs")
    checkpoint, about = train_encoders(config, settings, tmp_path)
    assert about["num_epochs"] == 1
    assert 0 <= about["video_auc"] <= 1
    settings = replace(settings, encoders=checkpoint)
    variant = Variant("full", "full", DEMO)
    study = Study("trial", "A trial", (variant,), "full")
    configs = {"full": read_variant(variant, settings)}
    results, failed = run_study(study, configs, tmp_path, {"full": [0]})
    assert failed == []
    assert "test" not in results["full"][0]["epochs"][-1], "tested at the end alone"
    assert results["full"][0]["fingerprint"]["encoders"] == starting_digest(
        configs["full"].cfg.model
    )
    for name in ("noisy_sound", "noisy_picture"):
        scores = read_scores(run_folder(tmp_path, "full", 0) / f"test_scores_{name}.jsonl")
        assert len(scores.videos) == 8
    capsys.readouterr()
    assert train_encoders(config, settings, tmp_path) == (checkpoint, about)
    assert "begins" not in capsys.readouterr().out


def test_an_unknown_variant_is_named(make_settings, tmp_path):
    with pytest.raises(ConfigError, match="no variant 'ful'; it has full, broken"):
        run(tmp_path, make_settings, chosen=["ful"])


def test_two_studies_do_not_share_a_folder_at_a_time(make_settings, tmp_path):
    with (
        folder_lock(tmp_path, ""),
        pytest.raises(
            ConfigError,
            match=r"Another study is running in .* may still be alive",
        ),
    ):
        run(tmp_path, make_settings)
