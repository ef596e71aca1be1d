"""Where the server is to be found, and what follows from it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from botbox_cli.errors import UsageError

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?")
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Place:
    """An address to listen on. `names` are the host names that browsers may ask for, beside those of loopback."""

    host: str = "127.0.0.1"
    port: int = 8787
    names: frozenset[str] = frozenset()
    cert: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine comes in: on loopback, and no proxy brings others there."""
        return is_loopback(self.host) and not self.behind_proxy

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by HTTPS."""
        return self.cert is not None or self.behind_proxy

    @property
    def cookie(self) -> str:
        """Return the name of the cookie. Ports of a host share their cookies, so it names the port."""
        return "__Host-botbox" if self.is_secure else f"botbox-{self.port}"

    @property
    def url(self) -> str:
        """Return where the page is, as far as this end knows."""
        host = next(iter(sorted(self.names)), self.host)
        shown = f"[{host}]" if ":" in host else host
        if self.behind_proxy:
            return f"https://{shown}"
        return f"{'https' if self.is_secure else 'http'}://{shown}:{self.port}"

    def allows(self, host: str) -> bool:
        """Tell whether a Host header names this server. Another name is another site that points here."""
        found = _HOST.fullmatch(host.lower())
        if found is None:
            return False
        name = found[1] or found[2]
        return (
            name in LOOPBACK_NAMES or name in self.names or (name == self.host.lower() and not is_any(name))
        )


def checked_place(
    host: str, port: int, *, names: list[str], cert: Path | None, key: Path | None, behind_proxy: bool
) -> Place:
    """Return the place that was asked for.

    Raises:
        UsageError: If it would be open to others without encryption, or nobody could say its name.
    """
    if (cert is None) != (key is None):
        raise UsageError("--tls-cert and --tls-key belong together", "give both, or none")
    for file in (cert, key):
        if file is not None and not file.is_file():
            raise UsageError(f"there is no file {file}", "name the PEM files of the certificate and its key")
    if not is_loopback(host) and cert is None and not behind_proxy:
        raise UsageError(
            f"--host {host} would serve others without encryption",
            "give --tls-cert and --tls-key, or --behind-proxy if a proxy in front speaks HTTPS",
        )
    known = frozenset(name.strip().lower() for name in names)
    if not known and (behind_proxy or is_any(host)):
        raise UsageError(
            "browsers must be told apart from other sites by the name they ask for, and none is given",
            "add --name desk.example.org, as it stands in the browser's address",
        )
    return Place(host, port, known, cert, key, behind_proxy)


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is this machine's alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_any(host: str) -> bool:
    """Tell whether an address means all addresses of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def client_name(address: str) -> str:
    """Return how a client is counted: an IPv6 network of 64 bits is one client, for it is one customer's."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        if not ip.is_loopback:
            return str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
    return str(ip)
