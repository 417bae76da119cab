"""What a comparison of detectors says: sentences, tables and plain values."""

import math
from typing import Any

from macbdf_mm.evaluation.functional.clusters import MIN_CLUSTERS
from macbdf_mm.evaluation.functional.comparison import SeedSpread
from macbdf_mm.evaluation.metric_table import UNDEFINED, Metric
from macbdf_mm.evaluation.system_comparison import Pair, SystemComparison, compared_metrics
from macbdf_mm.reports.score_tables import POLICY_WORDS, SYNTHETIC
from macbdf_mm.reports.tables import Table, p_value_text, share_text, signed, signed_range
from macbdf_mm.utils.counted import counted
from macbdf_mm.utils.tables import printable

_SIGNIFICANCE = 0.05


def comparison_tables(found: SystemComparison) -> dict[str, Table]:
    """Return the tables of a comparison by their titles."""
    metrics = compared_metrics()
    title = f"{counted(found.common.labels.size, 'clip')}, {found.track} score"
    if any(spread["auc"].num_seeds > 1 for spread in found.spreads.values()):
        title += "; mean over training seeds and standard deviation"
    tables = {
        title: Table(
            ("", *found.spreads, f'"always fake", {found.track}'),
            [
                *(
                    (
                        metric.label,
                        *(_mean(metric, own[metric.name]) for own in found.spreads.values()),
                        metric.format(found.always_fake[metric.name]),
                    )
                    for metric in metrics
                ),
                ("scored of labelled", *map(share_text, found.common.coverage.values()), ""),
            ],
        )
    }
    for pair in found.pairs:
        tables[f"{pair.names[0]} minus {pair.names[1]}"] = Table(
            ("", "difference", "95 % interval", "p (bootstrap)", "better"),
            [_row(metric, pair) for metric in metrics],
        )
    return tables


def comparison_sentences(found: SystemComparison) -> list[str]:
    """Return for each pair which is better and how sure, then what all of it rests on."""
    sentences = [_sentence(pair, found) for pair in found.pairs]
    common, clusters = found.common, found.clusters
    name = f"Data set {printable(found.dataset)}" if found.dataset else "A data set without a name"
    sentences.append(f"{name}: {counted(common.labels.size, 'clip')} compared.")
    if found.is_synthetic:
        sentences.append(SYNTHETIC)
    left_out = (
        f"left out: {counted(common.num_unscored, 'labelled clip')} without a score of every run, "
        f"{common.num_unlabelled} without a label"
    )
    num_in_files = max(common.num_clips.values())
    num_left = num_in_files - common.labels.size - common.num_unscored - common.num_unlabelled
    if num_left or len(set(common.num_clips.values())) > 1:
        counts = ", ".join(f"{name} {number}" for name, number in common.num_clips.items())
        left_out += f", and clips that not all files have (in the files: {counts})"
    sentences.append(
        f"Clips without a score {POLICY_WORDS[found.missing]} (policy {found.missing}); {left_out}."
    )
    sentences.append(
        f"Intervals and tests take {counted(clusters.num_clusters, 'cluster')} of clips (by "
        f"{clusters.kind}) as independent; {counted(found.num_resamples, 'resample')}."
    )
    if not clusters.is_reliable:
        sentences.append(
            f"Real clips are in {counted(clusters.num_real_clusters, 'cluster')} and fakes in "
            f"{clusters.num_fake_clusters}: with fewer than {MIN_CLUSTERS} of either, intervals "
            "are too narrow, and no p-values are given."
        )
    return sentences


