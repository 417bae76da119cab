"""Whole studies on a few real clips, with real processes."""

import json

import pytest
import torch
from mmengine.config import Config

from macbdf_mm.apis.report.test_result import read_test_result
from macbdf_mm.apis.study.folder_lock import folder_lock
from macbdf_mm.apis.study.planned_run import run_folder
from macbdf_mm.apis.study.run_folder import RunFolder
from macbdf_mm.apis.study.run_study import run_study
from macbdf_mm.apis.study.train_run import train_run
from macbdf_mm.apis.study.variant import Study, Variant
from macbdf_mm.errors import ConfigError

DEMO = "macbdf_demo.py"
# The same model is "full" in both; "broken" fails when its head is built.
STUDY = Study(
    "trial",
    "A trial",
    (
        Variant("full", "full", DEMO),
        Variant("slow", "slow learner", DEMO, {"optim_wrapper.optimizer.lr": 1e-5}),
        Variant("broken", "broken", DEMO, {"model.head.nonsense": 1}),
    ),
    reference="full",
)


@pytest.fixture(scope="module")
def trained(make_settings, tmp_path_factory):
    """A study of three variants with one seed, run once: (work folder, outcome, lines)."""
    work_dir = tmp_path_factory.mktemp("study")
    return work_dir, *run(work_dir, make_settings)


def run(work_dir, make_settings, study=STUDY, seeds=(0,), num_jobs=2, **options):
    lines = []
    outcome = run_study(
        study,
        make_settings(work_dir / "inputs"),
        work_dir,
        dict.fromkeys(study.titles(), seeds),
        num_jobs=num_jobs,
        report=lines.append,
        **options,
    )
    return outcome, lines


def test_a_failed_run_is_named_and_the_others_go_on(trained):
    _, outcome, lines = trained
    assert outcome.failed == ["broken, seed 0"]
    assert set(outcome.results) == {"full", "slow"}
    (failure,) = [line for line in lines if "FAILED" in line]
    assert "broken, seed 0: FAILED with exit code 1" in failure
    assert "a key that it does not take: 'nonsense'" in failure
    assert "log.txt" in failure
    assert any(line.startswith("[3/3] ") for line in lines)
    assert any("min left for" in line for line in lines)


def test_a_result_has_every_epoch_and_the_end(trained):
    work_dir, outcome, _ = trained
    result = outcome.results["full"][0]
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
    scores = read_test_result(run_folder(work_dir, "full", 0).path / "test_scores.json")
    assert {len(video.windows) for video in scores.videos} == {2}
    assert scores.thresholds["video"] == pytest.approx(result["final"]["video/threshold"])
    assert scores.is_threshold_fitted


def test_variants_and_seeds_differ_and_share_their_inputs(trained):
    work_dir, outcome, _ = trained
    digests = {name: by_seed[0]["weights_sha256"] for name, by_seed in outcome.results.items()}
    assert digests["full"] != digests["slow"]
    folders = [path.name for path in (work_dir / "inputs").iterdir()]
    assert sorted(name.partition("_")[0] for name in folders) == [
        "test", "test", "train", "val", "val",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_weights_in_any_process(trained, tmp_path):
    work_dir, outcome, _ = trained
    again = RunFolder(tmp_path)
    again.config.write_text(run_folder(work_dir, "full", 0).config.read_text())
    result = train_run(again)
    first = outcome.results["full"][0]
    assert result["weights_sha256"] == first["weights_sha256"]
    assert result["final"] == first["final"]
    assert result["fingerprint"] == first["fingerprint"]
    assert torch.get_num_threads() == 1


def test_a_finished_run_is_not_run_again_and_a_failed_one_is(trained, make_settings):
    work_dir, first, _ = trained
    results = [run_folder(work_dir, name, 0).result for name in ("full", "slow")]
    before = [path.stat().st_mtime_ns for path in results]
    outcome, lines = run(work_dir, make_settings)
    assert lines[0] == "A trial: 3 runs, 1 of them to be trained now"
    assert outcome.failed == ["broken, seed 0"]
    assert [path.stat().st_mtime_ns for path in results] == before
    assert outcome.results == first.results
    assert not any("decod" in line for line in lines)


def test_a_chosen_variant_is_trained_and_the_results_of_the_others_are_gathered(
    trained, make_settings
):
    work_dir, _, _ = trained
    outcome, lines = run(work_dir, make_settings, chosen=["slow"])
    assert set(outcome.results) == {"full", "slow"}
    assert "0 of them to be trained now" in lines[0]
    assert "broken, seed 0: has no result that holds, so it is left out of the tables" in lines


def test_a_changed_config_is_said_and_trained_again(trained, make_settings):
    work_dir, _, _ = trained
    changed = Variant("slow", "slow learner", DEMO, {"optim_wrapper.optimizer.lr": 2e-5})
    study = Study("other", "Another trial", (changed,), "slow")
    old = run_folder(work_dir, "slow", 0).read_result()
    outcome, lines = run(work_dir, make_settings, study)
    assert (
        "slow, seed 0: config changed since its result; it is trained again, and the old result "
        "is put aside" in lines
    )
    new = outcome.results["slow"][0]
    assert new["weights_sha256"] != old["weights_sha256"]
    (stale,) = (run_folder(work_dir, "slow", 0).path / "stale").iterdir()
    assert json.loads(stale.read_text()) == old
    assert Config.fromfile(run_folder(work_dir, "slow", 0).config).optim_wrapper.optimizer.lr == 2e-5


def test_an_unknown_variant_is_named(make_settings, tmp_path):
    with pytest.raises(ConfigError, match="no variant 'ful'; it has full, slow, broken"):
        run(tmp_path, make_settings, chosen=["ful"])


def test_two_studies_do_not_share_a_folder_at_a_time(make_settings, tmp_path):
    with (
        folder_lock(tmp_path),
        pytest.raises(ConfigError, match="Another study is running in"),
    ):
        run(tmp_path, make_settings)
