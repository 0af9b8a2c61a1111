"""Host names and addresses as every resolver reads them, and where they lie.

`10.1`, `0xa.1` and `167772161` are 10.0.0.1 to some and names to others, so an address is
read in its one canonical form alone. What a name resolves to is not knowable here: names that
by convention or by their own letters mean this machine, this network or a cloud's metadata
service are a power of their own, and the egress proxy must pin the rest.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from counterfoil.core.actions.contract import Unreadable

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
# The WHATWG reads a name whose last label is a number as an IPv4 address.
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)

_METADATA: Final = frozenset(
    {
        "169.254.169.254",  # AWS, Azure, Google and most others
        "169.254.170.2",  # Amazon ECS tasks
        "169.254.170.23",  # Amazon EKS pods
        "168.63.129.16",  # Azure's host
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd20:ce::254]",
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "metadata.azure.internal",
        "instance-data",
        "instance-data.ec2.internal",
    }
)
_LOOPBACK_NAMES: Final = frozenset(
    {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "localtest.me"}
    | {"lvh.me", "vcap.me", "lacolhost.com", "localho.st"}
)
_LOOPBACK_BELOW: Final = (".localhost", ".localtest.me", ".lvh.me", ".vcap.me", ".lacolhost.com")
_PRIVATE_BELOW: Final = (
    *(".internal", ".local", ".localdomain", ".lan", ".intranet", ".corp", ".home", ".private"),
    *(".home.arpa", ".svc", ".test", ".invalid", ".onion"),
    # Names that hold the address they resolve to.
    *(".nip.io", ".sslip.io", ".xip.io", ".traefik.me", ".rebind.network", ".1u.ms"),
)
_EMBEDDING: Final = tuple(
    ipaddress.IPv6Network(net)
    for net in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48")
) + tuple(ipaddress.IPv6Network(net) for net in ("2002::/16", "2001::/32"))
_SHARED: Final = ipaddress.IPv4Network("100.64.0.0/10")


def read_host(text: str, span: tuple[int, int]) -> str:
    """The host in its one form: lower case; an IPv6 address keeps its brackets.

    Raises:
        Unreadable: resolvers read it differently, or its letters hide what it means.
    """
    host = text.lower()
    if host.startswith("["):
        _check_ipv6(host, span)
        return host
    if not _NAME.fullmatch(host):
        raise Unreadable("uncertain.http_host", "not labels of letters, digits and -", span)
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            ipaddress.IPv4Address(host)
        except ValueError as error:
            raise Unreadable("uncertain.http_host", "not the one form of IPv4", span) from error
    elif any(label.startswith("xn--") for label in labels):
        raise Unreadable("uncertain.http_host", "punycode hides its letters", span)
    return host


def _check_ipv6(host: str, span: tuple[int, int]) -> None:
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError as error:
        raise Unreadable("uncertain.http_host", "not an IPv6 address", span) from error
    if address.compressed != host[1:-1]:
        raise Unreadable("uncertain.http_host", f"write [{address.compressed}]", span)
    plain = address in {ipaddress.IPv6Address("::1"), ipaddress.IPv6Address("::")}
    if not plain and any(address in net for net in _EMBEDDING):
        raise Unreadable("uncertain.http_host", "an IPv4 address inside of IPv6", span)


def power_of(host: str) -> str | None:
    """Where a host lies: `metadata`, `loopback`, `private`, `special`, or None for anywhere.

    `special` is what belongs to no host: multicast, unspecified, reserved, documentation.
    """
    if host in _METADATA:
        return "metadata"
    address = _address(host)
    if address is None:
        return _power_of_name(host)
    if address.is_loopback:
        return "loopback"
    if address.is_link_local:
        return "metadata"
    if address.is_unspecified or address.is_multicast or address.is_reserved:
        return "special"
    if address in _SHARED:
        return "private"
    return None if address.is_global else "private"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if host.startswith("["):
        return ipaddress.IPv6Address(host[1:-1])
    last = host.rpartition(".")[2]
    return ipaddress.IPv4Address(host) if _NUMBER.fullmatch(last) else None


def _power_of_name(host: str) -> str | None:
    if host in _LOOPBACK_NAMES or host.endswith(_LOOPBACK_BELOW):
        return "loopback"
    if "." not in host or host.endswith(_PRIVATE_BELOW):
        return "private"
    return None
