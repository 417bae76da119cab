"""List the configs that came with the package, or print one with its bases merged."""

import argparse

from macbdf_mm.apis.command_line import add_config_arguments, load_config
from macbdf_mm.apis.installed_configs import config_file, installed_configs, title_of


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser, is_needed=False)
    parser.add_argument(
        "--path",
        action="store_true",
        help="print where the file is, for the `_base_` of a config of your own",
    )
    arguments = parser.parse_args()
    if arguments.config is None and (arguments.path or arguments.cfg_options):
        parser.error("--path and --cfg-options need a config")
    return arguments


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    if arguments.config is None:
        found = installed_configs()
        width = max(map(len, found), default=0)
        for name, path in found.items():
            print(f"{name:{width}}  {title_of(path)}".rstrip())
    elif arguments.path:
        print(config_file(arguments.config))
    else:
        print(load_config(arguments.config, arguments.cfg_options).pretty_text, end="")
