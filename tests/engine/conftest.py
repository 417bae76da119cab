import itertools
import os
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

sys.path.insert(0, str(Path(__file__).parent))

import two_encoders as parts

_names = itertools.count()


@pytest.fixture
def two_encoders():
    """The module of the small model."""
    return parts


@pytest.fixture
def make_runner(tmp_path):
    """Return a maker of runners that train the small model, one batch of 8 clips a step.

    Options are dotted keys of the config with dots as double underscores.
    """
    torch.set_num_threads(1)

    def make(*, num_epochs=2, num_batches=5, work_dir="run", **options):
        cfg = Config(
            dict(
                default_scope="macbdf_mm",
                model=dict(type="TwoEncoders"),
                work_dir=str(tmp_path / work_dir),
                train_dataloader=dict(
                    batch_size=8,
                    num_workers=0,
                    dataset=dict(type="TwoEncodersDataset", num_batches=num_batches),
                    sampler=dict(type="DefaultSampler", shuffle=False),
                    collate_fn=dict(type="default_collate"),
                ),
                train_cfg=dict(by_epoch=True, max_epochs=num_epochs),
                optim_wrapper=dict(
                    type="OMParetoOptimWrapper",
                    optimizer=dict(type="SGD", lr=0.5),
                    unimodal_losses=["loss_frame_*"],
                    encoders=dict(parts.ENCODERS),
                ),
                default_hooks=dict(
                    logger=dict(type="LoggerHook", interval=2),
                    checkpoint=dict(type="PlainCheckpointHook", interval=1),
                ),
                custom_hooks=[dict(type="OMParetoLogHook")],
                randomness=dict(seed=3),
                # MMEngine keeps loggers and message hubs by name, for the whole process.
                experiment_name=f"two_encoders_{os.getpid()}_{next(_names)}",
                log_level="ERROR",
            )
        )
        cfg.merge_from_dict({key.replace("__", "."): value for key, value in options.items()})
        return Runner.from_cfg(cfg)

    return make
