"""Write a trained detector to a file that other programs can run."""

import argparse

from macbdf_mm.apis.command_line import add_config_arguments, load_config


def parse_arguments() -> argparse.Namespace:
    """Return what the command line says."""
    # Imported here: the formats say what they are, and the parser shows it.
    from macbdf_mm.registered_parts import make_parser
    from macbdf_mm.registry import EXPORTERS

    parser = make_parser(EXPORTERS, description=__doc__)
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="the weights")
    parser.add_argument("--out", required=True, help="the file to write")
    parser.add_argument("--format", default="program", metavar="NAME", help="default: %(default)s")
    return parser.parse_args()


def main() -> None:
    """Run the command."""
    arguments = parse_arguments()
    cfg = load_config(arguments.config, arguments.cfg_options)

    from macbdf_mm.apis.export_model import export_model

    print(export_model(cfg, arguments.checkpoint, arguments.format, arguments.out))
