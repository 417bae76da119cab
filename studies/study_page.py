"""The result files of a study: every run in JSON, tables and figures on a page."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from macbdf_mm.reports.figures.theme import to_png
from macbdf_mm.utils.files import write_atomically
from studies.marked_section import write_section
from studies.result_tables import (
    ACC_MEASURES,
    AUC_MEASURES,
    Results,
    difference_table,
    known_measures,
    measure_table,
)
from studies.run_folder import without_nan
from studies.study_facts import StudyFacts
from studies.variant import Study


class StudyPage:
    """Collects the parts of a study's page, and writes it.

    Args:
        study: What was compared.
        results: The finished runs.
        facts: Where they come from.
        folder: The folder of the result files; pictures go to ``images`` beside it.
    """

    def __init__(self, study: Study, results: Results, facts: StudyFacts, folder: Path) -> None:
        self.study = study
        self.results = results
        self.facts = facts
        self.folder = folder
        self.images = folder.parent / "images"
        self.further: dict[str, Any] = {}
        self._parts = [facts.to_markdown(results)]
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
        write_atomically((json.dumps(self._json(), indent=1) + "\n").encode(), runs)
        return [page, runs, *(self.images / file for file in self._pictures)]

    def _json(self) -> dict[str, Any]:
        variants: Mapping[str, Any] = {
            variant.name: {
                **asdict(variant),
                "runs": {str(seed): result for seed, result in self.results[variant.name].items()},
            }
            for variant in self.study.variants
            if variant.name in self.results
        }
        content = {
            "study": self.study.title,
            "reference": self.study.reference,
            **self.facts.to_json(),
            "variants": variants,
            **self.further,
        }
        plain: dict[str, Any] = without_nan(content)
        return plain
