"""Which of several detectors is better on the same clips, from their score files.

What other clips would say and what other training seeds would say are two questions: the answers
stand apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, takewhile
from pathlib import Path

import numpy as np

from macbdf_mm.errors import ArgumentError, ConfigError
from macbdf_mm.evaluation.functional.cluster_bootstrap import (
    Bootstrapped,
    ClusterReport,
    cluster_bootstrap,
)
from macbdf_mm.evaluation.functional.comparison import (
    Difference,
    SeedDifference,
    SeedSpread,
    compare_bootstraps,
    compare_seeds,
    holm,
    seed_spread,
)
from macbdf_mm.evaluation.functional.delong import AucDifference, compare_aucs
from macbdf_mm.evaluation.functional.detection import has_both_classes
from macbdf_mm.evaluation.functional.weighted_clips import Labels, Scores
from macbdf_mm.evaluation.measures import always_fake
from macbdf_mm.evaluation.metric_table import METRIC_TABLE, Metric
from macbdf_mm.evaluation.score_file import ScoreSet
from macbdf_mm.evaluation.scored_clips import MissingPolicy, ScoredClips, fill_missing
from macbdf_mm.evaluation.video_scores import VideoScores, clip_keys
from macbdf_mm.utils.counted import counted

Key = tuple[str, ...]


@dataclass(frozen=True)
class System:
    """A detector and what it scored.

    Attributes:
        name: What it is called.
        runs: Scores of the same clips, one set a training seed.
    """

    name: str
    runs: Sequence[ScoreSet]


@dataclass(frozen=True, eq=False)
class CommonClips:
    """The clips that all systems are compared on.

    Attributes:
        labels: (N,) of the track.
        scores: By system one array (S, N), a row for each of its S runs.
        clips: The clips, with the scores of the first run of the first system, and the groups
            that any file states.
        num_clips: By system how many clips its files have.
        num_unlabelled: Clips of all systems that have no label of the track.
        num_unscored: Labelled clips that were left out since a run has no score for them.
        coverage: By system how many of the labelled clips that all files have were scored by each
            of its runs, and how many there are; whatever the policy for the others.
    """

    labels: Labels
    scores: dict[str, Scores]
    clips: ScoredClips
    num_clips: dict[str, int]
    num_unlabelled: int
    num_unscored: int
    coverage: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Pair:
    """Two systems, compared.

    Attributes:
        names: Of the first and of the second.
        differences: First minus second by metric, by the paired bootstrap of clusters. The
            p-values are adjusted by Holm for the number of pairs, each metric for itself; they are
            NaN if a class has fewer than 10 clusters.
        auc: DeLong's test of the areas, over clusters; its p-value is adjusted likewise.
        seeds: The AUC over training seeds; None unless both have two runs or more.
    """

    names: tuple[str, str]
    differences: dict[str, Difference]
    auc: AucDifference
    seeds: SeedDifference | None


@dataclass(frozen=True, eq=False)
class SystemComparison:
    """Several systems on the same clips.

    Attributes:
        track: Whose scores were compared.
        common: The clips.
        spreads: By system and metric the mean over its runs and their spread.
        pairs: Every two systems.
        clusters: What the intervals resample.
        always_fake: The figures of calling all of these clips fake, to be read beside the others.
        missing: What was done about clips without a score.
        num_resamples: Of the intervals.
        dataset: Names of the data sets, None if no file says them.
        is_synthetic: Whether the files say that clips are rendered; None if none says anything.
    """

    track: str
    common: CommonClips
    spreads: dict[str, dict[str, SeedSpread]]
    pairs: list[Pair]
    clusters: ClusterReport
    always_fake: Mapping[str, float]
    missing: MissingPolicy
    num_resamples: int
    dataset: str | None
    is_synthetic: bool | None


def system_names(paths: Sequence[str]) -> list[str]:
    """Return short names for score files: their stems, or the folders in which they differ.

    Args:
        paths: Of the files; where no part tells all of them apart, the names are the paths.
    """
    stems = [Path(path).stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    parts = [Path(path).parts for path in paths]
    start = _num_shared(parts)
    end = _num_shared([own[start:][::-1] for own in parts])
    differing = [own[start : len(own) - end] for own in parts]
    if not all(differing) or len(set(differing)) < len(differing):
        return list(paths)
    return [str(Path(*own)) for own in differing]


def _num_shared(parts: Sequence[Sequence[str]]) -> int:
    """Return how many parts all begin with."""
    columns = zip(*parts, strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def compared_metrics() -> list[Metric]:
    """Return the metrics of the table that can say which of two detectors is better."""
    return [
        metric
        for metric in METRIC_TABLE.values()
        if metric.has_interval and metric.higher_is_better is not None
    ]


def compare_systems(
    systems: Sequence[System],
    track: str = "overall",
    missing: MissingPolicy = "exclude",
    intersect: bool = False,
    num_resamples: int = 1000,
) -> SystemComparison:
    """Return how the systems differ in all metrics, with intervals and tests.

    Args:
        systems: Two or more, of different names.
        track: Whose scores are compared.
        missing: What is done about clips without a score; ``'exclude'`` leaves out those that any
            run lacks.
        intersect: Compare on the clips that all files have, rather than refuse different ones.
        num_resamples: Of the bootstrap.

    Raises:
        ValueError: If there are fewer than two systems, two have one name, or a class is missing.
        ConfigError: If the files are of different clips, or disagree on labels.
    """
    if len(systems) < 2 or len({system.name for system in systems}) < len(systems):
        names = ", ".join(system.name for system in systems)
        raise ArgumentError(
            f"Expected two or more detectors of different names, got {names}: give each score file "
            "once, or each detector a name of its own by --system NAME FILE."
        )
    common = common_clips(systems, track, missing, intersect)
    if not has_both_classes(common.labels):
        raise ArgumentError(
            "Expected real and fake clips with a score of all systems, got "
            f"{counted(common.labels.size, 'clip')}, {int(common.labels.sum())} fake."
        )
    clusters = common.clips.clusters
    drawn: dict[str, list[Bootstrapped]] = {}
    for system in systems:
        drawn[system.name] = [
            cluster_bootstrap(
                common.labels,
                scores,
                clusters,
                {m.name: m.measure(run.thresholds[track]) for m in compared_metrics()},
                num_resamples=num_resamples,
            )
            for scores, run in zip(common.scores[system.name], system.runs, strict=True)
        ]
    spreads = {
        name: {m.name: _spread(runs, m.name) for m in compared_metrics()}
        for name, runs in drawn.items()
    }
    pairs = [
        Pair(
            (a.name, b.name),
            compare_bootstraps(drawn[a.name], drawn[b.name]).differences,
            compare_aucs(common.labels, common.scores[a.name], common.scores[b.name], clusters),
            _over_seeds(drawn[a.name], drawn[b.name]),
        )
        for a, b in combinations(systems, 2)
    ]
    report = next(iter(drawn.values()))[0].clusters
    runs = [run for system in systems for run in system.runs]
    known = [run.is_synthetic for run in runs if run.is_synthetic is not None]
    return SystemComparison(
        track,
        common,
        spreads,
        _adjusted(pairs) if report.is_reliable else [_without_p_values(pair) for pair in pairs],
        report,
        always_fake(common.clips, track),
        missing,
        num_resamples,
        runs[0].dataset,
        any(known) if known else None,
    )


def common_clips(
    systems: Sequence[System], track: str, missing: MissingPolicy, intersect: bool
) -> CommonClips:
    """Return the clips that all runs of all systems have; arguments as of compare_systems.

    Raises:
        ConfigError: If the clips differ and are not to be intersected, or their labels differ.
    """
    runs = [(system.name, run) for system in systems for run in system.runs]
    tables = [_by_key(name, run, missing) for name, run in runs]
    keys = set(tables[0]).intersection(*tables[1:])
    if not intersect:
        _refuse_other_clips(runs, tables)
    if not keys:
        raise ConfigError("The score files have no clip in common, so nothing can be compared.")
    ordered = sorted(keys)
    columns = [ScoredClips.of([table[key] for key in ordered]) for table in tables]
    labels = columns[0].labels[track]
    for (name, _), other in zip(runs[1:], columns[1:], strict=True):
        if (differs := other.labels[track] != labels).any():
            clip = ordered[int(np.argmax(differs))][1]
            raise ConfigError(
                f"The score files of {runs[0][0]} and {name} disagree on the {track} label of "
                f"{counted(int(differs.sum()), 'clip')}, such as '{clip}': use the same annotation "
                "for both."
            )
    is_labelled = labels >= 0
    has_scores = ~np.isnan([column.scores[track] for column in columns]).any(axis=0)
    chosen = is_labelled & has_scores
    is_covered = {system.name: is_labelled for system in systems}
    for name, run in runs:
        own = dict(zip(clip_keys(run.videos, name), run.videos, strict=True))
        scored = np.array([not math.isnan(own[key].scores[track]) for key in ordered])
        is_covered[name] = is_covered[name] & scored
    scores: dict[str, list[Scores]] = {}
    for (name, _), column in zip(runs, columns, strict=True):
        scores.setdefault(name, []).append(column.scores[track][chosen])
    places = np.flatnonzero(chosen)
    return CommonClips(
        labels[chosen],
        {name: np.stack(rows) for name, rows in scores.items()},
        ScoredClips.of([_with_all_groups(columns, int(place)) for place in places]),
        {name: len(table) for (name, _), table in zip(runs, tables, strict=True)},
        int((~is_labelled).sum()),
        int((is_labelled & ~has_scores).sum()),
        {name: (int(own.sum()), int(is_labelled.sum())) for name, own in is_covered.items()},
    )


def _with_all_groups(columns: Sequence[ScoredClips], place: int) -> VideoScores:
    """Return a clip of the first file with what any file says of its person and recording.

    Imported scores often know neither. Where files differ, the first that says something counts.
    """
    groups: dict[str, str] = {}
    for column in reversed(columns):
        groups |= {name: text for name, text in column.videos[place].groups.items() if text}
    return replace(columns[0].videos[place], groups=groups)


def _by_key(name: str, run: ScoreSet, missing: MissingPolicy) -> dict[Key, VideoScores]:
    videos = fill_missing(run.videos, missing)
    return dict(zip(clip_keys(videos, name), videos, strict=True))


def _refuse_other_clips(
    runs: Sequence[tuple[str, ScoreSet]], tables: Sequence[Mapping[Key, VideoScores]]
) -> None:
    first = tables[0]
    for (name, _), table in zip(runs[1:], tables[1:], strict=True):
        if table.keys() != first.keys():
            only = [sorted(first.keys() - table.keys()), sorted(table.keys() - first.keys())]
            example = (only[0] or only[1])[0][1]
            raise ConfigError(
                f"The score files are of different clips: {len(only[0])} of {len(first)} are in "
                f"that of {runs[0][0]} alone and {len(only[1])} of {len(table)} in that of {name} "
                f"alone, such as '{example}'; --intersection compares the others."
            )


def _spread(runs: Sequence[Bootstrapped], name: str) -> SeedSpread:
    values = [run.estimates[name].value for run in runs]
    if any(map(math.isnan, values)):
        return SeedSpread(math.nan, math.nan, math.nan, math.nan, len(values))
    return seed_spread(values)


def _over_seeds(
    runs_a: Sequence[Bootstrapped], runs_b: Sequence[Bootstrapped]
) -> SeedDifference | None:
    first, second = ([run.estimates["auc"].value for run in runs] for runs in (runs_a, runs_b))
    return compare_seeds(first, second) if min(len(first), len(second)) > 1 else None


def _without_p_values(pair: Pair) -> Pair:
    """Return a pair of which no test is believed: of a few clusters, chance is underestimated."""
    differences = {
        name: difference._replace(p_value=math.nan) for name, difference in pair.differences.items()
    }
    return replace(pair, differences=differences, auc=pair.auc._replace(p_value=math.nan))


def _adjusted(pairs: Sequence[Pair]) -> list[Pair]:
    areas = holm([pair.auc.p_value for pair in pairs])
    others = {
        name: holm([pair.differences[name].p_value for pair in pairs])
        for name in pairs[0].differences
    }
    return [
        Pair(
            pair.names,
            {
                name: difference._replace(p_value=others[name][place])
                for name, difference in pair.differences.items()
            },
            pair.auc._replace(p_value=areas[place]),
            pair.seeds,
        )
        for place, pair in enumerate(pairs)
    ]
