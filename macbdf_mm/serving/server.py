"""The server from its start to its end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from macbdf_mm.serving.app import make_app
from macbdf_mm.serving.envelope import LOGGER
from macbdf_mm.serving.listen import url_of
from macbdf_mm.serving.scoring_queue import ScoringQueue
from macbdf_mm.serving.settings import Settings
from macbdf_mm.serving.upload_folder import UploadFolder
from macbdf_mm.utils.jobs import Worker

# For a request's line and headers; its body has a limit of its own.
_HEAD_SECONDS = 20.0
_MAX_HEAD_BYTES = 2**15
_MAX_CONNECTIONS = 200
# What is under way is dropped at once; this is for what is being sent.
_STOP_SECONDS = 3


def serve(
    listener: socket.socket, worker: Worker, caveats: Sequence[str], settings: Settings
) -> None:
    """Answer requests until SIGINT (Ctrl-C) or SIGTERM; then nothing is left behind.

    Args:
        listener: Of :func:`~macbdf_mm.serving.listen.open_socket`.
        worker: What the processes that compute do: they answer an
            :class:`~macbdf_mm.serving.upload_job.UploadJob` with an
            :class:`~macbdf_mm.serving.upload_job.UploadAnswer`, and None with the digest of the
            weights.
        caveats: What holds for all scores.
        settings: Limits, and who may ask.

    Raises:
        KeyboardInterrupt: After SIGINT.
        ConfigError: If the config of the model is wrong, or the device is not there.
        CheckpointMismatchError: If the weights do not fit the model.
    """
    _log_to_stderr()
    if asyncio.run(_serve(listener, worker, caveats, settings)) == signal.SIGINT:
        raise KeyboardInterrupt


async def _serve(
    listener: socket.socket, worker: Worker, caveats: Sequence[str], settings: Settings
) -> int:
    """Return the signal that has ended the server."""
    loop = asyncio.get_running_loop()
    end: asyncio.Future[int] = loop.create_future()

    def end_by(number: int) -> None:
        if not end.done():
            end.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end_by, number)
    queue = ScoringQueue(
        worker, settings.num_workers, settings.capacity, settings.time_limit_seconds
    )
    try:
        starting = asyncio.ensure_future(queue.start())
        if await _is_ended_before(end, starting):
            starting.cancel()
            return end.result()
        checkpoint_sha256 = starting.result()[0]
        with UploadFolder() as folder:
            stopping = asyncio.Event()
            app = make_app(settings, queue, folder, checkpoint_sha256, caveats, stopping)
            server = _Server(_config(app))
            serving = asyncio.ensure_future(server.serve(sockets=[listener]))
            await _is_ended_before(end, serving)
            stopping.set()
            server.should_exit = True
            await serving
        return end.result()
    finally:
        listener.close()
        await queue.stop()


async def _is_ended_before(end: "asyncio.Future[int]", work: "asyncio.Future[Any]") -> bool:
    """Return whether a signal comes before some work is done; wait for one of them."""
    await asyncio.wait([end, work], return_when=asyncio.FIRST_COMPLETED)
    return not work.done()


class _Server(uvicorn.Server):
    """The server, which leaves signals to us: its own way would end us before we tidy up."""

    def capture_signals(self) -> Any:
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            print(f"Listening on {url_of(listener)} (Ctrl-C ends it)", flush=True)


class _Protocol(H11Protocol):
    """HTTP on one connection, which is closed if the head of a request does not come in time."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._close_if_headless)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def _close_if_headless(self) -> None:
        if self.cycle is None:
            self.transport.close()


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        # What a proxy says of its clients is said by whoever connects to us.
        proxy_headers=False,
        limit_concurrency=_MAX_CONNECTIONS,
        h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )


def _log_to_stderr() -> None:
    """Have one line a request, and what goes wrong, on stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    for logger, level in ((LOGGER, logging.INFO), (logging.getLogger("uvicorn.error"), 30)):
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(handler)
