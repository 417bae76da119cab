"""Errors that a user can cause, each as one sentence."""

import difflib
import dis
import errno
import importlib.util
import inspect
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, NamedTuple

from macbdf_mm.errors import ArgumentError, ForgeryToolboxError

MISSING_MMCV = (
    "mmcv is not installed, and mmaction2 needs it: install `mmcv-lite>=2.0.0,<2.1` "
    "(`pip install macbdf_mm[lite]`), or full mmcv if you want its compiled operators."
)
_EXHAUSTED = {
    errno.ENOSPC: "free some space where the command writes",
    errno.EDQUOT: "free some space where the command writes",
    errno.EFBIG: "raise the limit of the size of a file (`ulimit -f`)",
    errno.EROFS: "choose a folder that can be written to",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), or lower `num_workers`",
    errno.ENFILE: "close other programs, or lower `num_workers`",
    errno.ENOMEM: "lower `batch_size` or `num_workers`",
}
_RUNNER_MODULES = ("mmengine.runner.runner", "mmengine.runner.loops", "mmengine.runner.utils")
_MADE_BY_RUNNER = (
    *("build_dataloader", "build_train_loop", "build_val_loop", "build_test_loop"),
    *("build_log_processor", "set_randomness"),
)
_BAD_ARGUMENT = re.compile(
    r"(?P<part>[\w.]+?)(?:\.__init__)?\(\) "
    r"(?:got an unexpected keyword argument '(?P<unexpected>\w+)'"
    r"|missing \d+ required (?:keyword-only |positional )?arguments?: (?P<missing>.+))"
)
_UNLIKE_DATA_SETS = re.compile(r"meta information of the|same with the first dataset")
_NOT_REGISTERED = re.compile(r"(?P<name>\S+) is not in the (?P<registry>.+?) registry")
_LISTED = re.compile(r"\b(?:[Ss]equence|[Ll]ist|[Tt]uple|Iterable)\b(?:\[[^\[\]]*\])?")
_LONGEST = 300
_RAISE = dis.opmap["RAISE_VARARGS"]


def explain(error: BaseException) -> str | None:
    """Return one sentence for an error that a user can cause, or None for a bug.

    Errors are told apart by their classes, and those of other libraries by where they come from: a
    part that MMEngine was building from the config refused what the config gives it.
    """
    message = own_message(error)
    if isinstance(error, ForgeryToolboxError | ArgumentError):
        return message
    if isinstance(error, RuntimeError | OSError | EOFError) and "torch" in sys.modules:
        from macbdf_mm.engine.loading_workers import explain_lost_batch  # imports torch

        if (lost := explain_lost_batch(error)) is not None:
            return lost
    if isinstance(error, FileNotFoundError):
        return f"No such file or folder: {error.filename}." if error.filename else message
    if isinstance(error, OSError) and (said := _explain_system(error)) is not None:
        return said
    if isinstance(error, ModuleNotFoundError) and error.name == "mmcv":
        return MISSING_MMCV
    if isinstance(error, ImportError) and (package := _missing_package(error)):
        return (
            f"The package '{package}' is not installed, and the config needs it"
            f"{'' if isinstance(error, ModuleNotFoundError) else f' ({message})'}: install it, or "
            "remove what uses it."
        )
    if isinstance(error, AssertionError) and message.startswith("MMCV=="):
        return f"{message.rstrip('.')} (mmaction2 refuses this version of mmcv)."
    if isinstance(error, KeyError) and (match := _NOT_REGISTERED.match(message)):
        return not_registered(match["name"], match["registry"])
    if isinstance(error, ValueError | TypeError) and _UNLIKE_DATA_SETS.search(message):
        return (
            "MMEngine's ConcatDataset refuses data sets whose annotations differ in `metainfo`: "
            "write type='macbdf_mm.ConcatDataset', which takes them all."
        )
    return _explain_building(error)


