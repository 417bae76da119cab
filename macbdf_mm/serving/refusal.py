"""Why a request is not answered with a prediction."""

from collections.abc import Mapping
from http import HTTPStatus


class Refusal(Exception):
    """An answer other than a prediction: a status of HTTP and one sentence.

    Args:
        status: Such as 413.
        sentence: What is wrong, the value that was found, and what to do.
        headers: Further ones of the answer.
        details: Further entries of the answer as JSON.
    """

    def __init__(
        self,
        status: HTTPStatus,
        sentence: str,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})
        self.details = dict(details or {})
