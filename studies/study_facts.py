"""What has to be said beside the figures of a study: where they come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

from macbdf_mm.datasets.annotation import load_annotation
from studies.result_tables import Results
from studies.seed_statistics import spread
from studies.study_config import StudySettings

_SYNTHETIC = (
    "**Synthetic data**: rendered clips, forged by our own operators. The differences between "
    "the rows are those of this data set, of a small model and of a short schedule; they say "
    "nothing about real video."
)


@dataclass(frozen=True)
class StudyFacts:
    """Where the figures of a study come from.

    Attributes:
        command: The command that made them, as it was typed.
        dataset: Name of the data set.
        is_synthetic: Whether its clips are rendered; None if it does not say.
        num_epochs: Of each run.
        spans_per_clip: Decoded spans of a training clip.
        num_clips: Clips of each split.
    """

    command: str
    dataset: str
    is_synthetic: bool | None
    num_epochs: int
    spans_per_clip: int
    num_clips: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return dict(vars(self))

    def to_markdown(self, results: Results) -> str:
        """Return the lines that stand before the tables.

        Args:
            results: The finished runs.
        """
        runs = [result for by_seed in results.values() for result in by_seed.values()]
        seconds = spread(result["seconds"] for result in runs)
        memory = max(result["peak_memory_mib"] for result in runs)
        clips = ", ".join(f"{number} {split}" for split, number in self.num_clips.items())
        lines = [
            f"Command: `{self.command}`",
            "",
            f"- Data: `{self.dataset}`, clips: {clips}.",
            f"- Schedule: {self.num_epochs} epochs on inputs decoded once, {self.spans_per_clip} "
            "spans a training clip; thresholds from the validation split.",
            f"- Seeds: {', '.join(map(str, _seeds(results)))}. Cells: mean ± standard deviation "
            "over the seeds (lowest to highest).",
            *(f"- Hardware: {name}; one core a run." for name in _distinct(runs, "hardware")),
            f"- Time: {seconds.mean:.0f} s a run ({seconds.low:.0f} to {seconds.high:.0f}), "
            f"{seconds.mean * seconds.count / 60:.0f} min of all {seconds.count}; memory at most "
            f"{memory:.0f} MiB a run, of which the decoded inputs are shared pages.",
            *(
                "- Versions: " + ", ".join(f"{name} {number}" for name, number in versions) + "."
                for versions in {tuple(result["versions"].items()) for result in runs}
            ),
            *_code_lines(runs),
        ]
        return "\n".join([_SYNTHETIC, "", *lines] if self.is_synthetic else lines)


def read_facts(settings: StudySettings, cfg: Config, command: str) -> StudyFacts:
    """Return the facts of a study.

    Args:
        settings: Of the study.
        cfg: The config of one of its runs.
        command: The command that made them, as it was typed.
    """
    annotation = load_annotation(settings.data_root / cfg.train_dataloader.dataset.ann_file)
    splits = [str(row.split) for row in annotation.rows]
    return StudyFacts(
        command=command,
        dataset=str(annotation.metainfo["dataset"]),
        is_synthetic=annotation.metainfo.get("synthetic"),
        num_epochs=cfg.train_cfg.max_epochs,
        spans_per_clip=Config.fromfile(str(settings.schedule)).spans_per_clip,
        num_clips={split: splits.count(split) for split in dict.fromkeys(splits)},
    )


def _seeds(results: Results) -> list[int]:
    return sorted({seed for by_seed in results.values() for seed in by_seed})


def _distinct(runs: list[Mapping[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(result[key] for result in runs))


def _code_lines(runs: list[Mapping[str, Any]]) -> list[str]:
    digests = list(dict.fromkeys(result["fingerprint"]["code"] for result in runs))
    if len(digests) == 1:
        return []
    return [f"- The runs are of {len(digests)} states of the code: {', '.join(digests)}."]
