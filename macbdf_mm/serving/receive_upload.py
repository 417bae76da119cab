"""The file of a request, written to the disk as it comes."""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from macbdf_mm.serving.refusal import Refusal
from macbdf_mm.serving.settings import Settings
from macbdf_mm.utils.files import DISK_FULL
from macbdf_mm.utils.tables import printable

FIELD = "file"
NAME_HEADER = "X-File-Name"
# Boundaries, headers and small fields of a form.
_MAX_FORM_BYTES = 2**16
_MAX_NAME_LENGTH = 200
_NAMELESS = "upload"
# Without a byte, whatever is left of the time for the whole.
_STALL_SECONDS = 30.0
_FORM = "multipart/form-data"
_RAW = ("application/octet-stream", "video/", "audio/")


@dataclass(frozen=True)
class Upload:
    """What has come.

    Attributes:
        name: What the client calls the file, on one line and of a modest length; only to be shown.
        num_bytes: Size of the file.
    """

    name: str
    num_bytes: int


async def receive_upload(request: Request, file: BinaryIO, settings: Settings) -> Upload:
    """Return what came of a request whose file has been written.

    Args:
        request: With a form that has the file in its field ``file``, or with the file as its body,
            then with its name in ``X-File-Name``, percent-encoded.
        file: Where it is written to.
        settings: How large it may be, and how long it may take.

    Raises:
        Refusal: 400, 408, 411, 413, 415 or 507.
        ClientDisconnect: If the client goes away.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    content_type = kind.decode("latin-1").lower()
    sink = _Sink(file, settings.max_bytes)
    if content_type == _FORM:
        sink.check_stated(request.headers.get("content-length"), _MAX_FORM_BYTES)
        form = _Form(options.get(b"boundary", b""), sink)
        async for chunk in _chunks(request, settings.upload_seconds):
            form.write(chunk)
        name = form.finish()
    elif content_type.startswith(_RAW):
        sink.check_stated(request.headers.get("content-length"))
        async for chunk in _chunks(request, settings.upload_seconds):
            sink.write(chunk)
        name = unquote_to_bytes(request.headers.get(NAME_HEADER, ""))
    else:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Expected a form ({_FORM}) with the video in its field `{FIELD}`, or the video itself "
            "as application/octet-stream, video/* or audio/*, got "
            f"'{printable(content_type[:_MAX_NAME_LENGTH])}'.",
        )
    if not sink.num_bytes:
        raise Refusal(HTTPStatus.BAD_REQUEST, "No video was sent: the file is empty.")
    return Upload(_shown_name(name), sink.num_bytes)


async def _chunks(request: Request, seconds: float) -> AsyncIterator[bytes]:
    """Yield the body of a request as it comes.

    Raises:
        Refusal: 408 if it does not come in time.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    stream = request.stream()
    while True:
        limit = min(end - loop.time(), _STALL_SECONDS)
        try:
            async with asyncio.timeout(limit):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            problem = (
                f"no byte came for {_STALL_SECONDS:g} s"
                if limit == _STALL_SECONDS
                else f"it did not come within {seconds:g} s"
            )
            raise Refusal(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The upload was given up: {problem}; send a smaller file, or use a faster line.",
            ) from None
        yield chunk


class _Sink:
    """Writes and counts bytes up to a limit."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self.num_bytes = 0

    def check_stated(self, content_length: str | None, num_other_bytes: int = 0) -> None:
        """Refuse what says itself that it is too large, before it comes."""
        # h11 has seen to it that it is a number.
        if content_length and int(content_length) > self._max_bytes + num_other_bytes:
            raise self.too_large()

    def write(self, data: bytes) -> None:
        self.num_bytes += len(data)
        if self.num_bytes > self._max_bytes:
            raise self.too_large()
        try:
            while data:  # A raw file may take less than it is given.
                data = data[self._file.write(data) :]
        except OSError as error:
            if error.errno not in (*DISK_FULL, errno.EFBIG):
                raise
            raise Refusal(
                HTTPStatus.INSUFFICIENT_STORAGE,
                "The server has no space left for the file; try again later.",
            ) from error

    def too_large(self) -> Refusal:
        return Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The file is too large: at most {self._max_bytes / 1e6:g} MB are taken.",
        )


class _Form:
    """Finds the file in a form as it comes.

    Args:
        boundary: What stands between the parts, as the request says.
        sink: Takes the content of the file.
    """

    def __init__(self, boundary: bytes, sink: _Sink) -> None:
        if not boundary:
            raise _broken_form("its `boundary` is missing")
        self._sink = sink
        self._name: bytes | None = None
        self._is_in_file = self._is_complete = False
        self._num_other_bytes = 0
        self._header = self._value = b""
        callbacks: dict[str, Callable[..., None]] = {
            "on_header_field": self._add_to_header,
            "on_header_value": self._add_to_value,
            "on_header_end": self._end_header,
            "on_part_data": self._take,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as error:
            raise _broken_form(str(error)) from error

    def write(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _broken_form(str(error)) from error

    def finish(self) -> bytes:
        """Return the name of the file, as the client gave it."""
        if not self._is_complete:
            raise _broken_form("it ends before its last boundary")
        if self._name is None:
            raise Refusal(
                HTTPStatus.BAD_REQUEST, f"No video was sent: the form has no file `{FIELD}`."
            )
        return self._name

    def _add_to_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(self._value)
            if options.get(b"name") == FIELD.encode() and b"filename" in options:
                if self._name is not None:
                    raise Refusal(
                        HTTPStatus.BAD_REQUEST, "One video at a time: the form has several files."
                    )
                self._name = options[b"filename"]
                self._is_in_file = True
        self._header = self._value = b""

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._is_in_file:
            self._sink.write(data[start:end])
            return
        self._num_other_bytes += end - start
        if self._num_other_bytes > _MAX_FORM_BYTES:
            raise self._sink.too_large()

    def _end_part(self) -> None:
        self._is_in_file = False

    def _end(self) -> None:
        self._is_complete = True


def _broken_form(problem: str) -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST, f"The request is no whole form: {printable(problem.rstrip('.'))}."
    )


def _shown_name(name: bytes) -> str:
    text = name.decode("utf-8", "replace").strip()
    text = text if len(text) <= _MAX_NAME_LENGTH else f"{text[:_MAX_NAME_LENGTH]}..."
    return printable(text) or _NAMELESS
