"""What every command-line tool shares: reading a config, and errors as one sentence."""

import argparse
import difflib
import importlib.util
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction

from macbdf_mm.apis.config_variables import ignored_variables, variable_places
from macbdf_mm.apis.explain import MISSING_MMCV, explain
from macbdf_mm.apis.installed_configs import config_file
from macbdf_mm.apis.release import is_release, release_config
from macbdf_mm.errors import ConfigError, MissingDataError
from macbdf_mm.utils.tables import printable

# Set it to see where an error came from instead of one sentence.
TRACEBACK_VARIABLE = "MACBDF_TRACEBACK"
# The arguments of MMEngine's runner, and what it reads from the config beside them. Written down,
# since to ask it would import torch: seconds that a wrong config need not wait.
RUNNER_KEYS = (
    *("model", "work_dir", "train_dataloader", "val_dataloader", "test_dataloader"),
    *("train_cfg", "val_cfg", "test_cfg", "auto_scale_lr", "optim_wrapper", "param_scheduler"),
    *("val_evaluator", "test_evaluator", "default_hooks", "custom_hooks", "data_preprocessor"),
    *("load_from", "resume", "launcher", "env_cfg", "log_processor", "log_level", "visualizer"),
    *("default_scope", "randomness", "experiment_name", "cfg"),
    *("activation_checkpointing", "compile", "efficient_conv_bn_eval", "find_unused_parameters"),
    *("model_wrapper_cfg", "runner_type", "strategy", "sync_bn"),
)
_NUM_NAMED_PLACES = 3
# Likeness from which a new name passes for a slip; `min_clusters` and `max_clusters` have 0.83.
_SLIP = 0.85


class ConfigOptions(DictAction):
    """Collects ``key=value`` pairs of ``--cfg-options``; a word without ``=`` is refused."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Merge the pairs into ``namespace``."""
        for pair in values or ():
            if "=" not in pair:
                parser.error(f"argument {option_string}: expected key=value, got {pair!r}")
        super().__call__(parser, namespace, values, option_string)


def add_config_arguments(
    parser: argparse.ArgumentParser, *, is_needed: bool = True, or_release: bool = False
) -> None:
    """Add ``config`` and ``--cfg-options`` to a parser.

    Args:
        parser: Of a command.
        is_needed: Whether the config has to be named.
        or_release: Whether the help says that a release folder can stand in its place.
    """
    parser.add_argument(
        "config",
        nargs=None if is_needed else "?",
        help="path of a config file, or the name of one that came with the package"
        f"{', or a release folder' * or_release}",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=ConfigOptions,
        metavar="KEY=VALUE",
        help="override entries of the config, for example train_cfg.max_epochs=1; lists as "
        'key="[a,b]" without white space',
    )


def positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    """Return what reads the value of an argument that has to be a number > 0 of this kind."""

    def parse(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"expected a number > 0, got {text}")
        return value

    parse.__name__ = kind.__name__  # By which argparse names what is no number at all.
    return parse


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
    # A log file that cannot be written must not bury the sentence under a traceback for each line.
    logging.raiseExceptions = bool(os.environ.get(TRACEBACK_VARIABLE))
    try:
        return main() or 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        # Python would try once more to write what is left, when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("error: Whoever read the output has ended, so this command too.", file=sys.stderr)
        return 1
    except Exception as error:
        sentence = explain(error)
        if sentence is None or os.environ.get(TRACEBACK_VARIABLE):
            raise
        print(printable(f"error: {sentence}"), file=sys.stderr)
        return 1


