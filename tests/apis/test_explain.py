import argparse
import errno
import sys
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, MODELS, OPTIMIZERS, PARAM_SCHEDULERS, VISBACKENDS, DefaultScope
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Dataset

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.apis.explain import explain
from macbdf_mm.errors import ArgumentError, UndecodableMediaError
from macbdf_mm.registry import METRICS, build_part
from macbdf_mm.registry import MODELS as OUR_MODELS


def test_data_sets_that_mmengine_does_not_concatenate():
    class Named(BaseDataset):
        def load_data_list(self):
            return [{}]

    for other in ({"dataset": "b"}, {"dataset": 1}, {}):
        with pytest.raises((ValueError, TypeError)) as caught:
            ConcatDataset([Named(metainfo={"dataset": "a"}), Named(metainfo=other)])
        assert "write type='macbdf_mm.ConcatDataset'" in explain(caught.value)


def test_unregistered_type():
    with pytest.raises(KeyError) as caught:
        MODELS.build(dict(type="NoSuchBackbone"))
    assert "names type 'NoSuchBackbone', which is not in the registry" in explain(caught.value)


def test_wrong_key_of_a_part():
    with pytest.raises(TypeError) as caught:
        MODELS.build(dict(type="torch.nn.Linear", in_features=1, out_features=1, size=3))
    assert explain(caught.value) == "The config gives `Linear` a key that it does not take: 'size'."


def test_missing_key_of_a_part():
    with pytest.raises(TypeError) as caught:
        MODELS.build(dict(type="torch.nn.Linear", in_features=1))
    assert explain(caught.value) == (
        "The config gives `Linear` too little: 'out_features' is required."
    )


@pytest.mark.parametrize(
    ("cfg", "near"),
    [
        (dict(type="macbdf_mm.MSTLKABackbon"), "did you mean 'MSTLKABackbone'"),
        (dict(type="SpatialTransformr"), ""),
    ],
)
def test_nearest_type(cfg, near):
    with pytest.raises(KeyError) as caught:
        build_part(OUR_MODELS, cfg)
    assert near in explain(caught.value)


def test_nearest_type_of_an_optimiser():
    with pytest.raises(KeyError) as caught:
        OPTIMIZERS.build(dict(type="AdmaW"))
    assert "did you mean 'AdamW'" in explain(caught.value)


def test_nearest_argument():
    with pytest.raises(TypeError) as caught:
        METRICS.build(dict(type="macbdf_mm.ForgeryMetric", agregation="max"))
    assert explain(caught.value).endswith(
        "does not take: 'agregation'; did you mean 'aggregation'."
    )


@pytest.mark.parametrize(
    ("make", "near"),
    [
        (
            lambda: Runner.build_dataloader(
                dict(batch_sise=1, dataset=[1], sampler=dict(type="DefaultSampler", shuffle=False))
            ),
            "'batch_sise'; did you mean 'batch_size'",
        ),
        (
            lambda: Runner.build_train_loop(
                SimpleNamespace(_train_dataloader=[1]), dict(by_epoch=True, max_epoch=1)
            ),
            "'max_epoch'; did you mean 'max_epochs'",
        ),
    ],
)
def test_nearest_argument_of_what_the_runner_makes_itself(make, near):
    with pytest.raises(TypeError) as caught:
        make()
    assert near in explain(caught.value)


def test_wrong_key_outside_of_building_is_a_bug():
    with pytest.raises(TypeError) as caught:
        torch.nn.Linear(1, 1, size=3)
    assert explain(caught.value) is None


