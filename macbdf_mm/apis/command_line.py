"""What every command-line tool shares: reading a config, and errors as one sentence."""

import argparse
import difflib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from macbdf_mm.errors import ConfigError, ForgeryToolboxError, MissingDataError

# Set it to see where an error came from instead of one sentence.
TRACEBACK_VARIABLE = "MACBDF_TRACEBACK"
MISSING_MMCV = (
    "mmcv is not installed, and mmaction2 needs it: install `mmcv-lite>=2.0.0,<2.1` "
    "(`pip install macbdf_mm[lite]`), or full mmcv if you want its compiled operators."
)
# Keys that the runner reads from the config beside the arguments of its constructor.
_RUNNER_EXTRAS = (
    "activation_checkpointing",
    "compile",
    "efficient_conv_bn_eval",
    "find_unused_parameters",
    "model_wrapper_cfg",
    "sync_bn",
)
_NUM_NAMED_PLACES = 3
_BAD_ARGUMENT = re.compile(
    r"(?P<part>[\w.]+?)(?:\.__init__)?\(\) "
    r"(?:got an unexpected keyword argument '(?P<unexpected>\w+)'"
    r"|missing \d+ required (?:keyword-only |positional )?arguments?: (?P<missing>.+))"
)
_NOT_REGISTERED = re.compile(r"(?P<name>\S+) is not in the (?P<registry>.+?) registry")


class ConfigOptions(DictAction):
    """Collects ``key=value`` pairs of ``--cfg-options``; a word without ``=`` is refused."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Merge the pairs into ``namespace``."""
        for pair in values or ():
            if "=" not in pair:
                parser.error(f"argument {option_string}: expected key=value, got {pair!r}")
        super().__call__(parser, namespace, values, option_string)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``config`` and ``--cfg-options`` to a parser."""
    parser.add_argument("config", help="path of a config file")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=ConfigOptions,
        metavar="KEY=VALUE",
        help="override entries of the config, for example train_cfg.max_epochs=1; lists as "
        'key="[a,b]" without white space',
    )


def add_launcher_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--launcher`` and ``--local_rank`` to a parser."""
    parser.add_argument("--launcher", choices=("none", "pytorch", "slurm", "mpi"), default="none")
    # Old launchers pass the rank as an argument instead of in the environment.
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0)


def run_command(main: Callable[[], int | None]) -> int:
    """Return the exit code of ``main``; an error that a user can cause becomes one sentence.

    The sentence goes to stderr and the exit code is 1. Any other error is a bug and keeps its
    traceback. With the environment variable ``MACBDF_TRACEBACK`` set, all of them do.
    """
    try:
        return main() or 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        sentence = explain(error)
        if sentence is None or os.environ.get(TRACEBACK_VARIABLE):
            raise
        print(f"error: {sentence}", file=sys.stderr)
        return 1


def explain(error: BaseException) -> str | None:
    """Return one sentence for an error that a user can cause, or None for a bug."""
    message = _own_message(error)
    if isinstance(error, ForgeryToolboxError):
        return message
    if isinstance(error, FileNotFoundError):
        return f"No such file or folder: {error.filename}." if error.filename else message
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.strerror}: {error.filename}."
    if isinstance(error, ValueError) and _states_an_expectation(error, message):
        return message
    if isinstance(error, ModuleNotFoundError) and error.name == "mmcv":
        return MISSING_MMCV
    if isinstance(error, AssertionError) and message.startswith("MMCV=="):
        return f"{message.rstrip('.')} (mmaction2 refuses this version of mmcv)."
    if isinstance(error, KeyError) and (match := _NOT_REGISTERED.match(message)):
        return (
            f"The config names type '{match['name']}', which is not in the registry "
            f"'{match['registry']}': check the spelling, or write the scope before it, "
            f"as in 'mmaction.{match['name'].split('.')[-1]}'."
        )
    if isinstance(error, TypeError) and _while_building(error):
        return _explain_bad_argument(message)
    return None


