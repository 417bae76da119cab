"""Write the report of a run that was trained and tested."""

import argparse


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description="Write WORK_DIR/report/index.html, the report of a run, and a picture of it."
    )
    parser.add_argument("work_dir", help="folder of a run that was trained and tested")
    arguments = parser.parse_args()

    # Imported late: a wrong flag is answered before torch is loaded.
    from macbdf_mm.apis.find_run import read_run
    from macbdf_mm.reports.make_report import make_report

    print(make_report(read_run(arguments.work_dir)))
