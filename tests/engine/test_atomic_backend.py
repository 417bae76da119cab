from mmengine.fileio import get_file_backend

from macbdf_mm.engine.atomic_backend import ATOMIC_BACKEND, AtomicLocalBackend


def test_is_found_by_name(tmp_path):
    backend = get_file_backend(tmp_path, backend_args={"backend": ATOMIC_BACKEND})
    assert isinstance(backend, AtomicLocalBackend)
    backend.put(b"bytes", tmp_path / "a")
    backend.put(memoryview(b"view"), tmp_path / "b")
    backend.put_text("text", tmp_path / "c")
    assert [backend.get(tmp_path / name) for name in "abc"] == [b"bytes", b"view", b"text"]
