"""The result files of a study: every run in JSON, tables and figures on a page."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

from matplotlib.figure import Figure
from mmengine.config import Config

from macbdf_mm.datasets.annotation import load_annotation
from macbdf_mm.errors import ConfigError
from macbdf_mm.reports.figures.theme import to_png
from macbdf_mm.utils.files import write_atomically, write_json
from studies.result_tables import (
    ACC_MEASURES,
    AUC_MEASURES,
    Results,
    difference_table,
    known_measures,
    measure_table,
)
from studies.runs import without_nan
from studies.study import Study
from studies.study_config import StudySettings

# The part of a page that a command writes; the prose around it stays.
BEGIN = "<!-- written by the command below: begin -->"
END = "<!-- written by the command below: end -->"
_SYNTHETIC = (
    "**Synthetic data**: rendered clips, forged by our own operators. The differences between "
    "the rows are those of this data set, of a small model and of a short schedule; they say "
    "nothing about real video."
)


def read_facts(settings: StudySettings, cfg: Config, command: str) -> dict[str, Any]:
    """Return where the figures of a study come from, by key of its JSON file.

    Args:
        settings: Of the study.
        cfg: The config of one of its variants.
        command: The command that made them, as it was typed.
    """
    annotation = load_annotation(settings.data_root / cfg.train_dataloader.dataset.ann_file)
    return {
        "command": command,
        "dataset": str(annotation.metainfo["dataset"]),
        "is_synthetic": annotation.metainfo.get("synthetic"),
        "num_epochs": cfg.train_cfg.max_epochs,
        "spans_per_clip": Config.fromfile(str(settings.schedule)).spans_per_clip,
        "num_clips": dict(Counter(str(row.split) for row in annotation.rows)),
    }


def describe(facts: Mapping[str, Any], results: Results) -> str:
    """Return the lines of Markdown that stand before the tables.

    Args:
        facts: As :func:`read_facts` returns them.
        results: The finished runs.
    """
    runs = [result for by_seed in results.values() for result in by_seed.values()]
    seeds = sorted({seed for by_seed in results.values() for seed in by_seed})
    seconds = [result["seconds"] for result in runs]
    memory = max(result["peak_memory_mib"] for result in runs)
    clips = ", ".join(f"{number} {split}" for split, number in facts["num_clips"].items())
    states = dict.fromkeys(result["fingerprint"]["code"] for result in runs)
    lines = [
        f"Command: `{facts['command']}`",
        "",
        f"- Data: `{facts['dataset']}`, clips: {clips}.",
        f"- Schedule: {facts['num_epochs']} epochs on inputs decoded once, "
        f"{facts['spans_per_clip']} spans a training clip; thresholds from the validation split.",
        f"- Seeds: {', '.join(map(str, seeds))}. Cells: mean ± standard deviation over the seeds "
        "(lowest to highest).",
        *(
            f"- Hardware: {name}; one core a run."
            for name in dict.fromkeys(result["hardware"] for result in runs)
        ),
        f"- Time: {mean(seconds):.0f} s a run ({min(seconds):.0f} to {max(seconds):.0f}), "
        f"{sum(seconds) / 60:.0f} min of all {len(seconds)}; memory at most {memory:.0f} MiB a "
        "run, of which the decoded inputs are shared pages.",
        *(
            "- Versions: " + ", ".join(f"{name} {number}" for name, number in versions) + "."
            for versions in {tuple(result["versions"].items()) for result in runs}
        ),
    ]
    if len(states) > 1:
        lines.append(f"- The runs are of {len(states)} states of the code: {', '.join(states)}.")
    return "\n".join([_SYNTHETIC, "", *lines] if facts["is_synthetic"] else lines)


class StudyPage:
    """Collects the parts of a study's page, and writes it.

    Args:
        study: What was compared.
        results: The finished runs.
        facts: Where they come from, as :func:`read_facts` returns it.
        folder: The folder of the result files; pictures go to ``images`` beside it.
        work_dir: The folder of the runs.
    """

    def __init__(
        self,
        study: Study,
        results: Results,
        facts: Mapping[str, Any],
        folder: Path,
        work_dir: Path,
    ) -> None:
        self.study = study
        self.results = results
        self.facts = facts
        self.folder = folder
        self.work_dir = work_dir
        self.images = folder.parent / "images"
        self.further: dict[str, Any] = {}
        self._parts = [describe(facts, results)]
        self._pictures: dict[str, bytes] = {}

    def add_tables(self) -> None:
        """Add the tables of AUC and accuracy, and of the differences to the reference."""
        titles, reference = self.study.titles(), self.study.reference
        for heading, measures in (("AUC", AUC_MEASURES), ("Accuracy", ACC_MEASURES)):
            known = known_measures(self.results, measures)
            self.add(f"## {heading}", measure_table(self.results, titles, known))
            if reference in self.results:
                differences = difference_table(self.results, titles, reference, known)
                self.add("Differences, paired by seed:", differences)

    def add(self, *paragraphs: str) -> None:
        """Add paragraphs of Markdown."""
        self._parts.extend(paragraphs)

    def add_figure(self, name: str, figure: Figure, title: str, caption: str) -> None:
        """Add a picture.

        Args:
            name: Of its file, without ``.png``.
            figure: What it shows.
            title: Read where the picture cannot be seen.
            caption: What is to be seen, and how it was made.
        """
        file = f"{self.study.name}_{name}.png"
        self._pictures[file] = to_png(figure)
        link = Path(os.path.relpath(self.images / file, self.folder)).as_posix()
        self._parts.append(f"![{title}]({link})\n\n{caption}")

    def write(self) -> list[Path]:
        """Write page, pictures and JSON, and return their paths.

        Raises:
            ConfigError: If the page is there without its markers.
        """
        page = self.folder / f"{self.study.name}.md"
        runs = self.folder / f"{self.study.name}.json"
        write_section(page, self.study.title, "\n\n".join(self._parts))
        for file, content in self._pictures.items():
            write_atomically(content, self.images / file)
        variants = {
            variant.name: {**asdict(variant), "runs": self.results[variant.name]}
            for variant in self.study.variants
            if variant.name in self.results
        }
        about = {"study": self.study.title, "reference": self.study.reference}
        document = {**about, **self.facts, "variants": variants, **self.further}
        write_json(without_nan(document), runs)
        return [page, runs, *(self.images / file for file in self._pictures)]


def write_section(page: Path, title: str, section: str) -> None:
    """Write what stands between the markers of a page; a new page gets a title and markers.

    Args:
        page: A Markdown file.
        title: Heading of a new page.
        section: Markdown.

    Raises:
        ConfigError: If the page is there without its markers.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else f"# {title}\n\n{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(
            f"{page} has no lines '{BEGIN}' and '{END}' between which the results could go; "
            "put them in, or move the page away."
        )
    write_atomically(f"{before}{begin}\n\n{section.strip()}\n\n{end}{after}", page)