def load_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Return the config of a file with the overrides of ``--cfg-options`` merged in.

    Args:
        path: A config file of MMEngine.
        options: Dotted key -> value. The first part must be a key that the runner reads, the
            parts between must exist; the last may be new only in a dict with a ``type``,
            whose constructor then decides. A mere variable of the config file is refused: what
            was made from it would keep the old value.

    Raises:
        MissingDataError: If the file, or one of its bases, does not exist.
        ConfigError: If it cannot be read, or an option names what does not exist.
    """
    if not Path(path).is_file():
        raise MissingDataError(
            f"Config '{path}' does not exist; the ready ones are in the folder configs/."
        )
    require_mmcv()
    try:
        cfg = Config.fromfile(str(path))
    except FileNotFoundError as error:
        raise MissingDataError(
            f"Config '{path}' needs a file that is not there: {error}"
        ) from error
    except (SyntaxError, KeyError, TypeError, NameError, OSError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"Config '{path}' cannot be read: {type(error).__name__}: {reason}"
        ) from error
    if options:
        for key in options:
            _check_option(cfg, key)
        cfg.merge_from_dict(dict(options))
    return cfg


def require_mmcv() -> None:
    """Check that mmcv or mmcv-lite is there, without importing it.

    Raises:
        ConfigError: If neither is, with what to install.
    """
    if importlib.util.find_spec("mmcv") is None:
        raise ConfigError(MISSING_MMCV)


def _explain_bad_argument(message: str) -> str | None:
    match = _BAD_ARGUMENT.search(message)
    if match is None:
        return None
    if match["unexpected"]:
        return (
            f"The config gives `{match['part']}` a key that it does not take: "
            f"'{match['unexpected']}'."
        )
    return f"The config gives `{match['part']}` too little: {match['missing']} is required."


def _check_option(cfg: Config, key: str) -> None:
    """Refuse an override that would be merged in and then never read."""
    *path, leaf = key.split(".")
    first = key.partition(".")[0]
    if first in cfg and first not in _runner_keys():
        raise ConfigError(
            f"Option '{key}': '{first}' is a variable of the config file, and what was made from "
            f"it would keep the old value; override the entries themselves{_places(cfg, first)}."
        )
    node: Any = cfg
    for depth, part in enumerate(path):
        if depth == 0 and part not in cfg and part in _runner_keys():
            return
        where = ".".join(path[:depth])
        _check_part(key, where, node, part)
        node = node[int(part)] if isinstance(node, list | tuple) else node[part]
    is_typed = bool(path) and isinstance(node, Mapping) and "type" in node
    if leaf != "_delete_" and not is_typed:
        _check_part(key, ".".join(path), node, leaf)


def _check_part(key: str, where: str, node: Any, part: str) -> None:
    if isinstance(node, list | tuple):
        if not part.isdigit() or int(part) >= len(node):
            raise ConfigError(
                f"Option '{key}': {where} is a list of {len(node)} entries, "
                f"so expected a number below {len(node)}, got '{part}'."
            )
        return
    if not isinstance(node, Mapping | Config):
        raise ConfigError(f"Option '{key}': {where} is {node!r}, which has no entries to override.")
    known = [*node.keys(), *([] if where else _runner_keys())]
    if part not in known:
        place = where or "the config"
        raise ConfigError(f"Option '{key}': {place} has no '{part}'{_hint(part, known)}")


def _places(cfg: Config, name: str) -> str:
    """Return where entries of this name stand, as the end of a sentence."""
    found = [path for key in cfg if key != name for path in _paths_to(name, cfg[key], key)]
    return f", such as {', '.join(found[:_NUM_NAMED_PLACES])}" if found else ""


def _paths_to(name: str, node: Any, where: str) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == name:
                yield f"{where}.{key}"
            yield from _paths_to(name, value, f"{where}.{key}")


def _runner_keys() -> list[str]:
    from mmengine.runner import Runner  # imports torch: a second that --help need not wait

    return [*inspect.signature(Runner.__init__).parameters, *_RUNNER_EXTRAS]


def _hint(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f" (it has {', '.join(sorted(known))})."


def _own_message(error: BaseException) -> str:
    """Return the error's text on one line, its own even if a data worker wrapped it."""
    text = str(error.args[0]) if error.args else str(error)
    if text.startswith("Caught ") and "Traceback" in text:
        name = re.escape(type(error).__name__)
        text = re.split(rf"^(?:\w+\.)*{name}: ", text, flags=re.MULTILINE)[-1]
    return " ".join(text.split())


def _states_an_expectation(error: BaseException, message: str) -> bool:
    """Return whether a ValueError says what was expected, in this package's words."""
    frames = traceback.extract_tb(error.__traceback__)
    is_ours = bool(frames) and "macbdf_mm" in Path(frames[-1].filename).parts
    # Raised in a data worker, an error comes with the frames of the main process.
    return message.startswith("Expected `") or (is_ours and message.startswith("Expected "))


def _while_building(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return any(frame.filename.endswith("build_functions.py") for frame in frames)
