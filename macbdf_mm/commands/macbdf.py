"""The command ``macbdf``, which the wheel installs; ``python -m macbdf_mm`` is the same.

The module of a subcommand is imported when it is named, and what is slow, such as torch, when its
arguments are known to be right.
"""

import argparse
import difflib
import importlib
import sys

from macbdf_mm.apis.command_line import run_command
from macbdf_mm.version import __version__

COMMANDS = {
    "predict": "score videos: is anything in them forged, and where",
    "train": "train a detector",
    "test": "test a detector on the test set of its config",
    "evaluate": "evaluate a detector on several test sets, with probes and robustness",
    "compare": "say which of several detectors is better on the same clips",
    "export": "make a release folder of trained weights, or a file for other programs",
    "serve": "serve a page on which one drops a video, and scores over HTTP",
    "report": "write the report of a run that was trained and tested",
    "convert": "convert a published data set to the project's annotation",
    "split": "divide an annotation into training, validation and test",
    "audit": "audit a data set: counts, broken files, leaks and shortcuts",
    "browse": "show what the pipeline of a config feeds the model",
    "embeddings": "map the embeddings of a test set by category",
    "faces": "find the faces of a data set, or prepare small crops",
    "config": "list the installed configs, or print one with its bases merged",
    "score-tables": "print all tables of score files",
    "import-scores": "make a score file of the scores of any detector",
    "make-submission": "write the files that public evaluations take",
    "merge-journals": "make one file of a journal that several machines have written",
    "check-environment": "say whether all that is needed imports, in versions that go together",
}
_WIDTH = max(map(len, COMMANDS))
_EPILOG = """\
`macbdf COMMAND --help` lists the options of a command. Configs that came with the package are
named without a path, as in `macbdf train macbdf_dfdc`.

exit codes: 0 done; 1 an error, which stderr names in a sentence, or a file without a score;
2 wrong arguments; 130 interrupted by Ctrl-C. MACBDF_TRACEBACK=1 shows where an error came from.
"""


def main() -> int:
    """Run the subcommand that the first word names; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="macbdf",
        description="Audio-visual deepfake detection: MACB-DF as a plugin package for MMEngine.",
        epilog="\n".join(
            [
                "commands:",
                *(f"  {name:{_WIDTH}} {what}" for name, what in COMMANDS.items()),
                "",
                _EPILOG,
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"macbdf_mm {__version__}")
    parser.add_argument("command", type=_command, metavar="COMMAND", help="one of those below")
    # The words behind it are the subcommand's own, `--help` included.
    command = parser.parse_args(sys.argv[1:2]).command
    # As if the subcommand were a program: usage lines and notes of who wrote a file name it so.
    sys.argv = [f"macbdf {command}", *sys.argv[2:]]
    return run_command(importlib.import_module(_module_of(command)).main)


def _module_of(command: str) -> str:
    return f"macbdf_mm.commands.{command.replace('-', '_')}"


def _command(word: str) -> str:
    if word not in COMMANDS:
        near = difflib.get_close_matches(word, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "`macbdf --help` lists them"
        raise argparse.ArgumentTypeError(f"there is no command '{word}'; {hint}")
    return word
