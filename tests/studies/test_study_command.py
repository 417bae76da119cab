import argparse

import pytest
from mmengine.config import Config

from macbdf_mm.errors import ConfigError
from studies import run_study as run_study_module
from studies.study import Study, Variant
from studies.study_command import add_study_arguments, run_study_command
from studies.study_config import CONFIGS

STUDY = Study(
    "trial",
    "A trial",
    (Variant("full", "full", "macbdf_demo.py"), Variant("b", "b", "ablations/depth_0.py")),
    "full",
)


def parse(*words):
    parser = argparse.ArgumentParser()
    add_study_arguments(parser, seeds=(0, 1))
    return parser.parse_args(words)


@pytest.fixture
def outcome(monkeypatch):
    """Sets what the study comes to; returns the arguments that it was run with."""
    calls = []

    def set_outcome(results, failed):
        def run(study, configs, work_dir, seeds, **options):
            calls.append(dict(configs=configs, work_dir=work_dir, seeds=seeds, **options))
            return results, failed

        monkeypatch.setattr(run_study_module, "run_study", run)
        return calls

    return set_outcome


def run(arguments, **options):
    return run_study_command(STUDY, lambda *_: None, arguments, **options)


def test_results_are_written_where_they_are_wanted(
    outcome, data_root, make_result, tmp_path, capsys
):
    calls = outcome({"full": {0: make_result(overall__auc=0.8)}}, [])
    arguments = parse(
        "--data", str(data_root), "--work-dir", str(tmp_path / "work"), "--jobs", "2",
        "--encoders", "none",
        "--results", str(tmp_path / "docs/results"), "--variants", "full",
        "--cfg-options", "model.head.drop_rate=0.1",
    )  # fmt: skip
    assert run(arguments, seeds={"b": [7]}) == 0
    (call,) = calls
    assert call["seeds"] == {"full": [0, 1], "b": [7]}
    assert (call["num_jobs"], call["chosen"]) == (2, ["full"])
    cfg = call["configs"]["full"].cfg
    assert cfg.model.head.drop_rate == 0.1
    schedule = Config.fromfile(CONFIGS / "_base_/schedules/study.py")
    assert cfg.train_cfg.max_epochs == schedule.train_cfg.max_epochs
    page = tmp_path / "docs/results/trial.md"
    assert "| full | 1 | 0.800 |" in page.read_text()
    assert str(page) in capsys.readouterr().out


def test_failed_runs_end_in_an_exit_code_and_the_rest_is_written(
    outcome, data_root, make_result, tmp_path, capsys
):
    results = {"full": {0: make_result(overall__auc=0.8)}}
    outcome(results, ["b, seed 0", "b, seed 1"])
    arguments = parse("--data", str(data_root), "--work-dir", str(tmp_path), "--encoders", "none")
    assert run(arguments) == 1
    assert capsys.readouterr().err == "2 runs failed: b, seed 0; b, seed 1\n"
    assert (tmp_path / "results/trial.md").is_file()


def test_without_any_result_nothing_is_written(outcome, data_root, tmp_path):
    outcome({}, [])
    arguments = parse("--data", str(data_root), "--work-dir", str(tmp_path), "--encoders", "none")
    assert run(arguments) == 1
    assert not (tmp_path / "results").exists()


def test_an_option_without_a_value_is_refused(capsys):
    with pytest.raises(SystemExit):
        parse("--cfg-options", "model")
    assert "expected key=value, got 'model'" in capsys.readouterr().err


def test_rows_of_the_command_line_are_trained_beside_the_others(outcome, data_root, tmp_path):
    calls = outcome({}, [])
    arguments = parse(
        "--data", str(data_root), "--work-dir", str(tmp_path), "--encoders", "none",
        "--variants", "full", "--row", "soft", "macbdf_demo.py", "model.head.drop_rate=0.1",
        "--row", "bare", "ablations/depth_0.py", "--seeds", "4",
    )  # fmt: skip
    run(arguments)
    (call,) = calls
    assert call["chosen"] == ["full", "soft", "bare"]
    assert call["configs"]["soft"].cfg.model.head.drop_rate == 0.1
    assert call["configs"]["bare"].cfg.model.video_backbone.depth == 0
    assert call["seeds"]["soft"] == [4]


def test_a_row_without_a_config_is_refused(data_root, tmp_path):
    arguments = parse("--data", str(data_root), "--work-dir", str(tmp_path), "--row", "soft")
    with pytest.raises(ConfigError, match="--row needs NAME CONFIG"):
        run(arguments)


def test_runs_start_from_the_encoders_that_are_named(outcome, data_root, tmp_path, monkeypatch):
    calls = outcome({}, [])
    trained = []
    monkeypatch.setattr(
        run_study_module,
        "train_encoders",
        lambda config, *_, **__: trained.append(config.name) or (tmp_path / "trained.pth", {}),
    )
    for encoders, expected in (
        (None, tmp_path / "trained.pth"),
        (str(tmp_path / "own.pth"), tmp_path / "own.pth"),
    ):
        words = ["--data", str(data_root), "--work-dir", str(tmp_path)]
        run(parse(*words, *(["--encoders", encoders] if encoders else [])))
        start = calls[-1]["configs"]["full"].cfg.model.audio_backbone.encoder.init_cfg
        assert start.checkpoint == str(expected)
        assert start.prefix == "audio_backbone.encoder."
    assert trained == ["encoders.py"]