def own_message(error: BaseException) -> str:
    """Return the error's text on one line, its own even if a data worker wrapped it."""
    text = str(error.args[0]) if error.args else str(error)
    if text.startswith("Caught ") and "Traceback" in text:
        name = re.escape(type(error).__name__)
        text = re.split(rf"^(?:\w+\.)*{name}: ", text, flags=re.MULTILINE)[-1]
    return " ".join(text.split())


def not_registered(name: str, registry: str) -> str:
    """Return the sentence for a type that a config names and nobody has registered."""
    return (
        f"The config names type '{name}', which is not in the registry '{registry}'"
        f"{_near_type(name, registry)}: check the spelling, or write the scope before it, as in "
        f"'mmaction.{name.split('.')[-1]}'."
    )


def numbers_as_text(kind: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """Return the arguments that a part takes as numbers, and that are given as text."""
    known = _parameters(kind)
    return [
        name
        for name, value in given.items()
        if isinstance(value, str) and name in known and _is_number(known[name])
    ]


def numbers_as_lists(kind: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """Return the arguments that a part requires as lists, and that are given as one number."""
    lists = []
    for name, parameter in _parameters(kind).items():
        note, number_of_lists = _LISTED.subn("", str(parameter.annotation))
        is_list = number_of_lists > 0 and not re.search(r"\b(?:int|float)\b", note)
        is_required = parameter.default is inspect.Parameter.empty
        if is_list and is_required and isinstance(given.get(name), int | float):
            lists.append(name)
    return lists


def _explain_system(error: OSError) -> str | None:
    if isinstance(error, FileExistsError) and os.path.isfile(error.filename or ""):
        return f"'{error.filename}' is a file, and no folder can be made of that name."
    if error.filename and error.strerror:
        return f"{error.strerror}: {error.filename}."
    if error.errno in _EXHAUSTED and error.strerror:
        return f"{error.strerror}: {_EXHAUSTED[error.errno]}."
    return None


def _missing_package(error: BaseException | None) -> str | None:
    """Return the package whose absence an import error comes from, None if all are there."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError) and error.name:
            package = error.name.partition(".")[0]
            return package if importlib.util.find_spec(package) is None else None
        error = error.__cause__ or error.__context__
    return None


class _Build(NamedTuple):
    """A call by which MMEngine makes a part of the config.

    Attributes:
        kind: The class or function that is called; None where the runner makes it itself.
        given: The arguments.
        modules: Where the part's own code stands.
        frame: Of MMEngine's function.
    """

    kind: Any
    given: Mapping[str, Any]
    modules: tuple[str, ...]
    frame: FrameType


def _explain_building(error: BaseException) -> str | None:
    """Return the sentence for a part that refuses what the config gives it."""
    frames, was_raised_on_purpose = _frames(error)
    origin = error
    if frames and frames[-1].f_code.co_name == "call_hook" and error.__context__ is not None:
        # MMEngine raises a TypeError of a hook once more, with the hook's name.
        origin = error.__context__
        inner, was_raised_on_purpose = _frames(origin)
        frames += inner
    builds = [build for frame in frames if (build := _build_of(frame)) is not None]
    if not builds:
        return None
    build, message = builds[-1], own_message(origin)
    if isinstance(origin, TypeError) and (match := _BAD_ARGUMENT.search(message)):
        return _explain_bad_argument(match, builds)
    name = getattr(build.kind, "__name__", "")
    if build.kind is not None and (texts := numbers_as_text(build.kind, build.given)):
        return (
            f"The config gives `{name}` {texts[0]}={build.given[texts[0]]!r}, where a number is "
            "expected."
        )
    if frames[-1].f_globals.get("__name__") in build.modules:
        if was_raised_on_purpose:
            said = message or _statement(frames[-1], origin)
            said = said if len(said) <= _LONGEST else f"{said[:_LONGEST]} ..."
            who = f"`{name}` refuses what the config gives it" if name else "The config is refused"
            return f"{who}: {said.rstrip('.')}."
        if unlike := _unlike_defaults(build):
            return f"The config gives `{name}` {unlike}."
    if build.kind is not None:
        said_by_inner = _explain_inner_part(frames, build, message, was_raised_on_purpose)
        if said_by_inner is not None:
            return said_by_inner
    negative = [n for n, v in build.given.items() if isinstance(v, int | float) and v < 0]
    if negative and isinstance(origin, RuntimeError | ValueError):
        return (
            f"`{name}` cannot be made with {negative[0]}={build.given[negative[0]]}, which the "
            f"config gives it: {message[:_LONGEST].rstrip('.')}."
        )
    return None


def _explain_inner_part(
    frames: list[FrameType], build: _Build, message: str, was_raised_on_purpose: bool
) -> str | None:
    """Return the sentence for a part inside of the one that is built, which got its value."""
    within = frames[frames.index(build.frame) + 1 :]
    if not within or any(frame.f_code.co_name != "__init__" for frame in within):
        return None
    values = list(_values(build.given))
    if was_raised_on_purpose and any(
        re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", message) for value in values
    ):
        return f"`{build.kind.__name__}` refuses what the config gives it: {message.rstrip('.')}."
    kind, local = type(within[-1].f_locals.get("self")), within[-1].f_locals
    for name in numbers_as_text(kind, local):
        if local[name] in values:
            return (
                f"The config gives `{kind.__name__}` {name}={local[name]!r}, where a number is "
                "expected."
            )
    if not was_raised_on_purpose and (unlike := _unlike_defaults(build)):
        return f"The config gives `{build.kind.__name__}` {unlike}."
    return None


def _values(given: Any) -> Iterator[Any]:
    """Yield the numbers and texts of a part's arguments, those in nested dicts and lists too."""
    if isinstance(given, Mapping):
        given = list(given.values())
    for value in given:
        if isinstance(value, Mapping | list | tuple):
            yield from _values(value)
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            yield value


def _explain_bad_argument(match: re.Match[str], builds: list[_Build]) -> str | None:
    part = match["part"].rpartition(".")[2]
    if unexpected := match["unexpected"]:
        if not any(unexpected in build.given for build in builds):
            return None
        near = _near_argument(unexpected, part, builds[-1])
        return (
            f"The config gives `{match['part']}` a key that it does not take: '{unexpected}'{near}."
        )
    kind = builds[-1].kind
    names = [getattr(one, "__name__", "") for one in getattr(kind, "__mro__", (kind,))]
    if kind is not None and part not in (*names, "build_iter_from_epoch"):
        return None
    return f"The config gives `{match['part']}` too little: {match['missing']} is required."


def _statement(frame: FrameType, error: BaseException) -> str:
    """Return the line that raised an error without a text, such as an assertion."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    number = frame.f_lineno if trace is None else trace.tb_lineno
    return linecache.getline(frame.f_code.co_filename, number).strip()


def _frames(error: BaseException) -> tuple[list[FrameType], bool]:
    """Return the calls that an error came through, and whether code raised it by a statement."""
    frames, trace, opcode = [], error.__traceback__, -1
    while trace is not None:
        frames.append(trace.tb_frame)
        opcode = trace.tb_frame.f_code.co_code[trace.tb_lasti]
        trace = trace.tb_next
    return frames, opcode == _RAISE


def _build_of(frame: FrameType) -> _Build | None:
    """Return what a frame makes of the config, None if it is not one of MMEngine that does."""
    module, function, local = frame.f_globals.get("__name__"), frame.f_code.co_name, frame.f_locals
    if module == "mmengine.registry.build_functions" and function == "build_from_cfg":
        kind = local.get("obj_cls")
        if kind is None:
            return _Build(None, {}, (module,), frame)
        given = {name: value for name, value in local["args"].items() if name != "type"}
        classes = [one for one in getattr(kind, "__mro__", (kind,)) if one is not object]
        modules = tuple(getattr(one, "__module__", "") for one in classes)
        return _Build(kind, given, modules, frame)
    if module == "mmengine.registry.build_functions" and function == "build_scheduler_from_cfg":
        kind = local.get("scheduler_cls")  # Not there unless epochs are turned into iterations.
        modules = (module, *(one.__module__ for one in getattr(kind, "__mro__", ())))
        return _Build(kind, local["args"] if kind is not None else {}, modules, frame)
    if module in _RUNNER_MODULES and isinstance(module, str):
        given = {}
        if function in _MADE_BY_RUNNER:  # Loaders and loops are made without a registry.
            for value in local.values():
                given |= value if isinstance(value, Mapping) else {}
        elif "Runner" not in type(local.get("self")).__name__ and "Loop" not in str(module):
            return None
        return _Build(None, given, _RUNNER_MODULES, frame)
    return None


def _unlike_defaults(build: _Build) -> str:
    """Return an argument that is of another kind than its default, as a part of a sentence."""
    known = _parameters(build.kind) if build.kind is not None else {}
    given = {name: value for name, value in build.given.items() if name in known}
    for name, value in sorted(given.items(), key=lambda item: item[1] is None):
        default = known[name].default
        if _is_unlike(value, default):
            return f"{name}={value!r}, where the default is {default!r}"
    return ""


def _is_unlike(value: Any, default: Any) -> bool:
    if isinstance(default, list | tuple):
        return not isinstance(value, list | tuple) or _are_texts(value) != _are_texts(default)
    if value is None:
        return isinstance(default, int | float) and not isinstance(default, bool)
    for kind in (bool, (int, float), str, Mapping):
        if isinstance(default, kind):
            if not isinstance(value, kind):
                return True
            if isinstance(value, float) and isinstance(default, int):
                return default not in (0, 1)  # These two may stand for fractions.
    return False


def _are_texts(values: Sequence[Any]) -> list[bool]:
    """Return which of some values are texts."""
    return [isinstance(value, str) for value in values]


def _parameters(kind: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function, or of a class and those that it hands them on to."""
    if not isinstance(kind, type):
        try:
            return dict(inspect.signature(kind).parameters)
        except (TypeError, ValueError):
            return {}
    known: dict[str, inspect.Parameter] = {}
    for one in kind.__mro__[:-1]:
        if "__init__" in vars(one):
            for name, parameter in inspect.signature(vars(one)["__init__"]).parameters.items():
                known.setdefault(name, parameter)
    return known


def _is_number(parameter: inspect.Parameter) -> bool:
    default, note = parameter.default, str(parameter.annotation)
    is_numeric = isinstance(default, int | float) and not isinstance(default, bool)
    stated = re.findall(r"\w+", note.removeprefix("<class ").rstrip(">"))
    return "str" not in stated and (is_numeric or bool({"int", "float"} & set(stated)))


def _near_type(name: str, place: str) -> str:
    """Return the registered name that is probably meant, as a part of a sentence."""
    from mmengine import registry as root

    kind = place.rpartition("::")[2]
    registries = [r for r in vars(root).values() if isinstance(r, root.Registry) and r.name == kind]
    known: dict[str, str] = {}
    for registry in registries:
        known |= dict.fromkeys(registry.module_dict, "")
        for scope, child in registry.children.items():
            prefix = f"{scope}." if scope == "mmaction" else ""
            known |= {n: prefix for n in child.module_dict if n not in known}
    bare = name.rpartition(".")[2]
    scopes = [r.scope for one in registries for r in one.children.values() if bare in r.module_dict]
    if bare in known and scopes:
        return f" (it is in the scope '{scopes[0]}': write '{scopes[0]}.{bare}')"
    near = difflib.get_close_matches(bare, known, n=1)
    return f" (did you mean '{known[near[0]]}{near[0]}'?)" if near else ""


def _near_argument(name: str, part: str, build: _Build) -> str:
    """Return the argument that is probably meant, as a part of a sentence."""
    kinds = [build.kind] if build.kind is not None else _made_by_runner(part)
    known = [argument for kind in kinds for argument in _parameters(kind) if argument != name]
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'" if near else ""


def _made_by_runner(part: str) -> list[Any]:
    import mmengine.runner
    from torch.utils.data import DataLoader

    kinds = [DataLoader, *vars(mmengine.runner).values()]
    return [kind for kind in kinds if getattr(kind, "__name__", None) == part]
