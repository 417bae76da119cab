"""The pages on the method against the code: nothing that they name may be gone or differ."""

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import pytest
from evidence import EVIDENCE_PAGE, evidence_page, named_by_markers
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "method").glob("*.md"))
CONFIGS = ("macbdf_dfdc.py", "macbdf_demo.py")
# What is said of a part that a config does not have.
ABSENT = "-"
# Keys of a config that name parts and units, not values.
STRUCTURE = {"type", "by_epoch", "convert_to_iter_based"}
# Arguments that the part around it gives, from a value with a row of its own.
GIVEN = {("MACL", "embed_dims"), ("ClusterState", "embed_dims"), ("MSTLKABlock", "num_dims")}
GIVEN |= {("MSTLKABlock", name) for name in ("kernels", "gate_kernel_size", "with_cp")}


def sections():
    """Return the text of every section of every page by its heading; those of all pages joined."""
    found = {}
    for path in PAGES:
        if path != EVIDENCE_PAGE:
            for heading, text in re.findall(
                r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", path.read_text(), re.DOTALL | re.MULTILINE
            ):
                found[heading] = found.get(heading, "") + text
    return found


SECTIONS = sections()
# Name of an equation or section -> what its text says.
EQUATIONS = {
    heading.partition(":")[0]: text for heading, text in SECTIONS.items() if "\nCode: " in text
}


def items(heading):
    """Return (bold name, what follows in its line, its second line) of a list."""
    found = re.findall(r"^- \*\*(.+?)\*\*: (.*)\n  (.*)$", SECTIONS[heading], re.MULTILINE)
    # Every line of the list was understood.
    lines = [line for line in SECTIONS[heading].splitlines() if line]
    assert len(lines) == 2 * len(found)
    return found


def argument_in(text):
    """Return `folder/file.py:Class` of "`Class` in `folder/file.py`", or ''."""
    match = re.search(r"`([\w.]+)` in `([\w/]+\.py)`", text)
    return f"{match[2]}:{match[1]}" if match else ""


def values():
    """Return (name, config path, argument, value in each of the configs, source)."""
    rows = []
    for name, line, place in items("Free values"):
        path = place.split(",")[0].strip("`") if not place.startswith(("`_", "`A")) else ""
        argument = argument_in(place)
        if argument and "`, of `" not in place:
            path = ""  # A constant.
        match = re.fullmatch(
            r"(?:in the demo `([^`]+)` alone|`([^`]+)`(?:, in the demo `([^`]+)`)?"
            r"(, not in the demo)?)\. (.+)\.",
            line,
        )
        assert match, line
        alone, first, second, missing, source = match.groups()
        pair = (ABSENT, alone) if alone else (first, ABSENT if missing else second or first)
        rows.append((name, path, argument, pair, source))
    return rows


VALUES = values()
SWITCHES = [(name.strip("`"), argument_in(place), line) for name, line, place in items("Switches")]


def codes_in(text):
    """Return (file, symbol) pairs of the line "Code: `a` and `b` in `file`, ..."."""
    (line,) = re.findall(r"^Code: (.*)\.$", text, re.MULTILINE)
    pairs = []
    for part in re.split(r"(?<=\.py`), ", line):
        symbols, _, file = part.rpartition(" in ")
        pairs += [(file.strip("`"), symbol) for symbol in re.findall(r"`([\w.]+)`", symbols)]
    assert line.count("`") == 2 * len(pairs) + 2 * len({file for file, _ in pairs})
    return pairs


