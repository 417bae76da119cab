"""Plot how the conflict of gradients went over a training run."""

import argparse
import sys

from macbdf_mm.apis.command_line import run_command


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Plot what OMParetoLogHook has logged: cosine, weights, conflicts and norms."
    )
    parser.add_argument("log", help="a JSON log (vis_data/scalars.json), or the folder of a run")
    parser.add_argument("--out", default="om_pareto.png", help="PNG file (default: %(default)s)")
    arguments = parser.parse_args()

    # Imported late: a wrong flag is answered before torch is loaded.
    from macbdf_mm.reports.figures.theme import to_png
    from macbdf_mm.reports.figures.training_curves import draw_om_pareto_curves
    from macbdf_mm.reports.run_record import read_om_pareto_curves
    from macbdf_mm.utils.files import write_atomically

    picture = to_png(draw_om_pareto_curves(read_om_pareto_curves(arguments.log)))
    write_atomically(picture, arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    sys.exit(run_command(main))
