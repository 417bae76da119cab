"""The tables of a study, as rows of text."""

from collections.abc import Mapping
from typing import Any

from macbdf_mm.utils.tables import markdown_table
from studies.seed_statistics import paired_spread, spread

Results = Mapping[str, Mapping[int, Mapping[str, Any]]]
"""Results by name of the variant and seed."""

# Title -> key of the test's figures.
AUC_MEASURES = {
    "overall AUC": "overall/auc",
    "video AUC": "video/auc",
    "audio AUC": "audio/auc",
    # Clips whose track is fake in part only: there the clip's label does not help.
    "video frame AUC": "video/frame_auc_partial",
    "audio frame AUC": "audio/frame_auc_partial",
}
ACC_MEASURES = {
    "overall ACC": "overall/acc",
    "video ACC": "video/acc",
    "audio ACC": "audio/acc",
    "overall balanced ACC": "overall/balanced_acc",
}


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
            cells = [str(spread(figures.values())) for figures in by_seed]
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
            paired_spread(
                figure_by_seed(results, name, key), figure_by_seed(results, reference, key)
            )
            for key in measures.values()
        ]
        count = max((each.count for each in differences), default=0)
        rows.append([titles[name], str(count), *(each.format(signed=True) for each in differences)])
    return markdown_table([f"minus {titles[reference]}", "pairs", *measures], rows)
