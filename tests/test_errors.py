import ast
from pathlib import Path

import pytest

from macbdf_mm import errors

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.AnnotationError, ValueError),
        (errors.MissingDataError, FileNotFoundError),
        (errors.UndecodableMediaError, RuntimeError),
        (errors.MissingBackendError, ImportError),
        (errors.CheckpointMismatchError, RuntimeError),
        (errors.ConfigError, ValueError),
        (errors.NonFiniteObjectiveError, FloatingPointError),
        (errors.UnwritableFileError, OSError),
    ],
)
def test_each_error_is_ours_and_a_builtin_one(error, builtin):
    raised = error("one clear sentence")
    assert isinstance(raised, errors.ForgeryToolboxError)
    assert isinstance(raised, builtin)
    assert str(raised) == "one clear sentence"


def test_a_wrong_argument_is_no_error_of_a_file():
    """What goes on after a file that failed does not go on after a wrong call."""
    assert issubclass(errors.ArgumentError, ValueError)
    assert not issubclass(errors.ArgumentError, errors.ForgeryToolboxError)


@pytest.mark.parametrize("folder", ["macbdf_mm", "benchmarks", "studies", "demo", "tools"])
def test_what_was_expected_is_said_by_a_class_of_ours(folder):
    """By which the command line tells it from a ValueError of another library."""
    others = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                kind, message = ast.unparse(node.exc.func), ast.unparse(node.exc.args[0])
                if kind == "ValueError" and message.lstrip("f'\"").startswith("Expected "):
                    others.append(f"{path}:{node.lineno}")
    assert others == []
