"""Which way imports run: from the framework to the maths, never back, and in no circles."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OUTER = ("benchmarks", "studies", "demo")
BASE = {"errors"}
PLAIN = BASE | {"utils", "structures"}
REGISTERED = PLAIN | {"registry", "registered_parts"}
# Room -> the rooms that it may import.
ALLOWED = {
    "errors": set(),
    "version": set(),
    "registry": set(),
    "registered_parts": BASE,
    "utils": BASE,
    "structures": BASE,
    "ops": BASE,
    "media": PLAIN,
    "datasets": REGISTERED | {"media"},
    "models": BASE | {"structures", "registry", "ops"},
    "evaluation": REGISTERED,
    "engine": REGISTERED | {"evaluation"},
    "prepare": REGISTERED | {"media", "datasets", "evaluation"},
    "reports": PLAIN | {"media", "datasets", "evaluation", "prepare"},
}
ALLOWED["apis"] = {*ALLOWED} | {"apis"}
ALLOWED["serving"] = {*ALLOWED} | {"serving"}
ALLOWED["commands"] = {*ALLOWED}
ALLOWED["__main__"] = {"commands"}
# Rooms that can be read, tested and reused without a registry.
WITHOUT_FRAMEWORK = (
    "macbdf_mm/media",
    "macbdf_mm/structures",
    "macbdf_mm/utils",
    "macbdf_mm/ops",
    "macbdf_mm/evaluation/functional",
    "macbdf_mm/models/contrastive",
    "macbdf_mm/models/fusion",
    "macbdf_mm/models/layers",
    "macbdf_mm/engine/optim/om_pareto.py",
)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {
    name_of(path): path for room in ("macbdf_mm", *OUTER) for path in (ROOT / room).rglob("*.py")
}


def imports_of(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, also inside of functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in FILES else node.module


def room_of(module: str) -> str:
    return module.split(".")[1] if module.startswith("macbdf_mm.") else module.split(".")[0]


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_what_stands_below_it(room):
    files = {name: path for name, path in FILES.items() if name.startswith(f"macbdf_mm.{room}")}
    assert files
    found = {
        (name, module)
        for name, path in files.items()
        for module in imports_of(path)
        if module.split(".")[0] in ("macbdf_mm", *OUTER) and room_of(module) != room
    }
    assert {pair for pair in found if room_of(pair[1]) not in ALLOWED[room]} == set()


def test_every_room_has_its_place():
    rooms = {room_of(name) for name in FILES if name.startswith("macbdf_mm.")}
    assert rooms == set(ALLOWED)


def test_no_circles():
    graph = {
        name: {m for m in imports_of(path) if m in FILES and m != name}
        for name, path in FILES.items()
    }
    while leaves := {name for name, below in graph.items() if not below}:
        graph = {name: below - leaves for name, below in graph.items() if name not in leaves}
    assert graph == {}


@pytest.mark.parametrize("place", WITHOUT_FRAMEWORK)
def test_plain_rooms_know_no_registry(place):
    path = ROOT / place
    for file in [path] if path.suffix else path.rglob("*.py"):
        # The data sample is a BaseDataElement, which is a plain container.
        names = {n for n in imports_of(file) if not n.startswith("mmengine.structures")}
        assert not {n for n in names if n == "macbdf_mm.registry" or n.startswith("mmengine")}, file
