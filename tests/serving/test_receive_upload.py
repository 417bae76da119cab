"""Bodies of requests, whole and broken, as they come piece by piece."""

import asyncio
import errno
import io

import pytest

from macbdf_mm.serving.refusal import Refusal
from macbdf_mm.serving.settings import Settings

fastapi = pytest.importorskip("fastapi", reason="needs the extra `serve`")
module = pytest.importorskip("macbdf_mm.serving.receive_upload", reason="needs the extra `serve`")

SETTINGS = Settings(max_bytes=1000, upload_seconds=5.0)
FORM = "multipart/form-data; boundary=xyz"


def part(content=b"video", name="file", filename='filename="a.mp4"', boundary=b"xyz"):
    head = f'Content-Disposition: form-data; name="{name}"; {filename}'.encode().rstrip(b"; ")
    return b"--" + boundary + b"\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


def receive(body, content_type=FORM, size=7, settings=SETTINGS, file=None, pause=0.0, **headers):
    """Return the upload and the file, of a body that comes in pieces."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)] or [b""]

    async def next_piece():
        await asyncio.sleep(pause)
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    named = {"content-type": content_type, **headers}
    raw = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in named.items()]
    request = fastapi.Request({"type": "http", "method": "POST", "headers": raw}, next_piece)
    file = file or io.BytesIO()
    return asyncio.run(module.receive_upload(request, file, settings)), file


def refused(*args, **kwargs):
    with pytest.raises(Refusal) as error:
        receive(*args, **kwargs)
    return int(error.value.status), error.value.sentence


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_file_of_a_form_among_other_fields(size):
    content = bytes(range(256)) + b"\r\n--xy\r\n"
    body = part(b"x", "note", "") + part(content) + part(b"y" * 50, "other") + b"--xyz--\r\n"
    upload, file = receive(body, size=size)
    assert file.getvalue() == content
    assert (upload.name, upload.num_bytes) == ("a.mp4", len(content))


@pytest.mark.parametrize("content_type", ["application/octet-stream", "video/mp4", "audio/x-y"])
def test_a_file_that_is_the_body(content_type):
    upload, file = receive(b"x" * 1000, content_type, x_file_name="a%20b%2F..%2F%C3%BC%0A.mp4")
    assert (file.getvalue(), upload.num_bytes) == (b"x" * 1000, 1000)
    assert upload.name == "a b/../\u00fc\\n.mp4"


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ('filename="../../etc/passwd"', "../../etc/passwd"),
        ('filename="<b>&amp;.mp4"', "<b>&amp;.mp4"),
        ('filename="a\\"b.mp4"', 'a"b.mp4'),
        ('filename="a%22%0D%0Ab.mp4"', "a%22%0D%0Ab.mp4"),
        ('filename="\u202egpj.exe\x1b[31m"', "\\u202egpj.exe\\x1b[31m"),
        ('filename=""', "upload"),
        (f'filename="{"a" * 300}"', "a" * 200 + "..."),
    ],
)
def test_names_are_shown_on_one_line_and_short(filename, shown):
    upload, _ = receive(part(filename=filename) + b"--xyz--")
    assert upload.name == shown


@pytest.mark.parametrize(
    ("body", "content_type", "status", "said"),
    [
        (b"x", "text/plain", 415, "got 'text/plain'"),
        (b"x", "", 415, "got ''"),
        (b"x", "application/x-www-form-urlencoded", 415, "Expected a form"),
        (b"x", "multipart/form-data", 400, "its `boundary` is missing"),
        (b"x", f"multipart/form-data; boundary={'b' * 300}", 400, "no whole form: Boundary"),
        (b"x" * 20, FORM, 400, "no whole form: "),
        (part(), FORM, 400, "ends before its last boundary"),
        (part(filename="") + b"--xyz--", FORM, 400, "has no file `file`"),
        (part(name="video") + b"--xyz--", FORM, 400, "has no file `file`"),
        (part() + part() + b"--xyz--", FORM, 400, "One video at a time"),
        (part(b"") + b"--xyz--", FORM, 400, "the file is empty"),
        (b"", "video/mp4", 400, "the file is empty"),
        (b"--xyz\r\n" + b"A: b\r\n" * 20 + b"\r\nx\r\n--xyz--", FORM, 400, "no whole form: "),
        (b"--xyz\r\n" + b"A" * 9999 + b": b\r\n\r\nx\r\n--xyz--", FORM, 400, "no whole form: "),
        (part(b"x" * 1001), FORM, 413, "at most 0.001 MB are taken"),
        (part(b"x" * 70_000, "note", ""), FORM, 413, "too large"),
        (b"x" * 1001, "video/mp4", 413, "too large"),
    ],
)
def test_what_is_refused(body, content_type, status, said):
    found, sentence = refused(body, content_type, size=500)
    assert (found, said in sentence) == (status, True), sentence


@pytest.mark.parametrize(("kind", "stated"), [("video/mp4", 1001), (FORM, 1001 + 2**16)])
def test_what_says_that_it_is_too_large_is_refused_before_it_comes(kind, stated):
    assert refused(b"x", kind, pause=9.0, content_length=str(stated))[0] == 413


def test_a_slow_upload(monkeypatch):
    quick = Settings(max_bytes=1000, upload_seconds=0.1)
    assert refused(b"x" * 99, "video/mp4", settings=quick, pause=0.03) == (
        408,
        "The upload was given up: it did not come within 0.1 s; send a smaller file, or use a "
        "faster line.",
    )
    monkeypatch.setattr(module, "_STALL_SECONDS", 0.05)
    assert "no byte came for 0.05 s" in refused(b"x" * 99, "video/mp4", pause=1.0)[1]


class _FullDisk(io.BytesIO):
    def write(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk():
    assert refused(b"x", "video/mp4", file=_FullDisk())[0] == 507
