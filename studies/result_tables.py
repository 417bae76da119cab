"""The tables of a study: figures of each variant, and differences to a reference."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from macbdf_mm.evaluation.metric_table import METRIC_TABLE
from macbdf_mm.structures.labels import STEP_TRACKS, TRACKS
from macbdf_mm.utils.tables import markdown_table
from studies.seed_statistics import (
    known,
    mean_and_std,
    paired_differences,
    seeds_needed,
    t_interval,
)

Results = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Results by name of the variant and seed."""
ClipIntervals = Mapping[str, tuple[float, float]]
"""By name of the variant: how far its difference could move over clips."""

# Title -> key of the test's figures.
_AUC, _ACC, _BALANCED_ACC = (METRIC_TABLE[name] for name in ("auc", "acc", "balanced_acc"))
OVERALL_AUC = _AUC.key("overall")
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
# Differences of AUC that a reader would like to be able to see.
_WANTED_DIFFERENCES = (0.01, 0.02)


def spread(values: Iterable[float | None], sign: str = "") -> str:
    """Return mean and standard deviation of the known values as text.

    A single one stands alone, and a dash for none.

    Args:
        values: Of several seeds.
        sign: ``+`` to write plus signs, as for differences.
    """
    found = known(values)
    if not found:
        return "-"
    mean, std = mean_and_std(found)
    return f"{mean:{sign}.3f}" if len(found) == 1 else f"{mean:{sign}.3f} ± {std:.3f}"


def difference(values: Sequence[float]) -> str:
    """Return the mean of paired differences and its 95 % interval over seeds as text."""
    if not values:
        return "-"
    mean, _ = mean_and_std(values)
    low, high = t_interval(values)
    return f"{mean:+.3f}" if math.isnan(low) else f"{mean:+.3f} {interval(low, high)}"


def interval(low: float, high: float) -> str:
    """Return an interval as text, a dash if it is not known."""
    return "-" if math.isnan(low) else f"[{low:+.3f}, {high:+.3f}]"


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
            value = record.get(group, {}).get(key)
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


def measure_table(
    results: Results,
    titles: Mapping[str, str],
    measures: Mapping[str, str],
    remarks: Mapping[str, str] | None = None,
) -> str:
    """Return a Markdown table: one row a variant, mean ± deviation of each measure.

    Args:
        results: The finished runs.
        titles: Title of each variant by name, in the order of the rows.
        measures: Key of each measure by its title.
        remarks: By name of a variant: what stands in place of its figures.
    """
    rows = []
    for name in titles:
        if name in results:
            by_seed = [figure_by_seed(results, name, key) for key in measures.values()]
            cells = [spread(figures.values()) for figures in by_seed]
            cells = _or_remark(cells, (remarks or {}).get(name))
            rows.append([titles[name], str(len(results[name])), *cells])
    return markdown_table(["variant", "seeds", *measures], rows)


def difference_table(
    results: Results,
    titles: Mapping[str, str],
    reference: str,
    measures: Mapping[str, str],
    over_clips: ClipIntervals | None = None,
    remarks: Mapping[str, str] | None = None,
) -> str:
    """Return a Markdown table of the differences to a reference, paired by seed.

    Cells are means with 95 % intervals over the seeds. For the first measure, the interval over
    clips stands beside it, and how many seeds it takes to see a small difference.

    Args:
        results: The finished runs.
        titles: Title of each variant by name, in the order of the rows.
        reference: Name of the variant to compare with.
        measures: Key of each measure by its title.
        over_clips: Intervals of the first measure over clips, by name of the variant.
        remarks: By name of a variant: what stands in place of its figures.
    """
    first = next(iter(measures))
    rows = []
    for name in titles:
        if name == reference or name not in results:
            continue
        by_measure = [
            paired_differences(
                figure_by_seed(results, name, key), figure_by_seed(results, reference, key)
            )
            for key in measures.values()
        ]
        count = max(map(len, by_measure), default=0)
        low, high = (over_clips or {}).get(name, (math.nan, math.nan))
        needed = [seeds_needed(mean_and_std(by_measure[0])[1], d) for d in _WANTED_DIFFERENCES]
        cells = [
            difference(by_measure[0]),
            interval(low, high),
            ", ".join("-" if number is None else str(number) for number in needed),
            *map(difference, by_measure[1:]),
        ]
        cells = _or_remark(cells, (remarks or {}).get(name) or (remarks or {}).get(reference))
        rows.append([titles[name], str(count), *cells])
    wanted = ", ".join(f"{each:g}" for each in _WANTED_DIFFERENCES)
    further = [f"{first}: over clips", f"{first}: seeds to see {wanted}"]
    head = [f"minus {titles[reference]}", "pairs", first, *further, *list(measures)[1:]]
    return markdown_table(head, rows)


def _or_remark(cells: list[str], remark: str | None) -> list[str]:
    return cells if remark is None else [remark, *("" for _ in cells[1:])]
