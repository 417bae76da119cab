"""Parts that a command names, with options of their own: converters, split protocols.

A part is a class or a function in a registry. Those of its parameters that are annotated with an
:class:`Option` are its options on the command line::

    @CONVERTERS.register_module("mine")
    class MineConverter(Converter):
        def __init__(self, table: Annotated[str, Option("CSV file")] = "clips.csv") -> None: ...
"""

import argparse
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from mmengine.registry import Registry

from macbdf_mm.errors import ConfigError


@dataclass(frozen=True)
class Option:
    """Marks a parameter as a command-line option: ``Annotated[int, Option("how many")]``.

    The type may be str, int, float, bool, one of them or None, or a ``Mapping`` from str to one of
    them, which is typed as ``--option KEY=VALUE KEY=VALUE``.

    Attributes:
        help: Its help text.
        metavar: Placeholder of its value in the help.
        flag: Its name on the command line; None: ``--name-of-the-parameter``.
    """

    help: str
    metavar: str | None = None
    flag: str | None = None


def import_modules(names: Iterable[str]) -> None:
    """Import the modules of ``--import``, which register parts of a user's own.

    Raises:
        ConfigError: If one cannot be imported.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(
                f"Module '{name}' of `--import` cannot be imported: {error}; if it is in the "
                "current folder, put PYTHONPATH=. before the command."
            ) from error


def known_parts(registry: Registry) -> dict[str, Callable[..., Any]]:
    """Return the parts of a registry by name.

    The modules that its locations name, and those in a location that is a package, are imported.
    """
    # By hand: MMEngine's own look-up imports torch, seconds that no part here needs.
    for location in registry._locations:
        module = importlib.import_module(location)
        for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
            importlib.import_module(f"{location}.{found.name}")
    return dict(registry.module_dict)


def find_part(registry: Registry, name: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a part, once it is sure that it takes the options.

    Raises:
        ConfigError: If there is no such part, or an option is of another one.
    """
    parts = known_parts(registry)
    if name not in parts:
        raise ConfigError(
            f"Expected a {registry.name} of {', '.join(parts)}, got {name!r}; one of your own is "
            "registered by the module that `--import` names."
        )
    check_options(registry, name, options)
    return parts[name]


def check_options(registry: Registry, name: str, options: Iterable[str]) -> None:
    """Return if the part of this name, or none such, takes all options.

    Raises:
        ConfigError: If it does not; the message says which part does.
    """
    parts = known_parts(registry)
    taken = inspect.signature(parts[name]).parameters if name in parts else {}
    for option in options:
        if option not in taken:
            owners = [repr(other) for other, part in parts.items() if option in options_of(part)]
            known = f"with {' or '.join(owners)} only" if owners else "with no " + registry.name
            raise ConfigError(f"Expected the option `{option}` {known}, got it with {name!r}.")


def options_of(part: Callable[..., Any]) -> dict[str, tuple[Any, Option]]:
    """Return the options of a part: parameter -> its type and what the command line says."""
    function = part.__init__ if isinstance(part, type) else part  # type: ignore[misc]
    found = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for note in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
            if isinstance(note, Option):
                found[name] = (get_args(hint)[0], note)
    return found


def make_parser(registry: Registry, **arguments: Any) -> argparse.ArgumentParser:
    """Return a parser with ``--import`` and the options of all parts, which it has imported.

    Args:
        registry: Where the parts are.
        **arguments: Of the parser.
    """
    # The modules say which options there are, so they are imported before the rest is parsed.
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser = argparse.ArgumentParser(**arguments)
    for one in (first, parser):
        one.add_argument(
            "--import",
            nargs="+",
            dest="imports",
            default=[],
            metavar="MODULE",
            help=f"modules that register a {registry.name} of your own",
        )
    import_modules(first.parse_known_args()[0].imports)
    seen: set[str] = set()
    for name, part in known_parts(registry).items():
        summary = (inspect.getdoc(part) or "").partition("\n")[0]
        group = parser.add_argument_group(name, summary)
        for parameter, (kind, option) in options_of(part).items():
            flag = option.flag or "--" + parameter.replace("_", "-")
            if flag not in seen:  # Of several parts with one flag, the first explains it.
                seen.add(flag)
                group.add_argument(
                    flag,
                    dest=parameter,
                    default=argparse.SUPPRESS,
                    help=option.help,
                    **_argument(kind, option.metavar),
                )
    return parser


def given_options(registry: Registry, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options of parts that were given on the command line, by parameter."""
    names = {name for part in known_parts(registry).values() for name in options_of(part)}
    return {
        name: dict(value) if isinstance(value, list) else value  # of pairs
        for name, value in vars(arguments).items()
        if name in names
    }


def _argument(kind: Any, metavar: str | None) -> dict[str, Any]:
    """Return how argparse takes a value of this type."""
    kinds = [one for one in get_args(kind) if one is not NoneType]
    if NoneType in get_args(kind):
        kind = kinds[0]
    if kind is bool:
        return {"action": "store_true"}
    if isinstance(get_origin(kind), type) and issubclass(get_origin(kind), Mapping):
        metavar = metavar or "KEY=VALUE"
        value = _pair_parser(get_args(kind)[1], metavar)
        return {"nargs": "+", "action": "extend", "type": value, "metavar": metavar}
    return {"type": kind, "metavar": metavar}


def _pair_parser(kind: Callable[[str], Any], metavar: str) -> Callable[[str], tuple[str, Any]]:
    def parse(text: str) -> tuple[str, Any]:
        key, separator, value = text.partition("=")
        try:
            if separator:
                return key, kind(value)
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"expected {metavar}, got {text!r}")

    return parse