@cache
def functions_of(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def load(path, symbol):
    """Return what a dotted symbol of a file of the package is."""
    found = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    for name in symbol.split("."):
        found = getattr(found, name)
    return found


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_code_of_an_equation_is_there_and_a_test_holds_it(name):
    for path, symbol in codes_in(EQUATIONS[name]):
        assert load(f"macbdf_mm/{path}", symbol) is not None
    assert named_by_markers(name)


def test_each_equation_has_its_section():
    assert {f"Eq. {number}" for number in range(1, 25)} <= set(EQUATIONS)


def test_every_file_named_on_a_page_exists():
    for page in PAGES:
        text = page.read_text()
        for path in re.findall(r"`((?:macbdf_mm|tests|configs|docs)/[\w/.-]+\.(?:py|md))`", text):
            assert (ROOT / path).is_file(), path
        for path in re.findall(r"\]\(([\w/.-]+)\)", text):
            assert (page.parent / path).resolve().is_file(), path


def test_every_marker_names_something_of_the_pages():
    """A test that holds an equation that was renamed would hold nothing."""
    references = set(re.findall(r"^- ([^:]+):", reference_text(), re.MULTILINE))
    known = {*EQUATIONS, *references, *(name for name, _, _ in SWITCHES)}
    assert set(named_by_markers()) == known


def reference_text():
    return re.sub(r"\n  ", " ", SECTIONS["Independent references"])


def test_the_page_of_evidence_is_the_generated_one():
    assert EVIDENCE_PAGE.read_text() == evidence_page(), "run tests/docs/evidence.py"


def plain(value):
    """Return sequences of any kind as tuples, and a part as its type."""
    if isinstance(value, dict):
        return value["type"]
    return tuple(map(plain, value)) if isinstance(value, list | tuple) else value


def default_of(argument):
    """Return the default of `folder/file.py:Class.argument`, or a constant's value."""
    path, symbol = argument.split(":")
    holder, _, name = symbol.rpartition(".")
    if not holder:
        return load(f"macbdf_mm/{path}", symbol)
    return inspect.signature(load(f"macbdf_mm/{path}", holder)).parameters[name].default


def lookup(cfg, path, argument):
    """Return what a config sets at a path, or else the argument's default."""
    found = cfg
    *_, name = keys = path.split(".")
    for key in keys:
        if isinstance(found, list | tuple):
            parts = [part for part in found if part["type"].rpartition(".")[2] == key]
            if not parts:
                return ABSENT
            found = parts[0]
        elif key in found:
            found = found[key]
        else:
            return default_of(f"{argument}.{name}") if argument else ABSENT
    return found


@cache
def config(name):
    return Config.fromfile(ROOT / "configs" / name).to_dict()


def stated(text):
    """Return the value that stands on a page."""
    return ABSENT if text == ABSENT else ast.literal_eval(text)


@pytest.mark.parametrize("row", VALUES, ids=lambda row: row[1] or row[2])
def test_a_value_is_that_of_the_configs(row):
    _, path, argument, pair, source = row
    for name, text in zip(CONFIGS, pair, strict=True):
        found = lookup(config(name), path, argument) if path else default_of(argument)
        assert plain(found) == stated(text), name
    if path and argument:
        default_of(f"{argument}.{path.rpartition('.')[2]}")  # raises if it is no argument
    assert source


@pytest.mark.parametrize("row", SWITCHES, ids=lambda row: row[0])
def test_a_switch_has_its_default_and_its_test(row):
    path, argument, line = row
    default = re.search(r"`([^`]+)`", line)[1]
    assert plain(lookup(config("macbdf_dfdc.py"), path, argument)) == stated(default)
    assert named_by_markers(path)
    if argument:
        default_of(f"{argument}.{path.rpartition('.')[2]}")


def leaves(value, path):
    """Yield the path of every value below a part of a config."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in STRUCTURE:
                yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for part in value:
            yield from leaves(part, f"{path}.{part['type'].rpartition('.')[2]}")
    else:
        yield path


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("part", ["model", "optim_wrapper", "param_scheduler"])
def test_every_value_of_the_configs_has_a_row(name, part):
    assert set(leaves(config(name)[part], part)) <= {path for _, path, _, _, _ in VALUES}


def test_every_argument_with_a_value_has_a_row():
    """Of the parts named in the table: what no config sets is a free value as well."""
    named = {}
    for _, path, argument, _, _ in VALUES:
        if argument.startswith(("models/", "engine/", "media/")):
            full = f"{argument}.{path.rpartition('.')[2]}" if path else argument
            holder, _, name = full.rpartition(".")
            if ":" in holder:  # not a constant
                named.setdefault(holder, set()).add(name)
    assert len(named) > 10
    for holder, names in named.items():
        file, symbol = holder.split(":")
        parameters = inspect.signature(load(f"macbdf_mm/{file}", symbol)).parameters
        with_value = {
            name
            for name, parameter in parameters.items()
            if parameter.default not in (inspect.Parameter.empty, None)
        }
        missing = {name for name in with_value - names if (symbol, name) not in GIVEN}
        assert not missing, holder


def test_the_reader_tells_a_wrong_value():
    """Guards the guard: another value, a missing part and an unknown argument are noticed."""
    cfg = {"model": {"neck": {"margin": 0.2}, "hooks": [{"type": "a.Part", "rate": 1}]}}
    macl = "models/contrastive/macl.py:MACL"
    assert lookup(cfg, "model.neck.margin", macl) == 0.2
    assert lookup({"model": {}}, "model.neck.margin", macl) == 0.1
    assert lookup(cfg, "model.hooks.Part.rate", "") == 1
    assert lookup(cfg, "model.hooks.Other.rate", "") == ABSENT
    with pytest.raises(KeyError):
        default_of(f"{macl}.no_such_argument")
    assert stated("(1, 2)") == (1, 2)
