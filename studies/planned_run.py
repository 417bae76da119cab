"""A run that a study needs, and whether its result is there and still holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from studies.fingerprint import run_fingerprint
from studies.run_folder import RunFolder
from studies.study_config import VariantConfig
from studies.variant import Variant

RUNS_FOLDER = "runs"
_STALE_FOLDER = "stale"


@dataclass(frozen=True)
class PlannedRun:
    """One variant with one seed.

    Attributes:
        variant: What is trained.
        seed: Its seed.
        folder: Where it lies.
        cfg: Its config.
        fingerprint: The digests of what its result follows from.
    """

    variant: Variant
    seed: int
    folder: RunFolder
    cfg: Config
    fingerprint: Mapping[str, str]

    @property
    def label(self) -> str:
        """What it is called in messages."""
        return f"{self.variant.name}, seed {self.seed}"

    def changes(self) -> list[str] | None:
        """Return which of config, data and code have changed since its result; None without one."""
        result = self.folder.read_result()
        if result is None:
            return None
        found = result["fingerprint"]
        return [part for part, digest in self.fingerprint.items() if found.get(part) != digest]

    def valid_result(self, accept_other_code: bool = False) -> dict[str, Any] | None:
        """Return its result, None if there is none that still holds.

        Args:
            accept_other_code: Whether a result of other code holds too.
        """
        changes = self.changes()
        if changes is None or set(changes) - ({"code"} if accept_other_code else set()):
            return None
        return self.folder.read_result()

    def prepare(self) -> None:
        """Write its config, and put a result that no longer holds aside."""
        self.folder.path.mkdir(parents=True, exist_ok=True)
        if self.folder.result.is_file():
            old = self.folder.read_result() or {}
            stale = self.folder.path / _STALE_FOLDER
            stale.mkdir(exist_ok=True)
            name = "_".join(old["fingerprint"].values())
            self.folder.result.rename(stale / f"{name}.json")
        self.cfg.dump(str(self.folder.config))


def run_folder(work_dir: Path, variant: str, seed: int) -> RunFolder:
    """Return the folder of a run in the folder of its study."""
    return RunFolder(work_dir / RUNS_FOLDER / variant / f"seed_{seed}")


def plan_runs(
    variants: Mapping[str, tuple[Variant, VariantConfig]],
    seeds: Mapping[str, Sequence[int]],
    work_dir: Path,
) -> list[PlannedRun]:
    """Return the runs of some variants, seed by seed: an early table then has all variants.

    Args:
        variants: The variants and their configs, by name.
        seeds: The seeds of each.
        work_dir: The folder of the study.
    """
    runs = []
    all_seeds = sorted({seed for name in variants for seed in seeds[name]})
    for seed in all_seeds:
        for name, (variant, config) in variants.items():
            if seed in seeds[name]:
                cfg = config.with_seed(seed)
                folder = run_folder(work_dir, name, seed)
                runs.append(PlannedRun(variant, seed, folder, cfg, run_fingerprint(cfg)))
    return runs
