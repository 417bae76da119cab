"""The page on the method against the code: nothing that it names may be gone or differ."""

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "method.md").read_text()
CONFIGS = {"`s`": "macbdf_dfdc.py", "Demo": "macbdf_demo.py"}
# What a cell says of a part that a config does not have.
ABSENT = "-"
# Keys of a config that name parts and units, not values.
STRUCTURE = {"type", "by_epoch", "convert_to_iter_based"}
# Arguments that the part around it gives, from a value with a row of its own.
GIVEN = {("MACL", "embed_dims"), ("ClusterState", "embed_dims"), ("MSTLKABlock", "num_dims")}
GIVEN |= {("MSTLKABlock", name) for name in ("kernels", "gate_kernel_size", "with_cp")}


def table(heading):
    """Return the rows of the table under a heading, each a dict by column."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    header, _, *rows = [
        [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
        for line in lines
    ]
    assert {len(row) for row in rows} == {len(header)}
    return [dict(zip(header, row, strict=True)) for row in rows]


EQUATIONS = table("Equations and sections")
SWITCHES = table("Switches")
VALUES = table("Free values")
REFERENCES = table("Independent references")
MUTATIONS = table("Mutations that were tried")


def codes_in(cell):
    """Return (file, symbol) pairs."""
    return re.findall(r"`(macbdf_mm/[\w/]+\.py)`: `([\w.]+)`", cell)


def named_tests(cell):
    """Return (file, function) pairs."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", cell)


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


@pytest.mark.parametrize("row", EQUATIONS, ids=lambda row: row["Paper"])
def test_both_ends_of_a_row_exist(row):
    codes, tests = codes_in(row["Code"]), named_tests(row["Test"])
    assert codes
    assert tests
    # Every backtick of these two columns was understood.
    assert row["Code"].count("`") == 4 * len(codes)
    assert row["Test"].count("`") == 2 * len(tests)
    for path, symbol in codes:
        assert load(path, symbol) is not None
    for path, name in tests:
        assert name in functions_of(path)


def test_each_equation_has_its_row():
    papers = [row["Paper"] for row in EQUATIONS]
    assert papers[:24] == [f"Eq. {number}" for number in range(1, 25)]


def test_every_test_and_file_named_on_the_page_exists():
    for path, name in named_tests(PAGE):
        assert name in functions_of(path), f"{path}::{name}"
    for path in re.findall(r"`((?:macbdf_mm|tests|configs|docs)/[\w/.-]+\.(?:py|md))`", PAGE):
        assert (ROOT / path).is_file(), path


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


def stated(cell):
    """Return the first value of a cell."""
    return ABSENT if cell == ABSENT else ast.literal_eval(re.search(r"`([^`]+)`", cell)[1])


@pytest.mark.parametrize("row", VALUES, ids=lambda row: row["Config path"] or row["Argument of"])
def test_a_value_is_that_of_the_configs(row):
    path, argument = row["Config path"].strip("`"), row["Argument of"].strip("`")
    for column, name in CONFIGS.items():
        found = lookup(config(name), path, argument) if path else default_of(argument)
        assert plain(found) == stated(row[column]), column
    if path and argument:
        default_of(f"{argument}.{path.rpartition('.')[2]}")  # raises if it is no argument
    assert row["Source"]


@pytest.mark.parametrize("row", SWITCHES, ids=lambda row: row["Switch"])
def test_a_switch_has_its_default_and_its_test(row):
    path, argument = row["Switch"].strip("`"), row["Argument of"].strip("`")
    assert plain(lookup(config("macbdf_dfdc.py"), path, argument)) == stated(row["Values"])
    assert named_tests(row["Test"])
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


@pytest.mark.parametrize("name", CONFIGS.values())
@pytest.mark.parametrize("part", ["model", "optim_wrapper", "param_scheduler"])
def test_every_value_of_the_configs_has_a_row(name, part):
    rows = {row["Config path"].strip("`") for row in VALUES}
    assert set(leaves(config(name)[part], part)) <= rows


def test_every_argument_with_a_value_has_a_row():
    """Of the parts named in the table: what no config sets is a free value as well."""
    named = {}
    for row in VALUES:
        path, argument = row["Config path"].strip("`"), row["Argument of"].strip("`")
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


@pytest.mark.parametrize("row", REFERENCES, ids=lambda row: row["What"])
def test_each_reference_has_a_test(row):
    assert named_tests(row["Test"])


@pytest.mark.parametrize("row", MUTATIONS, ids=lambda row: f"{row['Paper']} {row['After']}")
def test_what_was_mutated_still_stands_in_the_file(row):
    text = (ROOT / row["File"].strip("`")).read_text()
    assert text.count(row["Before"].strip("`")) == 1
    assert named_tests(row["Test that failed"])


def test_the_table_reader_tells_a_wrong_value():
    """Guards the guard: another value, a missing part and an unknown argument are noticed."""
    cfg = {"model": {"neck": {"margin": 0.2}, "hooks": [{"type": "a.Part", "rate": 1}]}}
    macl = "models/contrastive/macl.py:MACL"
    assert lookup(cfg, "model.neck.margin", macl) == 0.2
    assert lookup({"model": {}}, "model.neck.margin", macl) == 0.1
    assert lookup(cfg, "model.hooks.Part.rate", "") == 1
    assert lookup(cfg, "model.hooks.Other.rate", "") == ABSENT
    with pytest.raises(KeyError):
        default_of(f"{macl}.no_such_argument")
    assert stated("`(1, 2)`, any") == (1, 2)
