"""The config of a run of a study: a variant's own, on cached inputs, on the short schedule."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.apis.command_line import load_config
from macbdf_mm.engine.run_options import metrics_of, set_seed
from macbdf_mm.errors import ConfigError
from studies.cached_split import CachedSplit, plan_split
from studies.encoders import start_from
from studies.study import Variant

CONFIGS = Path(__file__).parents[1] / "configs"
_SCHEDULE_KEYS = ("train_cfg", "param_scheduler")
_SCHEDULE_COUNTS = ("spans_per_clip", "epoch_windows_per_clip")
_LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
# The spread over seeds is what a study reports; an interval within a run is never read.
_NUM_RESAMPLES = 1


@dataclass(frozen=True)
class StudySettings:
    """Input and output folders of a study.

    Attributes:
        schedule: The config file of the schedule.
        data_root: The data folder.
        inputs: The folder of the decoded inputs.
        encoders: The checkpoint that the encoders start from; None: they start at random.
        options: Overrides for every variant that follows the schedule, dotted key -> value.
    """

    schedule: Path
    data_root: Path
    inputs: Path
    encoders: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VariantConfig:
    """A variant's config, and what of the data set it reads.

    Attributes:
        cfg: The config, without a seed and a work folder.
        splits: The decoded inputs that it names.
    """

    cfg: Config
    splits: tuple[CachedSplit, ...]

    def with_seed(self, seed: int) -> Config:
        """Return the config of one run: of weights, order, dropout and augmentation by a seed."""
        cfg = copy.deepcopy(self.cfg)
        set_seed(cfg, seed, deterministic=False)
        cfg.train_dataloader.dataset.seed = seed
        return cfg


def read_variant(variant: Variant, settings: StudySettings) -> VariantConfig:
    """Return the config of a variant on decoded inputs and on the study's schedule.

    A variant that is followed looks at few windows of each clip after every epoch;
    ``final_evaluation`` of the config has the loaders of the end result, and ``further_tests``
    those of tests under other conditions.

    Raises:
        MissingDataError: If the config does not exist.
        ConfigError: If it lacks what a study needs, or an option names what does not exist.
    """
    for key in settings.options:
        if key.partition(".")[0] in _SCHEDULE_KEYS:
            raise ConfigError(
                f"Option '{key}': a study takes it from {settings.schedule}; change it there."
            )
    common = {} if variant.keeps_schedule else settings.options
    cfg = load_config(CONFIGS / variant.config, {**variant.options, **common})
    schedule = _read_schedule(settings.schedule)
    train = cfg.get("train_dataloader")
    if train is not None:
        left_out = schedule.get("left_out_transforms", ())
        train.dataset.pipeline = [s for s in train.dataset.pipeline if s.type not in left_out]
    if not variant.keeps_schedule:
        for key in _SCHEDULE_KEYS:
            cfg[key] = copy.deepcopy(schedule[key])
    if not variant.is_followed:
        # MMEngine validates after the last epoch in any case, unless it begins after that.
        cfg.train_cfg.val_begin = cfg.train_cfg.max_epochs + 1
    for key in _LOADERS:
        if cfg.get(key) is None:
            raise ConfigError(f"Config '{cfg.filename}' has no `{key}`, so it cannot be studied.")
        cfg[key].dataset.data_root = str(settings.data_root)
    if settings.encoders is not None and not variant.starts_fresh:
        start_from(cfg, settings.encoders)
    splits = _read_decoded(cfg, settings.inputs, schedule, variant.is_followed)
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        for metric in metrics_of(evaluator):
            metric.num_resamples = _NUM_RESAMPLES
    cfg.default_hooks.checkpoint = {
        "type": "PlainCheckpointHook",
        "interval": cfg.train_cfg.max_epochs,
        "max_keep_ckpts": 1,
        "save_optimizer": False,
        "save_param_scheduler": False,
    }
    # The records of the epochs are means over single iterations.
    cfg.default_hooks.logger.interval = 1
    cfg.log_level = "WARNING"
    return VariantConfig(cfg, splits)


def _read_schedule(path: Path) -> Config:
    """Return the config of a schedule.

    Raises:
        MissingDataError: If the file does not exist.
        ConfigError: If it lacks what decides how long a run takes.
    """
    schedule = load_config(path)
    if missing := [key for key in (*_SCHEDULE_KEYS, *_SCHEDULE_COUNTS) if key not in schedule]:
        raise ConfigError(
            f"Schedule '{path}' lacks {', '.join(missing)}: begin with a copy of "
            "configs/_base_/schedules/study.py."
        )
    return schedule


def _read_decoded(
    cfg: Config, inputs: Path, schedule: Config, is_followed: bool
) -> tuple[CachedSplit, ...]:
    """Have the loaders read decoded inputs, in this process; return the splits they read."""
    train = plan_split(cfg.train_dataloader.dataset, inputs, schedule.spans_per_clip)
    splits = [train]
    final, further = {}, {}
    for key in _LOADERS[1:]:
        if schedule.get("final_windows_per_clip"):
            cfg[key].dataset.windows_per_clip = schedule.final_windows_per_clip
        own = plan_split(cfg[key].dataset, inputs, 1)
        cfg[key].dataset.windows_per_clip = schedule.epoch_windows_per_clip
        by_epoch = plan_split(cfg[key].dataset, inputs, 1)
        splits += [own, by_epoch] if is_followed or key == "test_dataloader" else [own]
        _use(cfg[key], by_epoch)
        final[key] = {**copy.deepcopy(cfg[key]), "dataset": own.dataset}
        if key == "test_dataloader":
            for name, changes in schedule.get("further_tests", {}).items():
                further[name] = {**copy.deepcopy(cfg[key]), "dataset": _changed(by_epoch, changes)}
    _use(cfg.train_dataloader, train)
    cfg.final_evaluation = final
    cfg.further_tests = further
    return tuple(splits)


def _changed(split: CachedSplit, changes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the config of a split whose decoded inputs are changed before they are packed."""
    reader, *rest = split.dataset["pipeline"]
    return {**split.dataset, "pipeline": [reader, *copy.deepcopy(changes), *rest]}


def _use(loader: Config, split: CachedSplit) -> None:
    loader.dataset = split.dataset
    loader.num_workers, loader.persistent_workers = 0, False
