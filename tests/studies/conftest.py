"""A data set of few noisy clips, and the settings of a study on it that takes seconds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from macbdf_mm.apis.load_model import build_model
from macbdf_mm.datasets.annotation import ClipRow, save_annotation
from macbdf_mm.media.writer import write_clip
from studies.ablations import ABLATIONS
from studies.runs import CONFIG_FILE, TRAINING_FOLDER, run_folder
from studies.study_config import StudySettings, read_variant

CONFIGS = Path(__file__).parents[2] / "configs"
NUM_CLIPS = {"train": 8, "val": 6, "test": 8}
SECONDS = 2.4
# Of each clip in turn: video label, audio label, and where the fake tracks are fake.
_KINDS = [(0, 0, ()), (1, 0, ()), (0, 1, ((0.4, 1.1),)), (1, 1, ((0.9, 1.8),))]


def _row(split: str, index: int) -> ClipRow:
    video_label, audio_label, intervals = _KINDS[index % len(_KINDS)]
    return ClipRow(
        f"videos/{split}{index}.mp4",
        max(video_label, audio_label),
        video_label,
        audio_label,
        video_fake_intervals=intervals if video_label else (),
        audio_fake_intervals=intervals if audio_label else (),
        identity=f"{split}{index}",
        split=split,
        method="dark" if video_label or audio_label else None,
        duration_seconds=SECONDS,
    )


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 22 clips of noise; fake pictures are darker, fake sound quieter."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    rows = [_row(split, index) for split, number in NUM_CLIPS.items() for index in range(number)]
    for row in rows:
        top = 255 - 100 * row.video_label
        frames = rng.integers(0, top, (round(SECONDS * 25), 64, 64, 3), dtype=np.uint8)
        sound = rng.normal(0, 0.2 - 0.1 * row.audio_label, round(SECONDS * 16_000))
        write_clip(root / row.file, frames, 25.0, sound.astype(np.float32), preset="ultrafast")
    save_annotation(root / "annotation.json", {"dataset": "noise", "synthetic": True}, rows)
    return root


@pytest.fixture(scope="session")
def schedule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the config of a schedule of two epochs."""
    path = tmp_path_factory.mktemp("schedule") / "short.py"
    path.write_text(
        f"_base_ = [{str(CONFIGS / '_base_/schedules/study.py')!r}]\n"
        "train_cfg = dict(max_epochs=2)\n"
        "spans_per_clip = 2\n"
    )
    return path


@pytest.fixture(scope="session")
def make_settings(data_root: Path, schedule: Path) -> Callable[..., StudySettings]:
    """Return a maker of settings: a folder for the decoded inputs, and further options."""

    def make(inputs: Path, **changes) -> StudySettings:
        options = {
            "train_dataloader.batch_size": 4,
            "val_dataloader.dataset.windows_per_clip": 2,
            "test_dataloader.dataset.windows_per_clip": 2,
        }
        defaults = dict(schedule=schedule, data_root=data_root, inputs=inputs, options=options)
        return StudySettings(**(defaults | changes))

    return make


@pytest.fixture(scope="session")
def untrained_run(
    make_settings: Callable[..., StudySettings], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the folder of a study with runs of the full model and of the one without L_C.

    Their weights are those of the start.
    """
    work_dir = tmp_path_factory.mktemp("untrained")
    for seed, name in enumerate(("full", "without_contrast")):
        variant = next(each for each in ABLATIONS.variants if each.name == name)
        read = read_variant(variant, make_settings(work_dir / "inputs"))
        for split in read.splits:
            split.decode()
        folder = run_folder(work_dir, name, 0)
        training = folder / TRAINING_FOLDER
        training.mkdir(parents=True)
        cfg = read.with_seed(0)
        cfg.dump(str(folder / CONFIG_FILE))
        torch.manual_seed(seed)
        checkpoint = training / "epoch_2.pth"
        torch.save({"state_dict": build_model(cfg).state_dict()}, checkpoint)
        (training / "last_checkpoint").write_text(str(checkpoint))
    return work_dir


@pytest.fixture
def make_result() -> Callable[..., dict]:
    """Return a maker of results, as a run writes them, from figures of the end."""

    def make(epochs=(), **final) -> dict:
        return {
            "epochs": list(epochs),
            "final": {key.replace("__", "/"): value for key, value in final.items()},
            "seconds": 60.0,
            "train_seconds": 50.0,
            "cpu_seconds": 55.0,
            "peak_memory_mib": 100.0,
            "num_parameters": 10,
            "weights_sha256": "abc",
            "hardware": "a processor, 2 cores, no GPU used",
            "versions": {"Python": "3.11.0", "torch": "2.11.0"},
            "fingerprint": {"config": "c0", "data": "d0", "code": "e0"},
            "scoring": "s0",
        }

    return make
