"""The routes of the server: a page with a form, the report of a video, its scores as JSON."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive

from macbdf_mm.apis.prediction import Prediction
from macbdf_mm.reports.page import render_page
from macbdf_mm.serving.envelope import LOGGER, Envelope
from macbdf_mm.serving.receive_upload import FIELD, NAME_HEADER, receive_upload
from macbdf_mm.serving.refusal import Refusal
from macbdf_mm.serving.scoring_queue import ScoringQueue
from macbdf_mm.serving.settings import Settings
from macbdf_mm.serving.upload_folder import UploadFolder
from macbdf_mm.serving.upload_job import UploadAnswer, UploadJob
from macbdf_mm.utils.jobs import Death, Outcome
from macbdf_mm.version import __version__

# What a person looks at; all other answers are JSON.
_PAGES = ("/", "/report")
# Those who get them are told nothing of this server.
_STRANGERS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST)
# The client has closed the connection; nobody reads this.
_GONE = Response(status_code=HTTPStatus.BAD_REQUEST)


@dataclass(frozen=True, kw_only=True)
class ScoredUpload(Prediction):
    """A prediction, and by which weights.

    Attributes:
        checkpoint_sha256: Digest of the file with the weights.
    """

    checkpoint_sha256: str


@dataclass(frozen=True)
class Health:
    """What a server is doing.

    Attributes:
        status: ``ok``.
        version: Of this package.
        checkpoint_sha256: Digest of the file with the weights.
        num_held: Requests that are received, wait or are computed.
        capacity: How many there may be.
    """

    status: str
    version: str
    checkpoint_sha256: str
    num_held: int
    capacity: int


def make_app(
    settings: Settings,
    queue: ScoringQueue,
    folder: UploadFolder,
    checkpoint_sha256: str,
    caveats: Sequence[str],
    stopping: asyncio.Event,
) -> ASGIApp:
    """Return the application of ASGI.

    Args:
        settings: What it takes, and from whom.
        queue: Computes :class:`~macbdf_mm.serving.upload_job.UploadJob`.
        folder: Where files are while they are computed.
        checkpoint_sha256: Digest of the file with the weights.
        caveats: What holds for all scores.
        stopping: Set when the server ends.
    """

    def refuse(path: str, refusal: Refusal) -> Response:
        if path not in _PAGES:
            content = {"error": refusal.sentence, **refusal.details}
            return JSONResponse(content, refusal.status, refusal.headers)
        if refusal.status in _STRANGERS:
            page = render_page("page.html.j2", title=refusal.sentence)
            return HTMLResponse(page, refusal.status, refusal.headers)
        return _form_page(settings, checkpoint_sha256, caveats, refusal)

    async def compute(request: Request, has_page: bool) -> UploadAnswer:
        """Return what came of a request's video, which is gone by then."""
        with queue.admitted(), folder.new_file() as (path, file):
            upload = await receive_upload(request, file, settings)
            request.scope.setdefault("state", {})["upload"] = upload
            job = UploadJob(path, upload.name, has_page)
            return _answer_of(await _while_connected(request.receive, queue, job))

    app = FastAPI(
        title="macbdf",
        summary="Audio-visual deepfake detection",
        version=__version__,
        # Their pages would load scripts from other servers.
        docs_url=None,
        redoc_url=None,
    )

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    async def form() -> Response:
        return _form_page(settings, checkpoint_sha256, caveats)

    @app.get("/upload.js", include_in_schema=False)
    async def script() -> Response:
        return Response(_read("upload.js"), media_type="text/javascript")

    @app.get("/health")
    async def health() -> Health:
        return Health("ok", __version__, checkpoint_sha256, queue.num_held, queue.capacity)

    @app.post("/predict", response_model=ScoredUpload, **_upload_schema("Its scores."))
    async def predict(request: Request) -> Response:
        answer = await compute(request, has_page=False)
        content = {**answer.prediction, "checkpoint_sha256": checkpoint_sha256}
        return JSONResponse(content, _status_of(answer))

    @app.post("/report", response_class=HTMLResponse, **_upload_schema("Its report, a page."))
    async def report(request: Request) -> Response:
        answer = await compute(request, has_page=True)
        if answer.page is None:
            raise Refusal(_status_of(answer), str(answer.prediction["error"]))
        return HTMLResponse(answer.page)

    @app.exception_handler(Refusal)
    async def answer_refusal(request: Request, refusal: Refusal) -> Response:
        return refuse(request.url.path, refusal)

    @app.exception_handler(HTTPException)
    async def answer_wrong_route(request: Request, error: HTTPException) -> Response:
        sentence = f"{error.detail}: GET / has the form, and POST /predict and /report take videos."
        return refuse(
            request.url.path, Refusal(HTTPStatus(error.status_code), sentence, error.headers)
        )

    @app.exception_handler(ClientDisconnect)
    async def forget(request: Request, error: ClientDisconnect) -> Response:
        return _GONE

    return Envelope(app, settings, refuse, stopping)


