"""The page that names the tests of each equation, switch and reference; run it to write the page.

A test says what it holds by its marker, as in ``@pytest.mark.holds("Eq. 2")``.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
EVIDENCE_PAGE = ROOT / "docs" / "method" / "evidence.md"
MUTATIONS = ROOT / "tests" / "mutations.toml"

_INTRODUCTION = """\
# Evidence

`tests/docs/evidence.py` writes this page from the markers of the tests (`@pytest.mark.holds`)
and from `tests/mutations.toml`.
"""


@cache
def tests_by_name() -> dict[str, list[str]]:
    """Return what the markers name -> the tests that have them, as pytest calls them."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text()
        if "mark.holds(" not in text:
            continue
        for node in ast.parse(text).body:
            for name in _held_by(node):
                found.setdefault(name, []).append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def _held_by(node: ast.stmt) -> Iterator[str]:
    for decorator in getattr(node, "decorator_list", ()):
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.holds":
            yield from map(ast.literal_eval, decorator.args)


def named_by_markers(name: str | None = None) -> list[str]:
    """Return the tests that hold something, or all that is held."""
    return list(tests_by_name()) if name is None else tests_by_name().get(name, [])


def load_mutations() -> list[dict[str, str]]:
    """Return the changes that tests notice: ``of``, ``file``, ``before``, ``after``, ``test``."""
    return tomllib.loads(MUTATIONS.read_text())["mutation"]


def evidence_page() -> str:
    """Return the page in Markdown."""
    names = sorted(tests_by_name(), key=_order)
    equations = [name for name in names if _order(name)[0] < 2]
    switches = [name for name in names if _order(name)[0] == 2]
    others = [name for name in names if _order(name)[0] == 3]
    parts = [_INTRODUCTION]
    for heading, members in (
        ("Equations and sections", equations),
        ("Switches", switches),
        ("Independent references", others),
    ):
        parts.append(f"## {heading}\n")
        for name in members:
            shown = f"`{name}`" if heading == "Switches" else name
            parts.append(f"{shown}\n" + "".join(f"- `{t}`\n" for t in tests_by_name()[name]))
    parts.append("## Mutations that tests notice\n")
    parts += [_mutation_entry(mutation) for mutation in load_mutations()]
    return "\n".join(parts)


def _mutation_entry(mutation: dict[str, str]) -> str:
    return (
        f"{mutation['of']}, `{mutation['file']}`\n"
        f"- before: `{mutation['before']}`\n"
        f"- after: `{mutation['after']}`\n"
        f"- `{mutation['test']}`\n"
    )


def _order(name: str) -> tuple[int, int, str]:
    number = re.fullmatch(r"Eq\. (\d+)", name)
    if number:
        return 0, int(number[1]), name
    if re.match(r"(\d\.\d|Figure)", name):
        return 1, 0, name
    return (2 if re.match(r"(model|optim_wrapper)\b", name) else 3), 0, name


if __name__ == "__main__":
    EVIDENCE_PAGE.write_text(evidence_page())
