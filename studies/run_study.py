"""Run a study: decode once, train what is missing, and gather the results."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from macbdf_mm.engine.run_options import last_checkpoint
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.utils.files import folder_lock
from macbdf_mm.utils.progress import ProgressLine
from studies.cached_split import CachedSplit
from studies.result_tables import Results
from studies.runs import TRAINING_FOLDER, PlannedRun, plan_runs, run_all, tell
from studies.study import Study, Variant
from studies.study_config import StudySettings, VariantConfig, read_variant

_MAX_NAMED = 10
_REFUSAL = (
    "Another study is running in {}: wait for it, or choose another --work-dir; if its command was "
    "killed, its last runs may still be alive."
)


def run_study(
    study: Study,
    configs: Mapping[str, VariantConfig],
    work_dir: Path,
    seeds: Mapping[str, Sequence[int]],
    *,
    chosen: Sequence[str] | None = None,
    num_jobs: int = 1,
    accept_other_code: bool = False,
) -> tuple[Results, list[str]]:
    """Return the results of a study's runs and the labels of those that failed.

    Those that are missing are trained. A finished run is not run again, unless config, data or
    code have changed since; that is said, and the old result is put aside. A stopped command goes
    on where it was.

    Args:
        study: What is compared.
        configs: Of all its variants, by name.
        work_dir: The folder of the runs; studies that share variants can share it.
        seeds: The seeds of each variant.
        chosen: Names of the variants to train now; None: all. Results of the others are
            gathered if they are there.
        num_jobs: Runs at the same time.
        accept_other_code: Whether results hold that other code of this package gave.

    Raises:
        ConfigError: If a chosen variant does not exist, or another study is running in the
            folder.
        MissingDataError: If the data set is not there.
    """
    if unknown := [name for name in chosen or () if name not in configs]:
        raise ConfigError(f"The study has no variant '{unknown[0]}'; it has {', '.join(configs)}.")
    with folder_lock(work_dir, _REFUSAL.format(work_dir)) as lock:
        planned = plan_runs(configs, seeds, work_dir)
        missing = [
            run
            for run in planned
            if (chosen is None or run.variant in chosen)
            and run.valid_result(accept_other_code) is None
        ]
        tell(f"{study.title}: {len(planned)} runs, {len(missing)} of them to be trained now")
        _decode([split for run in missing for split in configs[run.variant].splits], num_jobs)
        for run in missing:
            run.prepare()
        failed = run_all(missing, num_jobs, [lock])
    return _gather(planned, accept_other_code), [run.label for run in failed]


def train_encoders(
    config: Path,
    settings: StudySettings,
    work_dir: Path,
    *,
    num_jobs: int = 1,
    accept_other_code: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Return the checkpoint whose encoders all runs start from, and what it came to.

    It is trained once, with seed 0, on the schedule of its own config, unless it is there. Options
    of the study do not reach it.

    Args:
        config: Of its training.
        settings: Of the study.
        work_dir: The folder of the runs.
        num_jobs: Processes that decode.
        accept_other_code: Whether a checkpoint holds that other code of this package gave.

    Raises:
        ConfigError: If another study is running in the folder, or the training fails.
    """
    name = config.stem
    variant = Variant(name, name, str(config), keeps_schedule=True, starts_fresh=True)
    configs = {name: read_variant(variant, settings)}
    with folder_lock(work_dir, _REFUSAL.format(work_dir)) as lock:
        (run,) = plan_runs(configs, {name: [0]}, work_dir)
        if run.valid_result(accept_other_code) is None:
            tell(f"{name}: trained once, all runs start from its encoders")
            _decode(configs[name].splits, num_jobs)
            run.prepare()
            if run_all([run], 1, [lock]):
                raise ConfigError(
                    f"The encoders could not be trained; see the log in {run.folder}."
                )
    result = run.valid_result(accept_other_code)
    checkpoint = last_checkpoint(run.folder / TRAINING_FOLDER)
    if result is None or checkpoint is None:
        raise MissingDataError(f"{run.folder} has no checkpoint; remove it, and start again.")
    final = result["final"]
    return Path(checkpoint), {
        "num_epochs": run.cfg.train_cfg.max_epochs,
        "seconds": result["seconds"],
        "video_auc": final["video/auc"],
        "audio_auc": final["audio/auc"],
    }


def _decode(splits: Sequence[CachedSplit], num_jobs: int) -> None:
    show = ProgressLine("spans")
    for split in {split.folder: split for split in splits}.values():
        if split.decode(num_jobs, partial(show, f"decoding {split.folder.name}")):
            tell(f"decoded {split.folder.name}")


def _gather(planned: Sequence[PlannedRun], accept_other_code: bool) -> Results:
    results: dict[str, dict[int, dict[str, Any]]] = {}
    left_out = []
    for run in planned:
        result = run.valid_result(accept_other_code)
        if result is None:
            left_out.append(run.label)
        else:
            if run.changes():
                result["is_of_other_code"] = True
            results.setdefault(run.variant, {})[run.seed] = result
    if left_out:
        shown = "; ".join(left_out[:_MAX_NAMED])
        more = f"; and {len(left_out) - _MAX_NAMED} more" if len(left_out) > _MAX_NAMED else ""
        tell(f"{len(left_out)} runs have no result and are left out: {shown}{more}")
    return results
