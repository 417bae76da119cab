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
from macbdf_mm.structures.labels import TRACKS
from macbdf_mm.utils.files import write_atomically, write_json
from studies.clip_scores import (
    SCORES_FILE,
    ClipScores,
    clip_interval,
    further_scores_file,
    mismatched_auc,
    read_clip_scores,
    track_auc,
)
from studies.collapse import collapsed_seeds
from studies.encoders import starting_digest
from studies.result_tables import (
    ACC_MEASURES,
    AUC_MEASURES,
    OVERALL_AUC,
    Results,
    difference_table,
    figure_by_seed,
    known_measures,
    measure_table,
)
from studies.runs import run_folder, without_nan
from studies.seed_statistics import mean_and_std, paired_differences, t_interval
from studies.study import FULL, Group, Study
from studies.study_config import StudySettings

# The parts of a page that a command writes; the prose around them stays.
_RESULTS, _VERDICT = "results", "verdict"
_SEEDS_WANTED = 10
_SYNTHETIC = (
    "**Synthetic data**: rendered clips, forged by our own operators. The differences between "
    "the rows are those of this data set, of a small model and of a short schedule; they say "
    "nothing about real video."
)


_CELLS = (
    "Figures are means ± standard deviations over the seeds. Differences are paired by seed, with "
    "their 95 % interval over the seeds (Student's t). Beside it stands the 95 % bootstrap "
    "interval over the test clips of the mean of all seeds: how far the difference could move had "
    "other clips been tested with these weights. The seeds needed are those with which a paired "
    "t-test at 5 % would see a true difference of that size in four of five studies."
)