def load_config(path: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Return the config of a file with the overrides of ``--cfg-options`` merged in.

    Args:
        path: A config file of MMEngine, the name of an installed one
            (:func:`~macbdf_mm.apis.installed_configs.config_file`), or a release folder, whose
            config is read as data.
        options: Dotted key -> value. In a list, a part is named by its number or its type. A name
            that is not there is new, unless it nearly is; in a dict with a ``type`` the
            constructor decides. A mere variable of the config file is refused: what was made
            from it would keep the old value.

    Raises:
        MissingDataError: If the file, or one of its bases, does not exist.
        ConfigError: If it cannot be read, an option is a slip, or a variable of a base is changed
            to no effect.
    """
    if is_release(path):
        require_mmcv()
        cfg = release_config(path)
    else:
        file = config_file(path)
        require_mmcv()
        cfg = _read_config(file)
    return merge_options(cfg, options)


def merge_options(cfg: Config, options: Mapping[str, Any] | None) -> Config:
    """Return a config with the overrides of ``--cfg-options``, as :func:`load_config` takes them.

    Raises:
        ConfigError: If an option is a slip.
    """
    if options:
        cfg.merge_from_dict({_checked_option(cfg, key): value for key, value in options.items()})
    return cfg


def _read_config(path: Path) -> Config:
    try:
        cfg = Config.fromfile(str(path))
    except FileNotFoundError as error:
        raise MissingDataError(
            f"Config '{path}' needs a file that does not exist: {error}"
        ) from error
    except (SyntaxError, KeyError, TypeError, NameError, OSError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"Config '{path}' cannot be read: {type(error).__name__}: {reason}"
        ) from error
    _check_keys(cfg, path)
    return cfg


def require_mmcv() -> None:
    """Check that mmcv or mmcv-lite is there, without importing it.

    Raises:
        ConfigError: If neither is, with what to install.
    """
    if importlib.util.find_spec("mmcv") is None:
        raise ConfigError(MISSING_MMCV)


def _checked_option(cfg: Config, key: str) -> str:
    """Return an option's key with positions where it names the parts of a list by their types.

    Raises:
        ConfigError: If it is a slip: a name that nearly stands there, a place that holds no
            entries, or a variable of the config file.
    """
    parts = key.split(".")
    if parts[0] in cfg and parts[0] not in RUNNER_KEYS:
        raise ConfigError(
            f"Option '{key}': '{parts[0]}' is a variable of the config file, and what was made "
            "from it would keep the old value; override the entries themselves"
            f"{_places(cfg, parts[0])}."
        )
    node: Any = cfg
    for depth, part in enumerate(parts):
        where = ".".join(parts[:depth])
        if isinstance(node, list | tuple):
            position = _position(key, where, node, part)
            parts[depth] = str(position)
            node = node[position]
        elif not isinstance(node, Mapping | Config):
            raise ConfigError(
                f"Option '{key}': {where} is {node!r}, which has no entries to override."
            )
        elif part in node:
            node = node[part]
        else:
            is_argument = "type" in node and depth == len(parts) - 1  # its constructor decides
            if not is_argument and (near := _near(part, node, is_top=depth == 0)):
                raise ConfigError(
                    f"Option '{key}': {where or 'the config'} has no '{part}'; "
                    f"did you mean '{near}'?"
                )
            break
    return ".".join(parts)


def _position(key: str, where: str, entries: Sequence[Any], part: str) -> int:
    """Return which entry of a list is meant: by its number, or by its type, without the scope."""
    if part.isdigit() and int(part) < len(entries):
        return int(part)
    found = [
        position
        for position, entry in enumerate(entries)
        if isinstance(entry, Mapping) and str(entry.get("type")).rpartition(".")[2] == part
    ]
    if len(found) == 1:
        return found[0]
    raise ConfigError(
        f"Option '{key}': {where} is a list of {len(entries)} entries, so expected a number "
        f"below {len(entries)}, got '{part}', the type of {len(found)} of them."
    )


def _near(part: str, node: Mapping[str, Any] | Config, is_top: bool) -> str | None:
    """Return the name of which ``part`` is probably a slip, or None if it is a new one."""
    known = [*node.keys(), *(RUNNER_KEYS if is_top else ())]
    swapped = {part[:i] + part[i + 1] + part[i] + part[i + 2 :] for i in range(len(part) - 1)}
    close = [
        *(name for name in known if name in swapped),
        *difflib.get_close_matches(part, known, n=1, cutoff=_SLIP),
    ]
    is_known = part in known or part == "_delete_"
    return close[0] if close and not is_known else None


def _places(cfg: Config, name: str) -> str:
    """Return which entries were made from a variable, as the end of a sentence."""
    found = variable_places(cfg, Path(cfg.filename), name, RUNNER_KEYS) if cfg.filename else []
    return f", such as {', '.join(found[:_NUM_NAMED_PLACES])}" if found else ""


def _check_keys(cfg: Config, path: Path) -> None:
    """Refuse a variable of a base that was changed to no effect; warn of a probable slip."""
    for name, kept, changed in ignored_variables(cfg, path, RUNNER_KEYS):
        named = ", ".join(kept[:_NUM_NAMED_PLACES])
        said = (
            f"Config '{path}' sets the variable '{name}' of its base to {cfg[name]!r}, but what "
            f"the base made from it keeps the old value ({named}): set the entries themselves"
        )
        if not changed:
            raise ConfigError(f"{said}.")
        print(f"warning: {said}, as for {changed[0]}.", file=sys.stderr)
    for name in cfg:
        near = difflib.get_close_matches(name, RUNNER_KEYS, n=1, cutoff=_SLIP)
        if near and name not in RUNNER_KEYS:
            print(
                f"warning: Config '{path}': nothing reads '{name}'; did you mean '{near[0]}'?",
                file=sys.stderr,
            )
