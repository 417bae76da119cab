import importlib.util
import os
import subprocess
import sys

import pytest

from macbdf_mm.ops import use_triton
from macbdf_mm.ops.depthwise.triton_switch import VARIABLE, is_triton_on

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)


def test_kernels_are_off_unless_asked_for() -> None:
    assert not is_triton_on()


@needs_triton
def test_switch_goes_both_ways() -> None:
    use_triton()
    assert is_triton_on()
    use_triton(False)
    assert not is_triton_on()


@pytest.mark.parametrize(("value", "is_on"), [("1", True), ("0", False)])
def test_variable_switches_them_on(value: str, is_on: bool) -> None:
    code = (
        "from macbdf_mm.ops.depthwise.triton_switch import is_triton_on; "
        "raise SystemExit(is_triton_on())"
    )
    environment = {**os.environ, VARIABLE: value}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == is_on


def test_missing_triton_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"Triton is not installed, .*install `triton`"):
        use_triton()
    assert not is_triton_on()
