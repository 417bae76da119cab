"""Configs that nobody has named, read as data: a config file is code, and these are not run.

MMEngine's runner saves the config of a run as plain values, beside the checkpoints and inside of
each. Reading it runs nothing, and what may be built from it are registered parts alone: a ``type``
or an import can otherwise name any function of any module.
"""

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine import registry as mmengine_registries
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.utils import import_modules_from_strings

from macbdf_mm.errors import ConfigError
from macbdf_mm.registry import SCOPE

_OWN_PACKAGES = (SCOPE, "mmaction")
_SCOPES = ("mmengine", *_OWN_PACKAGES)
# What prediction and reports build from a config.
_BUILT = ("model", "test_dataloader", "test_evaluator")
_NOT_PLAIN = (ValueError, LookupError, TypeError, SyntaxError, RecursionError, MemoryError)
_REMEDY = "if you trust its origin, name it with --config or as a command's config, which runs it"


def read_plain_config(text: str, origin: str, *, is_built_whole: bool = False) -> Config:
    """Return the config that a text holds, without running anything of it.

    Args:
        text: Assignments of plain values, as MMEngine's runner saves them.
        origin: The file that it comes from, for messages.
        is_built_whole: Whether a runner will build all of it; else a prediction builds model, test
            data and evaluator alone, and other parts may be of any origin.

    Raises:
        ConfigError: If there is more in it than plain values and registered parts.
    """
    try:
        values = _values(ast.parse(text))
        # The text is never empty for MMEngine, which would look for the file.
        config = Config(values, cfg_text=text or "\n", filename=origin)
    except _NOT_PLAIN as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"The config in '{origin}' is code, not plain values ({reason}); {_REMEDY}."
        ) from None
    _refuse_foreign_parts(config, origin, [*config] if is_built_whole else _BUILT)
    imports = config.get("custom_imports") or {}
    import_modules_from_strings(_listed(imports.get("imports")), allow_failed_imports=True)
    return config


def is_plain_config(path: Path) -> bool:
    """Return whether a file holds assignments of plain values alone."""
    try:
        _values(ast.parse(path.read_text(encoding="utf-8")))
    except (*_NOT_PLAIN, OSError):
        return False
    return True


def _values(module: ast.Module) -> dict[str, Any]:
    """Return the values by name that a module assigns.

    Raises:
        ValueError: If it does anything else.
    """
    values: dict[str, Any] = {}
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name != "_base_":
                values[name] = _value(value)
            case ast.Assign(targets=[ast.Subscript(value=place, slice=key)], value=value):
                _entry(values, place)[_value(key)] = _value(value)
            case _:
                raise ValueError(f"line {statement.lineno}: {ast.unparse(statement)[:80]}")
    return values


def _entry(values: dict[str, Any], place: ast.expr) -> Any:
    """Return the entry of the values that a place such as ``model["neck"]`` names."""
    if isinstance(place, ast.Subscript):
        return _entry(values, place.value)[_value(place.slice)]
    if isinstance(place, ast.Name):
        return values[place.id]
    raise ValueError(f"line {place.lineno}: {ast.unparse(place)[:80]}")


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=words) if all(
            word.arg for word in words
        ):
            return {word.arg: _value(word.value) for word in words}
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {
                _value(key): _value(value)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
    return ast.literal_eval(node)


def _refuse_foreign_parts(config: Mapping[str, Any], origin: str, built: Sequence[str]) -> None:
    imports = config.get("custom_imports") or {}
    if not isinstance(imports, Mapping):
        raise ConfigError(
            f"The config in '{origin}': expected a dict `custom_imports`, got {imports}."
        )
    for module in _listed(imports.get("imports")):
        if str(module).partition(".")[0] not in _OWN_PACKAGES:
            raise ConfigError(f"The config in '{origin}' imports the module '{module}'; {_REMEDY}.")
    scopes = [str(config.get("default_scope") or SCOPE)]
    for part in _parts_of([config.get(key) for key in built]):
        scopes += [part["_scope_"]] if "_scope_" in part else []
        if "type" in part and not _is_registered(part["type"], scopes[0]):
            raise ConfigError(
                f"The config in '{origin}' names type '{part['type']}', which is no registered "
                f"part of {', '.join(_SCOPES)}; {_REMEDY}."
            )
    foreign = [scope for scope in scopes if scope not in _SCOPES]
    if foreign:
        raise ConfigError(f"The config in '{origin}' has parts of '{foreign[0]}'; {_REMEDY}.")


def _listed(imports: Any) -> list[Any]:
    return list(imports) if isinstance(imports, list | tuple) else [imports] if imports else []


def _parts_of(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        yield node
    if isinstance(node, Mapping | list | tuple):
        for item in node.values() if isinstance(node, Mapping) else node:
            yield from _parts_of(item)


def _is_registered(name: Any, default_scope: str) -> bool:
    scope, _, bare = str(name).rpartition(".")
    scopes = (scope,) if scope else (SCOPE, "mmengine", default_scope)
    import mmengine.runner  # noqa: F401 - registers MMEngine's own parts

    # In this order: looking in mmaction2 imports all of it.
    return any(_holds(node, bare) for place in scopes for node in _registries(place))


def _registries(scope: str) -> Iterator[Registry]:
    if scope == "mmaction":
        import mmaction.registry  # noqa: F401 - its registries become known by this
    for root in vars(mmengine_registries).values():
        if isinstance(root, Registry):
            yield from (node for node in (root, *root.children.values()) if node.scope == scope)


def _holds(registry: Registry, name: str) -> bool:
    if name in registry.module_dict:
        return True
    if registry.scope != "mmengine":  # Whose parts are known; it would look in other packages.
        # Some of mmaction2's name a place that is not there; others warn of operators of mmcv.
        with suppress(ImportError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            registry.import_from_location()
    return name in registry.module_dict
