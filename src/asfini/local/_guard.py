"""Who may ask the endpoint: programs on this machine, and no web page."""

import ipaddress
import re
import socket

from aiohttp import web

from asfini import _checks, errors


class Guard:
    """Keeps web pages out: a browser says where a page is from, and by which name it found the host.

    Args:
        host: where the endpoint listens.
        allow_remote: whether other machines may ask.
    """

    def __init__(self, host: str, allow_remote: bool) -> None:
        self._hosts = {"localhost", host.lower(), *([socket.gethostname().lower()] if allow_remote else [])}
        self._allow_remote = allow_remote

    def refuses(self, request: web.BaseRequest) -> str | None:
        """Why a request is refused, if it is."""
        if "Origin" in request.headers:
            return "a web page must not ask: the request has an Origin"
        host = request.headers.get("Host", "")
        if self._allows(_name_in(host)):
            return None
        return f"the request is for the host {host[:100]!r}, which is not this one"

    def _allows(self, name: str) -> bool:
        if name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:  # a name without a dot is nothing that the public could register
            return self._allow_remote and name != "" and "." not in name
        return self._allow_remote or address.is_loopback


_HOST = re.compile(r"(?:sync-)?(?:\[([0-9a-f:.]+)\]|([^:\[\]]*))(?::[0-9]*)?")
"""A Host header in small letters: perhaps what SDKs put before it, an address or a name, perhaps a port."""


def _name_in(host: str) -> str:
    """The name in a Host header; empty if there is none."""
    found = _HOST.fullmatch(host.lower())
    return "" if found is None else found[1] or found[2]


def check_host(host: str, allow_remote: bool) -> None:
    """Refuse to listen for other machines unless that is wanted.

    Raises:
        InvalidArgument: it is not.
    """
    _checks.names(host=host)
    if host is None:
        raise errors.InvalidArgument(f"host is an address, not {host!r}")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not (loopback or allow_remote):
        raise errors.InvalidArgument(
            f"host {host!r} would let other machines in, who could start executions: allow_remote=True does"
        )
