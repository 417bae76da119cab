import pytest

from benchmarks.onnx import measure_onnx
from benchmarks.rows import NotMeasuredError
from benchmarks.settings import Settings


@pytest.mark.slow  # Tracing and translating the tiny model takes half a minute.
def test_both_sizes_are_measured(tiny_settings: Settings) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
    rows = list(measure_onnx(tiny_settings))
    assert [row.setting for row in rows] == ["B=1", "B=8"]
    assert all(row.ratio > 0 for row in rows)


def test_without_onnxruntime_it_is_said(
    tiny_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotMeasuredError, match=r"onnx is not installed \(extra `onnx`\)"):
        next(measure_onnx(tiny_settings))
