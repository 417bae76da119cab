"""What surrounds every answer: who may ask, headers, a line in the log, and the end of a server."""

import asyncio
import logging
import time
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from macbdf_mm.serving.access import check_access
from macbdf_mm.serving.refusal import Refusal
from macbdf_mm.serving.settings import Settings
from macbdf_mm.utils.tables import printable

LOGGER = logging.getLogger("macbdf_mm.serving")
# Pages have styles and pictures of their own; scripts come from this server, and nothing else may.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Nothing is told to other sites. With `no-referrer` browsers would not even say that the form
    # comes from this server's own page, which has to be known.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_MAX_LOGGED = 100
# How long a client may go on sending what is not wanted any more: one that finds the connection
# closed before it has sent all may not read why.
_DRAIN_SECONDS = 30.0
_DRAIN_STALL_SECONDS = 2.0


class Envelope:
    """An application of ASGI around another one.

    Args:
        app: What answers requests that may be looked at.
        settings: Who may ask.
        refuse: Makes the answer to a path that a refusal is.
        stopping: Set when the server ends: all that is under way is dropped.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        refuse: Callable[[str, Refusal], Response],
        stopping: asyncio.Event,
    ) -> None:
        self._app = app
        self._settings = settings
        self._refuse = refuse
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        begin = time.monotonic()
        exchange = _Exchange(scope, receive, send)
        try:
            await self._answer(scope, exchange)
        except Exception:
            LOGGER.exception("A request ended with an error that is a bug of the server:")
            if exchange.status is None:
                sentence = "The server failed on this request; its log says why."
                await self._send(scope, exchange, HTTPStatus.INTERNAL_SERVER_ERROR, sentence)
        finally:
            LOGGER.info("%s", _line(scope, exchange, time.monotonic() - begin))

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        headers = Headers(scope=scope)
        try:
            settings = self._settings
            check_access(scope["method"], headers, settings.token, settings.allowed_hosts)
        except Refusal as refusal:
            response = self._refuse(scope["path"], refusal)
            await response(scope, exchange.receive, exchange.send)
            return
        work = asyncio.ensure_future(self._app(scope, exchange.receive, exchange.send))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if not work.cancelled():
            work.result()
        elif exchange.status is None:
            exchange.is_draining = False
            sentence = "The server is being stopped."
            await self._send(scope, exchange, HTTPStatus.SERVICE_UNAVAILABLE, sentence)

    async def _send(
        self, scope: Scope, exchange: "_Exchange", status: HTTPStatus, sentence: str
    ) -> None:
        response = self._refuse(scope["path"], Refusal(status, sentence))
        await response(scope, exchange.receive, exchange.send)


class _Exchange:
    """A request and its answer as they pass.

    Attributes:
        status: Of the answer; None before it begins.
        is_gone: Whether the client went away before it began.
        is_draining: Whether the rest of a request is still taken after an early answer.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        headers = Headers(scope=scope)
        self._has_more = "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
        self.status: int | None = None
        self.is_gone = False
        self.is_draining = True

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._has_more = False
        if message["type"] == "http.disconnect" and self.status is None:
            self.is_gone = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(raw=message["headers"])
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if self._has_more:
                headers["Connection"] = "close"
        elif self._has_more and self.is_draining and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while self._has_more:
                    async with asyncio.timeout(_DRAIN_STALL_SECONDS):
                        await self.receive()
        except TimeoutError:
            pass


def _line(scope: Scope, exchange: _Exchange, seconds: float) -> str:
    """Return what the log says of a request: nothing of its content, and names on one line."""
    client = scope["client"][0] if scope.get("client") else "-"
    state = scope.get("state", {})
    outcome = "gone" if exchange.is_gone else str(exchange.status)
    words = [client, scope["method"], _logged(scope["path"]), outcome]
    if upload := state.get("upload"):
        words += [f"{upload.num_bytes} bytes", f"'{_logged(upload.name)}'"]
    return " ".join([*words, f"{seconds:.1f} s"])


def _logged(text: str) -> str:
    return printable(text if len(text) <= _MAX_LOGGED else f"{text[:_MAX_LOGGED]}...")
