"""How runs went, epoch by epoch."""

import numpy as np
import numpy.typing as npt

from studies.result_tables import Results


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