def test_missing_file_of_the_operating_system(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        (tmp_path / "gone").read_text()
    assert explain(caught.value) == f"No such file or folder: {tmp_path / 'gone'}."


def test_other_errors_of_the_operating_system(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        tmp_path.write_text("x")
    assert explain(caught.value) == f"Is a directory: {tmp_path}."


def test_a_file_where_a_folder_is_to_be_made(tmp_path):
    file = tmp_path / "run"
    file.touch()
    with pytest.raises(FileExistsError) as caught:
        file.mkdir()
    assert explain(caught.value) == f"'{file}' is a file, and no folder can be made of that name."


def test_value_that_a_part_refuses():
    with pytest.raises(ValueError, match="aggregation") as caught:
        METRICS.build(dict(type="macbdf_mm.ForgeryMetric", aggregation="median"))
    assert explain(caught.value).startswith("Expected `aggregation` in ['max', 'mean', 'simes', ")


class _Broken(Dataset):
    def __len__(self):
        return 2

    def __getitem__(self, index):
        raise UndecodableMediaError("'a.mp4' holds no decodable track.")


def test_error_of_a_data_worker_is_unwrapped():
    with pytest.raises(UndecodableMediaError) as caught:
        list(DataLoader(_Broken(), num_workers=1))
    assert "Traceback" in str(caught.value)
    assert explain(caught.value) == "'a.mp4' holds no decodable track."


def test_what_another_library_expected_keeps_its_traceback(tmp_path, monkeypatch):
    """Wherever it lies, and whatever it says: a clone has the package's name too."""
    folder = tmp_path / "macbdf_mm" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "foreign_library.py").write_text(
        "def fail(kind):\n    raise kind('Expected `size` > 0, got 0.')\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    import foreign_library

    for kind in (ValueError, TypeError, RuntimeError):
        with pytest.raises(kind, match="Expected `size`") as caught:
            foreign_library.fail(kind)
        assert explain(caught.value) is None
        with pytest.raises(kind, match="Expected `size`"):
            run_command(lambda kind=kind: foreign_library.fail(kind))
    with pytest.raises(ArgumentError) as caught:
        foreign_library.fail(ArgumentError)
    assert explain(caught.value) == "Expected `size` > 0, got 0."


def reason_of(make, *arguments):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever the library raises
        make(*arguments)
    return explain(caught.value)


WEIGHTS = [torch.nn.Parameter(torch.zeros(1))]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (dict(lr=-1), "`AdamW` refuses what the config gives it: Invalid learning rate: -1."),
        (dict(lr="one"), "The config gives `AdamW` lr='one', where a number is expected."),
        (dict(betas=0.9), "The config gives `AdamW` betas=0.9, where the default is (0.9, 0.999)."),
        (dict(betas=(0.9,)), "The config gives `AdamW` betas=(0.9,), where the default is (0.9, "),
        (
            dict(betas=("0.9", 0.9)),
            "The config gives `AdamW` betas=('0.9', 0.9), where the default",
        ),
        (dict(lr=None), "The config gives `AdamW` lr=None, where the default is 0.001."),
        (dict(weight_decay=-1), "`AdamW` refuses what the config gives it: Invalid weight_decay"),
    ],
)
def test_values_that_a_part_of_another_library_refuses(options, sentence):
    made = reason_of(OPTIMIZERS.build, dict(type="AdamW", params=WEIGHTS, **options))
    assert made.startswith(sentence)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            dict(type="PolyLR", convert_to_iter_based=True, by_epoch=False),
            "The config is refused: Only epoch-based parameter scheduler can be converted",
        ),
        (
            dict(type="StepLR", convert_to_iter_based=True, epoch_length=2),
            "The config gives `StepParamScheduler.build_iter_from_epoch` too little: 'step_si",
        ),
    ],
)
def test_schedulers_refuse_a_value(options, sentence):
    optimizer = torch.optim.SGD(WEIGHTS, lr=0.1)
    assert reason_of(PARAM_SCHEDULERS.build, {"optimizer": optimizer, **options}).startswith(
        sentence
    )


@pytest.mark.parametrize("width", [8.5, [8], None])
def test_a_value_that_a_part_hands_on_to_another(width):
    @OUR_MODELS.register_module(name="Wide", force=True)
    class Wide(torch.nn.Module):
        def __init__(self, width=8):
            super().__init__()
            self.layer = torch.nn.Linear(2, width)

    said = reason_of(build_part, OUR_MODELS, dict(type="Wide", width=width))
    assert said == f"The config gives `Wide` width={width!r}, where the default is 8."


def test_a_negative_size_is_named():
    said = reason_of(MODELS.build, dict(type="torch.nn.Linear", in_features=-1, out_features=2))
    assert said.startswith("`Linear` cannot be made with in_features=-1, which the config gives")


def test_an_error_inside_of_a_part_that_is_being_built_keeps_its_traceback():
    @OUR_MODELS.register_module(name="FaultyPart", force=True)
    class FaultyPart(torch.nn.Module):
        def __init__(self, width=1):
            super().__init__()
            self.names = {}["width"]

    assert reason_of(build_part, OUR_MODELS, dict(type="FaultyPart", width=2)) is None