def comparison_to_json(found: SystemComparison) -> dict[str, Any]:
    """Return a comparison as plain values, null for what is not defined."""
    return {
        "track": found.track,
        "dataset": found.dataset,
        "is_synthetic": found.is_synthetic,
        "missing": found.missing,
        "coverage": {name: list(own) for name, own in found.common.coverage.items()},
        "always_fake": _plain(dict(found.always_fake)),
        "num_clips": int(found.common.labels.size),
        "num_unscored": found.common.num_unscored,
        "num_unlabelled": found.common.num_unlabelled,
        "clusters": vars(found.clusters),
        "systems": {
            name: {metric: _plain(spread._asdict()) for metric, spread in own.items()}
            for name, own in found.spreads.items()
        },
        "pairs": [
            {
                "names": list(pair.names),
                "auc_delong": _plain(pair.auc._asdict()),
                "bootstrap": {
                    name: _plain(difference._asdict())
                    for name, difference in pair.differences.items()
                },
                "seeds": pair.seeds and _plain(pair.seeds._asdict()),
            }
            for pair in found.pairs
        ],
        "verdicts": comparison_sentences(found),
    }


def _sentence(pair: Pair, found: SystemComparison) -> str:
    """Return the verdict on two systems, by DeLong's test of the areas."""
    auc = pair.auc
    # The better one first.
    sign = -1 if auc.difference < 0 else 1
    first, second = pair.names[::sign]
    of_first, of_second = (auc.auc_a, auc.auc_b)[::sign]
    low, high = sorted((sign * auc.low, sign * auc.high))
    figures = (
        f"{found.track} AUC {of_first:.4f} against {of_second:.4f}, difference "
        f"{sign * auc.difference:+.4f} (95 % interval {low:+.4f} to {high:+.4f}; "
        f"{_p(auc.p_value)} by DeLong's test over clusters"
    )
    if len(found.pairs) > 1:
        figures += f", adjusted by Holm for {len(found.pairs)} comparisons"
    figures += ")"
    if math.isnan(auc.p_value):
        verdict = (
            f"Whether {first} is better than {second} on clips like these cannot be said: "
            f"{found.track} AUC {of_first:.4f} against {of_second:.4f}, but the clips are of "
            f"{counted(found.clusters.num_clusters, 'cluster')} only"
        )
    elif auc.p_value < _SIGNIFICANCE:
        verdict = f"{first} is better than {second} on clips like these: {figures}"
    else:
        verdict = (
            f"Neither {first} nor {second} is shown to be better on clips like these: {figures}"
        )
    if pair.seeds is None:
        runs = max(found.spreads[name]["auc"].num_seeds for name in pair.names)
        if runs > 1:
            return f"{verdict}. Nothing is known of other training seeds: both need two runs."
        return f"{verdict}; what other training seeds would give, one run of each cannot say."
    seeds = pair.seeds
    holds = "holds" if seeds.p_value < _SIGNIFICANCE else "is not shown"
    low, high = sorted((sign * seeds.low, sign * seeds.high))
    return (
        f"{verdict}. Over training seeds the difference {holds}: {sign * seeds.difference:+.4f} "
        f"({signed_range(low, high, digits=4)}; {_p(seeds.p_value)} by Welch's test)."
    )


def _row(metric: Metric, pair: Pair) -> tuple[str, ...]:
    found = pair.differences[metric.name]
    if math.isnan(found.difference):
        return (metric.label, *[UNDEFINED] * 4)
    better = p_value = UNDEFINED
    if not math.isnan(found.p_value):
        p_value = p_value_text(found.p_value)
    if found.p_value < _SIGNIFICANCE:
        better = pair.names[(found.difference > 0) != bool(metric.higher_is_better)]
    interval = signed_range(found.low, found.high, digits=4)
    return (metric.label, signed(found.difference, digits=4), interval, p_value, better)


def _mean(metric: Metric, spread: SeedSpread) -> str:
    text = metric.format(spread.mean)
    if spread.num_seeds == 1 or math.isnan(spread.standard_deviation):
        return text
    return f"{text} +- {metric.format(spread.standard_deviation)} ({spread.num_seeds} seeds)"


def _p(value: float) -> str:
    """Return a p-value as a sentence has it: ``p = 0.012``, ``p < 1e-16``."""
    text = p_value_text(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }
