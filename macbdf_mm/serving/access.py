"""Who may ask: the name that a request gives the server, where it comes from, and its token.

A server on 127.0.0.1 is within reach of every web page that its user visits. A page of a stranger
can send it a form (the browser then states where that comes from), and can have its own name
resolve to 127.0.0.1 to read the answers (the browser then states that name as the host).
"""

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Collection, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from macbdf_mm.serving.refusal import Refusal

_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
# Browsers ask the user for a name and a password, and send them with Basic.
_CHALLENGE = 'Basic realm="macbdf", charset="UTF-8"'


def check_access(
    method: str, headers: Mapping[str, str], token: str | None, allowed_hosts: Collection[str]
) -> None:
    """Return if a request may be looked at.

    Args:
        method: Of the request, such as ``POST``.
        headers: Of the request, by names in small letters.
        token: What it has to show; None if nothing has to be.
        allowed_hosts: Names of the server beside ``localhost`` and addresses.

    Raises:
        Refusal: 421 for another server's name, 401 without the token, 403 for the form of another
            site.
    """
    _check_host(headers.get("host", ""), allowed_hosts)
    if token is not None and not _shows(headers.get("authorization", ""), token):
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            "This server demands its token: send `Authorization: Bearer TOKEN`, or in a browser "
            "the token as the password of any user name.",
            {"WWW-Authenticate": _CHALLENGE},
        )
    if method not in _SAFE_METHODS and _is_of_another_site(headers):
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "The request comes from the page of another site, and only this server's own page may "
            "send files; a proxy has to pass on the header `Host` as it is.",
        )


def _check_host(header: str, allowed: Collection[str]) -> None:
    match = _HOST.fullmatch(header)
    if match is not None:
        name = (match["v6"] or match["name"]).lower().removesuffix(".")
        if name == "localhost" or name in allowed or _is_address(name):
            return
    raise Refusal(
        HTTPStatus.MISDIRECTED_REQUEST,
        "The request is for a server of another name; --allowed-host adds a name to this one.",
    )


def _is_address(name: str) -> bool:
    """Return whether a name is an address: nobody can have it resolve to another one."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _shows(authorization: str, token: str) -> bool:
    scheme, _, value = authorization.partition(" ")
    shown = value.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            shown = base64.b64decode(shown, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    # In a time that does not tell how much of it is right.
    return hmac.compare_digest(shown, token.encode())


def _is_of_another_site(headers: Mapping[str, str]) -> bool:
    """Return whether a browser says that the page of another site has made a request.

    Programs that are no browsers say nothing of this.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return False
    scheme, _, _ = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme.lower(), "")
    found, expected = urlsplit(origin).netloc.lower(), headers.get("host", "").lower()
    return found.removesuffix(port) != expected.removesuffix(port)
