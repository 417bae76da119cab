"""Addresses to listen on, and which of them only this machine reaches."""

import socket

import pytest

from macbdf_mm.errors import ConfigError
from macbdf_mm.serving.listen import is_local, open_socket, url_of


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
    ],
)
def test_which_addresses_are_local(host, local):
    assert is_local(host) is local


def test_a_name_of_no_address():
    with pytest.raises(ConfigError, match=r"Cannot listen on 'name.invalid': .*check --host"):
        is_local("name.invalid")


def test_a_port_that_is_taken():
    with open_socket("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        assert url_of(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match=f"port {port} of '127.0.0.1'.*another one with --p"):
            open_socket("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 65536])
def test_numbers_that_are_no_port(port):
    with pytest.raises(ConfigError, match=f"Cannot listen on port {port}"):
        open_socket("127.0.0.1", port)


def test_an_address_of_another_machine():
    with pytest.raises(ConfigError, match="check --host and --port"):
        open_socket("192.0.2.1", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_the_address_of_ipv6_stands_in_brackets():
    with open_socket("::1", 0) as listener:
        assert url_of(listener).startswith("http://[::1]:")