def test_an_error_of_another_library_in_a_constructor_keeps_its_traceback():
    """The part called it with something of its own: the config is not to blame."""

    @OUR_MODELS.register_module(name="Careless", force=True)
    class Careless(torch.nn.Module):
        def __init__(self, width=1):
            super().__init__()
            argparse.ArgumentParser().add_argument("--a", nargs=0)

    assert reason_of(build_part, OUR_MODELS, dict(type="Careless", width=2)) is None

    @OUR_MODELS.register_module(name="Slip", force=True)
    class Slip(torch.nn.Module):
        def __init__(self, width=1):
            super().__init__()
            self.linear = torch.nn.Linear(1, 1, sise=3)

    assert reason_of(build_part, OUR_MODELS, dict(type="Slip", width=2)) is None


def test_a_type_error_of_a_hook_is_a_bug():
    class Faulty(Hook):
        def before_run(self, runner):
            len(5)

    runner = SimpleNamespace(_hooks=[Faulty()])
    assert reason_of(lambda: Runner.call_hook(runner, "before_run")) is None


def test_a_part_that_a_hook_builds_refuses_a_value():
    net = torch.nn.Linear(1, 1)
    for momentum, part in ((2, "refuses what the config gives it: momentum must be"), ("x", "'x'")):
        hook = HOOKS.build(dict(type="EMAHook", momentum=momentum))
        runner = SimpleNamespace(_hooks=[hook], model=net)
        assert part in reason_of(lambda runner=runner: Runner.call_hook(runner, "before_run"))


@pytest.mark.parametrize(
    ("backend", "package"),
    [
        ("TensorboardVisBackend", "tensorboard"),
        ("WandbVisBackend", "wandb"),
        ("MLflowVisBackend", "mlflow"),
        ("ClearMLVisBackend", "clearml"),
        ("AimVisBackend", "aim"),
    ],
)
def test_a_package_that_is_not_there(monkeypatch, tmp_path, backend, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    made = VISBACKENDS.build(dict(type=backend, save_dir=str(tmp_path)))
    said = reason_of(lambda: made.experiment)
    assert said.startswith("The package '")
    assert "is not installed, and the config needs it (Please run" in said


def test_a_module_that_is_missing_from_a_package_that_is_there_is_a_bug():
    def fail():
        import torch.no_such_module  # noqa: F401

    assert reason_of(fail) is None


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "No space left on device: free some space where the command writes."),
        (errno.EMFILE, r"Too many open files: raise the limit of open files (`ulimit -n`)"),
        (errno.ENOMEM, "Cannot allocate memory: lower `batch_size` or `num_workers`."),
    ],
)
def test_what_has_run_out_is_said(number, remedy):
    assert explain(OSError(number, __import__("os").strerror(number))).startswith(remedy)
    assert explain(OSError(errno.EPIPE, "Broken pipe")) is None


def test_a_type_of_another_scope():
    OUR_MODELS.register_module(name="OursAlone", module=torch.nn.Identity, force=True)
    with DefaultScope.overwrite_default_scope("mmengine"):
        said = reason_of(MODELS.build, dict(type="OursAlone"))
    assert "it is in the scope 'macbdf_mm': write 'macbdf_mm.OursAlone'" in said


def test_a_type_that_is_no_name():
    said = reason_of(MODELS.build, dict(type=5))
    assert said.startswith("The config is refused: type must be a str or valid type, but got <cla")


def test_a_part_inside_of_the_one_that_is_built_refuses_its_value():
    head = dict(type="ForgeryMLPHead", in_channels=4)
    said = reason_of(build_part, OUR_MODELS, dict(head, drop_rate=2.5))
    assert said.startswith("`ForgeryMLPHead` refuses what the config gives it: dropout prob")
    neck = dict(type="ContrastiveFusionNeck", video_channels=12, audio_channels=12, depth=1)
    said = reason_of(build_part, OUR_MODELS, dict(neck, contrast=dict(queue_length="x")))
    assert said == "The config gives `FeatureQueue` length='x', where a number is expected."


def test_a_constructor_that_refuses_a_value_of_the_parts_own_is_a_bug():
    @OUR_MODELS.register_module(name="OwnDropout", force=True)
    class OwnDropout(torch.nn.Module):
        def __init__(self, width=1):
            super().__init__()
            self.drop = torch.nn.Dropout(7.5)

    assert reason_of(build_part, OUR_MODELS, dict(type="OwnDropout", width=2)) is None
