import shutil

import pytest
import torch

import macbdf_mm
from studies.executed_code import ROOT, files_digest, meaning, scoring_files, training_files
from studies.study import Variant
from studies.study_config import read_variant

SOURCE = '"""A module."""\nA = 1\n\n\ndef f(x):\n    """Return x."""\n    return x  # as it came\n'


def test_comments_docstrings_and_layout_mean_nothing():
    other = "A=1\ndef f(x):\n\n    # Another comment.\n    return (x)\n"
    assert meaning(other) == meaning(SOURCE)
    assert meaning(SOURCE.replace("return x ", "return -x ")) != meaning(SOURCE)
    assert meaning(SOURCE.replace("A = 1", "A = 2")) != meaning(SOURCE)


def test_a_function_of_a_docstring_alone_can_be_read():
    assert meaning('def f():\n    """Nothing."""\n') != meaning("")


@pytest.fixture(scope="module")
def files(make_settings, tmp_path_factory):
    settings = make_settings(tmp_path_factory.mktemp("inputs"))
    configs = {"full": "macbdf_demo.py", "plain": "ablations/plain_fusion.py"}
    return {
        name: training_files(read_variant(Variant(name, name, config), settings).cfg.to_dict())
        for name, config in configs.items()
    }


def test_all_that_training_runs_counts(files):
    assert {
        "studies/train_run.py",
        "macbdf_mm/datasets/audio_visual_forgery_dataset.py",
        "macbdf_mm/datasets/transforms/read_cached_inputs.py",
        "macbdf_mm/engine/hooks/contrastive_state_hook.py",
        "macbdf_mm/engine/optim/matrix_decay_constructor.py",
        "macbdf_mm/engine/optim/om_pareto.py",
        "macbdf_mm/engine/optim/om_pareto_optim_wrapper.py",
        "macbdf_mm/models/contrastive/contrastive_loss.py",
        "macbdf_mm/models/detectors/macbdf.py",
        "macbdf_mm/models/encoders/grid_transformer_encoder.py",
        "macbdf_mm/models/heads/masked_bce.py",
        "macbdf_mm/models/layers/log_mel.py",
        "macbdf_mm/models/layers/mstlka_block.py",
        "macbdf_mm/models/necks/contrastive_fusion_neck.py",
        "macbdf_mm/ops/__init__.py",
        "macbdf_mm/registry.py",
        "macbdf_mm/structures/forgery_data_sample.py",
    } <= set(files["full"])
    assert any(file.startswith("macbdf_mm/ops/depthwise") for file in files["full"])


@pytest.mark.parametrize(
    "room", ["apis", "evaluation", "media", "prepare", "reports", "utils", "datasets/forgery"]
)
def test_what_decodes_before_and_measures_afterwards_does_not_count(files, room):
    assert [file for file in files["full"] if file.startswith(f"macbdf_mm/{room}/")] == []


def test_a_row_does_not_depend_on_parts_that_it_lacks(files):
    lacking = set(files["full"]) - set(files["plain"])
    assert "macbdf_mm/models/contrastive/macl.py" in lacking
    assert "macbdf_mm/models/necks/contrastive_fusion_neck.py" in lacking
    assert "macbdf_mm/models/detectors/macbdf.py" not in lacking


def test_an_import_within_a_function_counts(tmp_path):
    start = tmp_path / "studies/train_run.py"
    part = tmp_path / "macbdf_mm/models/a.py"
    part.parent.mkdir(parents=True)
    start.parent.mkdir()
    start.write_text("def f():\n    from macbdf_mm.models import a\n    return a\n")
    part.write_text("A = 1\n")
    assert training_files({}, tmp_path) == ["macbdf_mm/models/a.py", "studies/train_run.py"]


def test_every_file_of_a_list_counts(files, tmp_path):
    copied = files["plain"][:5]
    for file in copied:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    before = files_digest(copied, tmp_path)
    assert before == files_digest(copied)
    for file in copied:
        text = (tmp_path / file).read_text()
        (tmp_path / file).write_text(text + "\nX = 1\n")
        assert files_digest(copied, tmp_path) != before, file
        (tmp_path / file).write_text(text + "# More.\n")
        assert files_digest(copied, tmp_path) == before, file


@pytest.mark.parametrize("versioned", [macbdf_mm, torch])
def test_the_versions_beneath_the_code_count(monkeypatch, versioned):
    before = files_digest([])
    monkeypatch.setattr(versioned, "__version__", "0.0")
    assert files_digest([]) != before


def test_figures_depend_on_the_metric_and_what_it_imports():
    files = scoring_files()
    assert "macbdf_mm/evaluation/functional/detection.py" in files
    assert all(file.startswith("macbdf_mm/evaluation/") for file in files)
