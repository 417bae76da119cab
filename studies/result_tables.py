"""Figures over seeds: how they spread, how two variants differ, and the tables of them."""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.utils.tables import markdown_table

Results = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Results by name of the variant and seed."""

# Title -> key of the test's figures.
_AUC, _ACC, _BALANCED_ACC = (METRIC_TABLE[name] for name in ("auc", "acc", "balanced_acc"))
AUC_MEASURES = {
    **{f"{track} {_AUC.label}": _AUC.key(track) for track in TRACKS},
    # Clips whose track is fake in part only: there the clip's label does not help.
    **{
        f"{track} frame {_AUC.label}": f"{track}/frame_{_AUC.name}_partial" for track in STEP_TRACKS
    },
}
ACC_MEASURES = {
    **{f"{track} {_ACC.label}": _ACC.key(track) for track in TRACKS},
    f"overall {_BALANCED_ACC.label}": _BALANCED_ACC.key("overall"),
}


def known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are known: neither None nor NaN."""
    return [value for value in values if value is not None and not math.isnan(value)]


def mean_and_std(values: Iterable[float | None]) -> tuple[float, float]:
    """Return mean and standard deviation (divisor n - 1) of the known values.

    NaN for a mean of none, and for a deviation of fewer than two.
    """
    found = known(values)
    mean = statistics.fmean(found) if found else math.nan
    return mean, statistics.stdev(found) if len(found) > 1 else math.nan


def spread(values: Iterable[float | None], sign: str = "") -> str:
    """Return mean, standard deviation and range of the known values as text.

    A single one stands alone, and a dash for none.

    Args:
        values: Of several seeds.
        sign: ``+`` to write plus signs, as for differences.
    """
    found = known(values)
    if not found:
        return "-"
    mean, std = mean_and_std(found)
    if len(found) == 1:
        return f"{mean:{sign}.3f}"
    return f"{mean:{sign}.3f} ± {std:.3f} ({min(found):{sign}.3f} to {max(found):{sign}.3f})"


def paired_differences(
    values: Mapping[int, float | None], reference: Mapping[int, float | None]
) -> list[float]:
    """Return ``values - reference`` for each seed for which both are known.

    Runs of one seed begin with the same random numbers and see the clips in the same order, so
    the differences spread less than the figures themselves.

    Args:
        values: A figure by seed.
        reference: The same figure of the variant to compare with.
    """
    pairs = [(value, reference.get(seed)) for seed, value in values.items()]
    return known(a - b for a, b in pairs if a is not None and b is not None)


def epoch_values(
    results: Results, variant: str, group: str, key: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the epochs, shape (N,), and a figure of each run, shape (S, N), NaN where unknown.

    Args:
        results: The finished runs.
        variant: Name of the variant.
        group: Of the epochs' records: ``losses``, ``om_pareto``, ``val`` or ``test``.
        key: Of the figure in that group.
    """
    runs = [results[variant][seed]["epochs"] for seed in sorted(results.get(variant, {}))]
    epochs = sorted({record["epoch"] for records in runs for record in records})
    values = np.full((len(runs), len(epochs)), np.nan)
    for row, records in enumerate(runs):
        for record in records:
            value = record[group].get(key)
            if value is not None:
                values[row, epochs.index(record["epoch"])] = value
    return np.array(epochs, dtype=np.float64), values


def figure_by_seed(results: Results, variant: str, key: str) -> dict[int, float | None]:
    """Return a figure of the end result of a variant's runs, None where it is not defined."""
    return {seed: result["final"].get(key) for seed, result in results.get(variant, {}).items()}


def known_measures(results: Results, measures: Mapping[str, str]) -> dict[str, str]:
    """Return the measures that at least one run has."""
    finals = [result["final"] for runs in results.values() for result in runs.values()]
    return {
        title: key
        for title, key in measures.items()
        if any(final.get(key) is not None for final in finals)
    }


def measure_table(results: Results, titles: Mapping[str, str], measures: Mapping[str, str]) -> str:
    """Return a Markdown table: one row a variant, mean ± deviation (range) of each measure.

    Args:
        results: The finished runs.
        titles: Title of each variant by name, in the order of the rows.
        measures: Key of each measure by its title.
    """
    rows = []
    for name in titles:
        if name in results:
            by_seed = [figure_by_seed(results, name, key) for key in measures.values()]
            cells = [spread(figures.values()) for figures in by_seed]
            rows.append([titles[name], str(len(results[name])), *cells])
    return markdown_table(["variant", "seeds", *measures], rows)


def difference_table(
    results: Results, titles: Mapping[str, str], reference: str, measures: Mapping[str, str]
) -> str:
    """Return a Markdown table of the differences to a reference, paired by seed."""
    rows = []
    for name in titles:
        if name == reference or name not in results:
            continue
        differences = [
            paired_differences(
                figure_by_seed(results, name, key), figure_by_seed(results, reference, key)
            )
            for key in measures.values()
        ]
        count = max(map(len, differences), default=0)
        rows.append([titles[name], str(count), *(spread(each, "+") for each in differences)])
    return markdown_table([f"minus {titles[reference]}", "pairs", *measures], rows)
