"""The address on which a server listens."""

import errno
import ipaddress
import socket

from macbdf_mm.errors import ConfigError


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address; it takes no connection yet.

    Args:
        host: A name or an address.
        port: 0 takes any that is free.

    Raises:
        ConfigError: If it cannot be had.
    """
    if not 0 <= port < 2**16:  # The library would take it modulo that.
        raise ConfigError(f"Cannot listen on port {port}: expected a number from 0 to 65535.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        return listener
    except OSError as error:
        remedy = "name another one with --port" if _is_taken(error) else "check --host and --port"
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"Cannot listen on port {port} of '{host}': {reason}; {remedy}."
        ) from None


def is_local(host: str) -> bool:
    """Return whether only this machine reaches an address: all that the name stands for.

    Raises:
        ConfigError: If the name stands for no address.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise ConfigError(f"Cannot listen on '{host}': {reason}; check --host.") from None
    return all(
        ipaddress.ip_address(str(item[4][0]).partition("%")[0]).is_loopback for item in found
    )


def url_of(listener: socket.socket) -> str:
    """Return where a server is that has this socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_taken(error: OSError) -> bool:
    return error.errno in (errno.EADDRINUSE, errno.EACCES)
