"""What the tools of all studies share: their arguments, and what they do with them."""

import argparse
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from macbdf_mm.apis.command_line import ConfigOptions
from macbdf_mm.errors import ConfigError

if TYPE_CHECKING:
    from studies.study import Study, Variant
    from studies.study_page import StudyPage


_ENCODERS = Path(__file__).parents[1] / "configs" / "ablations" / "encoders.py"


def add_study_arguments(parser: argparse.ArgumentParser, seeds: Sequence[int]) -> None:
    """Add data, folders, seeds and choices to a parser.

    Args:
        parser: Of the tool.
        seeds: The seeds by default.
    """
    parser.add_argument(
        "--data", default="data/demo", help="folder of the data set (default: %(default)s)"
    )
    parser.add_argument(
        "--work-dir",
        default="work_dirs/study",
        help="folder of the runs, which the studies share (default: %(default)s)",
    )
    parser.add_argument(
        "--results",
        help="folder of the tables and of the JSON with all runs; pictures go to `images` "
        "beside it (default: `results` in the work folder)",
    )
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=list(seeds), help="default: %(default)s"
    )
    parser.add_argument(
        "--variants",
        nargs="+",
        metavar="NAME",
        help="variants or groups of them to train now (default: all but optional groups)",
    )
    parser.add_argument(
        "--row",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME CONFIG", "KEY=VALUE"),
        help="a further variant: its name, a config (relative to `configs`), and what differs "
        "from it; may be given several times",
    )
    parser.add_argument(
        "--encoders",
        default=str(_ENCODERS),
        help="the checkpoint whose encoders all runs start from, or the config of its training; "
        "`none` for random ones (default: configs/ablations/encoders.py)",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="runs side by side, one core each (default: 1)"
    )
    parser.add_argument(
        "--schedule", help="config of the schedule (default: configs/_base_/schedules/study.py)"
    )
    parser.add_argument(
        "--accept-other-code",
        action="store_true",
        help="keep results that other code of this package gave, instead of training again",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=ConfigOptions,
        metavar="KEY=VALUE",
        help="override entries of every variant's config, but not of the encoders' training",
    )


def read_row(words: Sequence[str]) -> "Variant":
    """Return the variant that the words of ``--row`` describe.

    Raises:
        ConfigError: If there are fewer than two, or an option has no value.
    """
    from studies.study import Variant

    if len(words) < 2:
        raise ConfigError(f"--row needs NAME CONFIG [KEY=VALUE ...], got '{' '.join(words)}'.")
    name, config, *options = words
    parser = argparse.ArgumentParser(prog=f"--row {name}", add_help=False)
    parser.add_argument("options", nargs="*", action=ConfigOptions)
    return Variant(name, name, config, parser.parse_args(options).options or {})


def run_study_command(
    study: "Study",
    fill: "Callable[[StudyPage], None]",
    arguments: argparse.Namespace,
    seeds: Mapping[str, Sequence[int]] | None = None,
) -> int:
    """Return the exit code after training what is missing and writing the results.

    Args:
        study: What is compared.
        fill: Adds what is the study's own to its page.
        arguments: Those of :func:`add_study_arguments`.
        seeds: The seeds of single variants, where they differ from ``--seeds``.
    """
    # Imported late: a wrong flag is answered before torch is loaded.
    from studies.run_study import run_study, train_encoders
    from studies.study_config import CONFIGS, StudySettings, read_variant
    from studies.study_page import StudyPage, read_facts

    work_dir = Path(arguments.work_dir)
    settings = StudySettings(
        schedule=Path(arguments.schedule or CONFIGS / "_base_/schedules/study.py"),
        data_root=Path(arguments.data),
        inputs=work_dir / "inputs",
        options=arguments.cfg_options or {},
    )
    rows = [read_row(words) for words in arguments.row]
    study = replace(study, variants=(*study.variants, *rows))
    names = study.chosen(arguments.variants)
    if arguments.variants is not None:
        names += [row.name for row in rows]
    encoder_training = None
    if arguments.encoders.endswith(".py"):
        checkpoint, encoder_training = train_encoders(
            Path(arguments.encoders).resolve(),
            settings,
            work_dir,
            num_jobs=arguments.jobs,
            accept_other_code=arguments.accept_other_code,
        )
        settings = replace(settings, encoders=checkpoint)
    elif arguments.encoders != "none":
        settings = replace(settings, encoders=Path(arguments.encoders).resolve())
    variants = {variant.name: read_variant(variant, settings) for variant in study.variants}
    results, failed = run_study(
        study,
        variants,
        work_dir,
        dict.fromkeys(variants, arguments.seeds) | dict(seeds or {}),
        chosen=names,
        num_jobs=arguments.jobs,
        accept_other_code=arguments.accept_other_code,
    )
    if results:
        command = shlex.join(["python", *sys.argv])
        facts = read_facts(settings, variants[study.reference].cfg, command)
        facts["encoder_training"] = encoder_training
        folder = Path(arguments.results or work_dir / "results")
        page = StudyPage(study, results, facts, folder, work_dir)
        page.add_tables()
        fill(page)
        print(*page.write(), sep="\n")
    if failed:
        print(f"{len(failed)} runs failed: {'; '.join(failed)}", file=sys.stderr)
    return 1 if failed or not results else 0