async def _while_connected(receive: Receive, queue: ScoringQueue, job: UploadJob) -> Outcome:
    """Return the outcome of a job, which is dropped if the client goes away.

    Raises:
        ClientDisconnect: If it does.
    """
    work = asyncio.ensure_future(queue.score(job))
    # All of the request has come: the next message is that the connection is closed.
    gone = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        work.cancel()
        gone.cancel()


def _answer_of(outcome: Outcome) -> UploadAnswer:
    """Return the answer that a process gave.

    Raises:
        Refusal: 500 or 504 if it gave none.
    """
    if isinstance(outcome, Death):
        if outcome.status == "timed out":
            raise Refusal(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"The video was {outcome.reason}, and was given up; send a shorter one.",
            )
        raise Refusal(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f"The video has no scores: {outcome.reason}, which may be the fault of the video or "
            "a lack of memory; the server goes on.",
        )
    if isinstance(outcome, Exception):
        LOGGER.error("A video ended with an error that is a bug of the server:", exc_info=outcome)
        raise Refusal(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "The server failed on this video; its log says why.",
        )
    [answer] = outcome
    if answer["status"] == "done":
        value: UploadAnswer = answer["value"]
        return value
    raise Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, str(answer["error"]))


def _status_of(answer: UploadAnswer) -> HTTPStatus:
    if answer.is_too_long:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if answer.prediction["status"] == "error":
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.OK


def _form_page(
    settings: Settings,
    checkpoint_sha256: str,
    caveats: Sequence[str],
    refusal: Refusal | None = None,
) -> Response:
    page = render_page(
        "upload.html.j2",
        title="Is this video real?",
        field=FIELD,
        max_bytes=settings.max_bytes,
        max_seconds=settings.max_seconds,
        has_token=settings.token is not None,
        checkpoint_sha256=checkpoint_sha256,
        caveats=caveats,
        version=__version__,
        problem=None if refusal is None else refusal.sentence,
    )
    status = HTTPStatus.OK if refusal is None else refusal.status
    return HTMLResponse(page, status, None if refusal is None else refusal.headers)


def _read(name: str) -> bytes:
    return files("macbdf_mm.serving").joinpath(name).read_bytes()


def _upload_schema(description: str) -> dict[str, Any]:
    """Return what the published schema says of a route that takes a video."""
    binary = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {FIELD: binary}, "required": [FIELD]}
    error: Mapping[str, Any] = {
        "type": "object",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
    }
    reasons = {
        400: "No file, or no whole form.",
        408: "The upload was too slow.",
        413: "The file is too large, or the video too long.",
        415: "The body is of another kind.",
        422: "The file cannot be decoded; `error` says why.",
        429: "The queue is full; `Retry-After` says when to try again.",
        500: "The process that computed it has ended.",
        504: "Computing took too long.",
        507: "No space is left for the file.",
    }
    name = {
        "name": NAME_HEADER,
        "in": "header",
        "description": "Name of a file that is sent as the body, percent-encoded.",
        "schema": {"type": "string"},
    }
    return {
        "response_description": description,
        "responses": {
            status: {"description": reason, "content": {"application/json": {"schema": error}}}
            for status, reason in reasons.items()
        },
        "openapi_extra": {
            "parameters": [name],
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": {"schema": form},
                    "application/octet-stream": {"schema": binary},
                },
            },
        },
    }
