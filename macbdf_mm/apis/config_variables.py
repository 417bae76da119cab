"""Variables of a config file, and what was made from them."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

_GIVEN = "__given__"


def places_made_from(path: Path, name: str, value: Any) -> dict[tuple[str | int, ...], Any]:
    """Return the entries that would change if a variable had another value: place -> old value.

    Config files are code: this one, without its bases, is run twice.

    Args:
        path: The config file that sets the variable.
        name: The variable.
        value: The other value.
    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        as_it_is = _run(tree, path, {})
        for node in tree.body:
            if isinstance(node, ast.Assign) and any(_is_named(t, name) for t in node.targets):
                node.value = ast.copy_location(ast.Name(_GIVEN, ast.Load()), node.value)
        otherwise = _run(tree, path, {_GIVEN: value})
    except Exception:  # MMEngine's own syntax, or a value that the file cannot work with.
        return {}
    return {place: old for place, old in _differences(as_it_is, otherwise, ()) if place[0] != name}


def ignored_variables(
    cfg: Config, path: Path, entries: Sequence[str]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each variable of a base that a config changes to no effect.

    With the places that keep what the base made of it, and those that have been changed too.

    Args:
        cfg: The config as read.
        path: Its file.
        entries: The keys that are read; other keys are variables.
    """
    for base in _bases(path):
        for name in _variables(base):
            if name in entries or name not in cfg:
                continue
            made = {
                place: old
                for place, old in places_made_from(base, name, cfg[name]).items()
                if place[0] in entries
            }
            kept = [dotted(place) for place, old in made.items() if _at(cfg, place) == old]
            if kept:
                changed = [dotted(p) for p, old in made.items() if _at(cfg, p) != old]
                yield name, kept, changed


def variable_places(cfg: Config, path: Path, name: str, entries: Sequence[str]) -> list[str]:
    """Return the entries that a config made from a variable, as dotted keys."""
    files = [path, *_bases(path)]
    other = object()
    for value in (_another(cfg.get(name)), other):
        found = [
            dotted(place)
            for file in files
            for place in places_made_from(file, name, value)
            if place[0] in entries
        ]
        if found:
            return list(dict.fromkeys(found))
    return []


def dotted(place: tuple[str | int, ...]) -> str:
    """Return a place as ``--cfg-options`` writes it."""
    return ".".join(map(str, place))


def _another(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value + 1 if is_number else f"not {value}"


def _run(tree: ast.Module, path: Path, given: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, Any] = dict(given)
    exec(compile(tree, str(path), "exec"), names)
    return {k: v for k, v in names.items() if not k.startswith("_")}


def _is_named(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def _variables(path: Path) -> list[str]:
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return []
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    return list(dict.fromkeys(t.id for t in targets if isinstance(t, ast.Name)))


def _bases(path: Path) -> Iterator[Path]:
    if path.suffix != ".py":
        return
    for base in Config._get_base_files(str(path)):
        if "::" not in base:
            file = path.parent / base
            yield file
            yield from _bases(file)


def _differences(
    old: Any, new: Any, place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
        for key in old:
            yield from _differences(old[key], new[key], (*place, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, (*place, index))
    elif place and not (callable(old) or type(old).__name__ == "module") and old != new:
        yield place, old


def _at(cfg: Any, place: tuple[str | int, ...]) -> Any:
    """Return what stands at a place, or a value that equals no other."""
    node = cfg
    for part in place:
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return object()
    return node