def read_facts(settings: StudySettings, cfg: Config, command: str) -> dict[str, Any]:
    """Return where the figures of a study come from, by key of its JSON file.

    Args:
        settings: Of the study.
        cfg: The config of one of its variants.
        command: The command that made them, as it was typed.
    """
    schedule = Config.fromfile(str(settings.schedule))
    annotation = load_annotation(settings.data_root / cfg.train_dataloader.dataset.ann_file)
    return {
        "command": command,
        "dataset": str(annotation.metainfo["dataset"]),
        "is_synthetic": annotation.metainfo.get("synthetic"),
        "num_epochs": cfg.train_cfg.max_epochs,
        "encoders": starting_digest(cfg.model),
        "spans_per_clip": schedule.spans_per_clip,
        "left_out": list(schedule.get("left_out_transforms", ())),
        "further_tests": list(schedule.further_tests),
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
    num_other = sum(bool(result.get("is_of_other_code")) for result in runs)
    scorings = {result.get("scoring") for result in runs}
    lines = [
        f"Command: `{facts['command']}`",
        "",
        f"- Data: `{facts['dataset']}`, clips: {clips}.",
        f"- Start: {_describe_start(facts)}",
        f"- Schedule: {facts['num_epochs']} epochs on inputs decoded once, "
        f"{facts['spans_per_clip']} spans a training clip; thresholds from the validation split."
        + (f" Left out of training: {', '.join(facts['left_out'])}." if facts["left_out"] else ""),
        f"- Seeds: {', '.join(map(str, seeds))}.",
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
    if num_other:
        lines.append(f"- {num_other} of {len(runs)} runs are of an earlier state of the code.")
    if len(scorings) > 1:
        lines.append(
            f"- Accuracies and frame AUCs were computed by {len(scorings)} states of the code."
        )
    lines += ["", _CELLS]
    return "\n".join([_SYNTHETIC, "", *lines] if facts["is_synthetic"] else lines)


def _describe_start(facts: Mapping[str, Any]) -> str:
    if facts["encoders"] == "random":
        return "random weights throughout."
    trained = facts.get("encoder_training")
    words = (
        f"the two encoders come from one checkpoint (weights {facts['encoders']}), all else is "
        "random by seed."
    )
    if trained:
        words += (
            f" They were trained for {trained['num_epochs']} epochs without towers, with plain "
            f"fusion and the plain sum ({trained['seconds']:.0f} s); tested like that, video AUC "
            f"is {trained['video_auc']:.3f}, audio AUC {trained['audio_auc']:.3f}."
        )
    return words


def verdict(study: Study, results: Results, remarks: Mapping[str, str]) -> str:
    """Return the sentence on whether the reference is ahead of the baseline, from the results.

    By the interval over seeds of the difference in overall AUC at equal epochs.

    Args:
        study: With a baseline.
        results: The finished runs.
        remarks: By name of a variant: why its figures do not count.
    """
    titles = study.titles()
    model = "The whole model" if study.reference == FULL else titles[study.reference]
    baseline = titles[str(study.baseline)]
    for name in (study.reference, str(study.baseline)):
        if name in remarks:
            return (
                f"**{model} cannot be compared with {baseline}**: in {titles[name]}, "
                f"{remarks[name]}."
            )
    differences = paired_differences(
        figure_by_seed(results, study.reference, OVERALL_AUC),
        figure_by_seed(results, str(study.baseline), OVERALL_AUC),
    )
    if len(differences) < _SEEDS_WANTED:
        return (
            f"**Whether {model[0].lower()}{model[1:]} is ahead of {baseline} is not known**: "
            f"{len(differences)} seeds were compared, and {_SEEDS_WANTED} are wanted."
        )
    difference, std = mean_and_std(differences)
    low, high = t_interval(differences)
    relation = "ahead of" if low > 0 else "behind" if high < 0 else "neither ahead of nor behind"
    return (
        f"**{model} is {relation} {baseline} at equal epochs**: overall AUC {difference:+.4f}, "
        f"95 % interval [{low:+.4f}, {high:+.4f}], paired over {len(differences)} seeds "
        f"(standard deviation {std:.4f}; ahead in {sum(each > 0 for each in differences)})."
    )


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
        self._scores: dict[tuple[str, int, str], ClipScores | None] = {}
        self.remarks = {
            name: f"contrast collapsed in {len(seeds)} of {len(results[name])} runs"
            for name in results
            if (seeds := collapsed_seeds(results[name]))
        }

    def add_tables(self) -> None:
        """Add the tables of the study's groups, and that of the accuracies."""
        results = self._with_scores()
        for group in self.study.tables():
            self._add_table(group, results)
        known = known_measures(results, ACC_MEASURES)
        if known:
            accuracies = measure_table(results, self.study.titles(), known, self.remarks)
            self.add("## Accuracy", accuracies)

    def _add_table(self, group: Group, results: Results) -> None:
        titles = {name: self.study.titles()[name] for name in group.variants}
        reference = group.variants[0]
        shown = {name: results[name] for name in group.variants if name in results}
        measures = known_measures(shown, AUC_MEASURES if group.measures is None else group.measures)
        # Without rows of its own, a table would repeat the reference.
        if not measures or (set(shown) == {reference} and group != self.study.tables()[0]):
            return
        self.add(f"## {group.title}", *filter(None, [group.note]))
        self.add(measure_table(shown, titles, measures, self.remarks))
        if reference in shown and len(shown) > 1:
            over_clips = {}
            if next(iter(measures.values())) == OVERALL_AUC:
                over_clips = self._over_clips(list(shown), reference)
                self.further.setdefault("over_clips", {})[group.name] = over_clips
            self.add(difference_table(shown, titles, reference, measures, over_clips, self.remarks))

    def _over_clips(self, names: list[str], reference: str) -> dict[str, tuple[float, float]]:
        """Return the intervals over clips of the differences in overall AUC to a reference."""
        intervals = {}
        for name in names:
            seeds = sorted(set(self.results[name]) & set(self.results[reference]))
            found = [
                (self._scores_of(name, seed), self._scores_of(reference, seed)) for seed in seeds
            ]
            pairs = [(a, b) for a, b in found if a is not None and b is not None]
            if name != reference and pairs:
                intervals[name] = clip_interval([a for a, _ in pairs], [b for _, b in pairs])
        return intervals

    def _with_scores(self) -> Results:
        """Return the results with figures that are computed from the clips' scores."""
        wanted = {key for group in self.study.tables() for key in (group.measures or {}).values()}
        if not wanted - set(AUC_MEASURES.values()):
            return self.results
        return {
            name: {
                seed: {**result, "final": {**result["final"], **self._figures(name, seed)}}
                for seed, result in runs.items()
            }
            for name, runs in self.results.items()
        }

    def _figures(self, name: str, seed: int) -> dict[str, float]:
        """Return AUCs of parts of the test and of further tests, such as ``overall/mismatched``."""
        figures: dict[str, float] = {}
        for track in TRACKS:
            if (clips := self._scores_of(name, seed)) is not None:
                figures[f"{track}/mismatched"] = mismatched_auc(clips, track)
            for test in self.facts.get("further_tests", ()):
                if (clips := self._scores_of(name, seed, further_scores_file(test))) is not None:
                    figures[f"{track}/{test}"] = track_auc(clips, track)
        return figures

    def _scores_of(self, name: str, seed: int, file: str = SCORES_FILE) -> ClipScores | None:
        key = name, seed, file
        if key not in self._scores:
            path = run_folder(self.work_dir, name, seed) / file
            self._scores[key] = read_clip_scores(path) if path.is_file() else None
        return self._scores[key]

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
        sections = {_RESULTS: "\n\n".join(self._parts)}
        if self.study.baseline is not None:
            line = verdict(self.study, self.results, self.remarks)
            sections = {_VERDICT: line, **sections}
            self.further["verdict"] = line
        write_sections(page, self.study.title, sections)
        for file, content in self._pictures.items():
            write_atomically(content, self.images / file)
        variants = {
            variant.name: {**asdict(variant), "runs": self.results[variant.name]}
            for variant in self.study.variants
            if variant.name in self.results
        }
        about = {"study": self.study.title, "reference": self.study.reference}
        document = {**about, **self.facts, "variants": variants, **self.further}
        write_json(_rounded(without_nan(document)), runs)
        return [page, runs, *(self.images / file for file in self._pictures)]


def _rounded(value: Any) -> Any:
    """Return a plain value with floats of five significant digits: tables show three.

    The folders of the runs keep all digits; a hundred runs would fill megabytes here.
    """
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def write_sections(page: Path, title: str, sections: Mapping[str, str]) -> None:
    """Write what stands between the markers of a page; a new page gets a title and markers.

    Args:
        page: A Markdown file.
        title: Heading of a new page.
        sections: Markdown, by the name in its markers.

    Raises:
        ConfigError: If the page is there without its markers.
    """
    if page.is_file():
        text = page.read_text(encoding="utf-8")
    else:
        text = f"# {title}\n" + "".join("\n{}\n{}\n".format(*markers(name)) for name in sections)
    for name, section in sections.items():
        begin, end = markers(name)
        before, found_begin, rest = text.partition(begin)
        _, found_end, after = rest.partition(end)
        if not found_begin or not found_end:
            raise ConfigError(
                f"{page} has no lines '{begin}' and '{end}' between which the {name} could go; "
                "put them in, or move the page away."
            )
        text = f"{before}{begin}\n\n{section.strip()}\n\n{end}{after}"
    write_atomically(text, page)


def markers(name: str) -> tuple[str, str]:
    """Return the lines before and after a section that a command writes."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
