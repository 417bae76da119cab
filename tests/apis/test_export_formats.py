"""What is said of the formats; what is written is tested with `export_model`."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from macbdf_mm.apis.export_formats import export_onnx
from macbdf_mm.errors import MissingBackendError
from macbdf_mm.registered_parts import find_part, known_parts
from macbdf_mm.registry import EXPORTERS


def test_the_formats_are_those_of_the_page():
    assert sorted(known_parts(EXPORTERS)) == ["onnx", "program", "weights"]
    for name in known_parts(EXPORTERS):
        assert find_part(EXPORTERS, name, {}).__doc__


def test_to_list_the_formats_takes_neither_onnx_nor_onnxruntime():
    code = (
        "import sys; from macbdf_mm.registered_parts import known_parts\n"
        "from macbdf_mm.registry import EXPORTERS\n"
        "known_parts(EXPORTERS); print(sorted({'onnx', 'onnxruntime'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_a_package_that_is_missing_is_named(monkeypatch, tmp_path, missing):
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == missing else find_spec(name)
    )
    refusal = rf"written through {missing}, which is not installed: pip install 'macbdf_mm\[onnx\]'"
    with pytest.raises(MissingBackendError, match=refusal):
        export_onnx(None, {}, tmp_path / "model.onnx")
