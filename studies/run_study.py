"""Run a study: decode once, train what is missing, and gather the results."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config

from macbdf_mm.errors import ConfigError
from macbdf_mm.utils.files import folder_lock
from macbdf_mm.utils.progress import ProgressLine
from studies.cached_split import CachedSplit
from studies.result_tables import Results
from studies.runs import PlannedRun, plan_runs, run_all
from studies.study import Study, Variant
from studies.study_config import StudySettings, VariantConfig, read_variant

_REFUSAL = (
    "Another study is running in {}: wait for it, or choose another --work-dir; if its command was "
    "killed, its last runs may still be alive."
)


@dataclass(frozen=True)
class StudyOutcome:
    """The results of a study, and the runs that failed.

    Attributes:
        results: Of the finished runs.
        configs: Of the variants, by name.
        failed: Labels of the runs that failed.
    """

    results: Results
    configs: Mapping[str, Config]
    failed: Sequence[str]


def run_study(
    study: Study,
    settings: StudySettings,
    work_dir: Path,
    seeds: Mapping[str, Sequence[int]],
    *,
    chosen: Sequence[str] | None = None,
    num_jobs: int = 1,
    accept_other_code: bool = False,
    report: Callable[[str], None] = print,
) -> StudyOutcome:
    """Return the results of a study's runs, after training those that are missing.

    A finished run is not run again, unless config, data or code have changed since; that is
    said, and the old result is put aside. A stopped command goes on where it was.

    Args:
        study: What is compared.
        settings: Where things are.
        work_dir: The folder of the runs; studies that share variants can share it.
        seeds: The seeds of each variant.
        chosen: Names of the variants to train now; None: all. Results of the others are
            gathered if they are there.
        num_jobs: Runs at the same time.
        accept_other_code: Whether results hold that other code of this package gave.
        report: Gets a line at each step.

    Raises:
        ConfigError: If a chosen variant does not exist, a config cannot be studied, or another
            study is running in the folder.
        MissingDataError: If the data set is not there.
    """
    _check_chosen(study, chosen)
    with folder_lock(work_dir, _REFUSAL.format(work_dir)) as lock:
        variants = {
            variant.name: (variant, read_variant(variant, settings)) for variant in study.variants
        }
        planned = plan_runs(variants, seeds, work_dir)
        missing = [
            run
            for run in planned
            if (chosen is None or run.variant.name in chosen)
            and run.valid_result(accept_other_code) is None
        ]
        report(f"{study.title}: {len(planned)} runs, {len(missing)} of them to be trained now")
        _decode(_splits_of(variants, missing), num_jobs, report)
        for run in missing:
            _announce_changes(run, report)
            run.prepare()
        failed = run_all(missing, num_jobs, report, _expected_seconds(planned), [lock])
    return StudyOutcome(
        results=_gather(planned, accept_other_code, report),
        configs={name: config.cfg for name, (_, config) in variants.items()},
        failed=[run.label for run in failed],
    )


def _check_chosen(study: Study, chosen: Sequence[str] | None) -> None:
    names = [variant.name for variant in study.variants]
    unknown = [name for name in chosen or () if name not in names]
    if unknown:
        raise ConfigError(f"The study has no variant '{unknown[0]}'; it has {', '.join(names)}.")


def _splits_of(
    variants: Mapping[str, tuple[Variant, VariantConfig]], runs: Sequence[PlannedRun]
) -> list[CachedSplit]:
    """Return the splits that the runs read, each once."""
    splits = [split for run in runs for split in variants[run.variant.name][1].splits]
    return list({split.folder: split for split in splits}.values())


def _decode(splits: Sequence[CachedSplit], num_jobs: int, report: Callable[[str], None]) -> None:
    show = ProgressLine("spans")
    for split in splits:
        if split.decode(num_jobs, partial(show, f"decoding {split.folder.name}")):
            report(f"decoded {split.folder.name}")


def _announce_changes(run: PlannedRun, report: Callable[[str], None]) -> None:
    changes = run.changes()
    if changes:
        report(
            f"{run.label}: {' and '.join(changes)} changed since its result; it is trained "
            "again, and the old result is put aside"
        )


def _expected_seconds(planned: Sequence[PlannedRun]) -> float | None:
    seconds = [result["seconds"] for run in planned if (result := run.folder.read_result())]
    return sum(seconds) / len(seconds) if seconds else None


def _gather(
    planned: Sequence[PlannedRun], accept_other_code: bool, report: Callable[[str], None]
) -> Results:
    results: dict[str, dict[int, dict[str, Any]]] = {}
    left_out = []
    for run in planned:
        result = run.valid_result(accept_other_code)
        if result is None:
            left_out.append(run.label)
        else:
            results.setdefault(run.variant.name, {})[run.seed] = result
    if left_out:
        report(f"{len(left_out)} runs have no result and are left out: {'; '.join(left_out)}")
    return results
