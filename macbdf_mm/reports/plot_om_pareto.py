"""From a training log to the picture of its conflicts."""

from pathlib import Path

from macbdf_mm.errors import MissingDataError
from macbdf_mm.reports.figures.om_pareto_curves import draw_om_pareto_curves
from macbdf_mm.reports.figures.theme import to_png
from macbdf_mm.reports.scalars import read_records
from macbdf_mm.utils.files import write_atomically

# As OMParetoLogHook names its values. Importing it would load torch, which a plot can do without.
PREFIX = "om_pareto"

Curves = dict[str, dict[str, list[tuple[float, float]]]]


def plot_om_pareto(log: str | Path, out: str | Path) -> Path:
    """Write the picture of what ``OMParetoLogHook`` has logged, and return its path.

    Args:
        log: A JSON log, as ``vis_data/scalars.json``, or the folder of a run.
        out: The PNG file; its folder is made if it is not there.

    Raises:
        MissingDataError: If there is no log, or none that the hook wrote to.
    """
    picture = to_png(draw_om_pareto_curves(read_om_pareto_curves(log)))
    write_atomically(picture, out)
    return Path(out)


def read_om_pareto_curves(log: str | Path) -> Curves:
    """Return encoder -> quantity -> (iteration, value) pairs of a log, iterations rising.

    The parts of a resumed run are joined; of an iteration that two of them logged, the later
    counts.

    Args:
        log: As in :func:`plot_om_pareto`.

    Raises:
        MissingDataError: As there.
    """
    points: dict[str, dict[str, dict[float, float]]] = {}
    for path in _log_files(Path(log)):
        for record in read_records(path):
            for name, value in record.items():
                prefix, _, rest = name.partition("/")
                encoder, _, quantity = rest.rpartition("/")
                if prefix == PREFIX:
                    series = points.setdefault(encoder, {}).setdefault(quantity, {})
                    series[record["step"]] = float(value)
    if not points:
        raise MissingDataError(
            f"Log '{log}' holds no '{PREFIX}/...' values: train with an OMParetoOptimWrapper and "
            "the hook OMParetoLogHook."
        )
    return {
        encoder: {quantity: sorted(series.items()) for quantity, series in quantities.items()}
        for encoder, quantities in points.items()
    }


def _log_files(log: Path) -> list[Path]:
    # The folders inside a run's folder are named after the time at which each part began.
    files = [log] if log.is_file() else sorted(log.rglob("scalars.json"))
    if not files:
        raise MissingDataError(f"'{log}' is no log and no folder with a 'scalars.json' in it.")
    return files
