"""Attacks on what a request means: each permits nothing, beside honest requests that do.

`ALLOWED` goes to the origin of the test's policy, which lets an agent GET and POST below
`/v1/orders`. `BEYOND` are tricks that a generous policy (everything below `/`, every query
parameter) must not let through either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

ORIGIN: Final = "https://orders.example.com"
OK: Final = f"{ORIGIN}/v1/orders"
Arguments = Mapping[str, Any]


def get(url: str, method: str = "GET", **more: Any) -> Arguments:
    return {"method": method, "url": url, **more}


def header(name: str, value: str = "x") -> Arguments:
    return get(OK, headers={name: value})


ALLOWED: Final[Mapping[str, Arguments]] = {
    "the collection": get(OK),
    "one order": get(f"{OK}/17"),
    "with a parameter": get(f"{OK}?limit=20"),
    "scheme and host in capitals": get("HTTPS://Orders.Example.COM/v1/orders"),
    "the scheme's own port": get("https://orders.example.com:443/v1/orders"),
    "an escaped blank": get(f"{OK}/a%20b"),
    "a plain header": header("Accept", "application/json"),
    "a new order": get(OK, "POST", body='{"id":1}', headers={"Content-Type": "application/json"}),
}

_HOSTS: Final = {
    "userinfo that looks like the host": "https://orders.example.com@evil.example/v1/orders",
    "userinfo with a password": "https://a:b@orders.example.com/v1/orders",
    "an empty userinfo": "https://@orders.example.com/v1/orders",
    "a backslash before the at sign": "https://evil.example\\@orders.example.com/v1/orders",
    "a backslash as a slash": "https://orders.example.com\\.evil.example/v1/orders",
    "a backslash in the path": f"{ORIGIN}/v1/orders\\..\\admin",
    "backslashes for the authority": "https:\\\\orders.example.com\\v1\\orders",
    "a tab in the host": "https://orders.exa\tmple.com/v1/orders",
    "a newline in the host": "https://orders.example.com\n.evil.example/v1/orders",
    "a newline after the URL": f"{OK}\n",
    "a carriage return and a header": f"{OK}\r\nX-Evil: 1",
    "a blank in front": f" {OK}",
    "a blank behind": f"{OK} HTTP/1.1",
    "a NUL in the path": f"{OK}\x00.json",
    "a soft hyphen in the host": "https://orders.exam\u00adple.com/v1/orders",
    "a zero width space in the host": "https://orders.example.com\u200b/v1/orders",
    "full-width letters": "https://\uff4frders.example.com/v1/orders",
    "an ideographic full stop": "https://orders\u3002example.com/v1/orders",
    "a Cyrillic letter": "https://\u043erders.example.com/v1/orders",
    "punycode": "https://xn--rders-ope.example.com/v1/orders",
    "an escaped dot in the host": "https://orders%2eexample.com/v1/orders",
    "a trailing dot": "https://orders.example.com./v1/orders",
    "two dots": "https://orders..example.com/v1/orders",
    "an underscore": "https://orders_.example.com/v1/orders",
    "a label that begins with a hyphen": "https://-orders.example.com/v1/orders",
    "a label of 64 letters": f"https://{'a' * 64}.example.com/v1/orders",
    "no scheme": "//orders.example.com/v1/orders",
    "no authority": "https:orders.example.com/v1/orders",
    "three slashes": "https:///orders.example.com/v1/orders",
    "a relative reference": "/v1/orders",
    "another scheme": "ftp://orders.example.com/v1/orders",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://orders.example.com:25/_HELO",
    "a data URL": "data:text/html,x",
    "javascript": "javascript:alert(1)",
    "a unix socket": "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "port zero": "https://orders.example.com:0/v1/orders",
    "a port beyond the last": "https://orders.example.com:65979/v1/orders",
    "a port with a zero in front": "https://orders.example.com:0443/v1/orders",
    "a port with a sign": "https://orders.example.com:+443/v1/orders",
    "a port with an underscore": "https://orders.example.com:4_43/v1/orders",
    "a port in Arabic digits": "https://orders.example.com:\u0664\u0664\u0663/v1/orders",
    "an empty port": "https://orders.example.com:/v1/orders",
    "a fragment": f"{OK}#/admin",
    "a fragment before an at sign": "https://orders.example.com#@evil.example/",
    "a question mark before an at sign": "https://evil.example?@orders.example.com/v1/orders",
    "two thousand letters": f"{OK}/{'a' * 2048}",
}
_NUMBERS: Final = {
    "loopback as a decimal": "http://2130706433/",
    "loopback as hexadecimal": "http://0x7f000001/",
    "loopback as octal": "http://0177.0.0.1/",
    "loopback in two parts": "http://127.1/",
    "loopback in three parts": "http://127.0.1/",
    "loopback with zeros": "http://127.000.000.001/",
    "loopback mixed": "http://0x7f.1/",
    "metadata as a decimal": "http://2852039166/latest/meta-data/",
    "metadata as hexadecimal": "http://0xa9fea9fe/latest/meta-data/",
    "metadata as octal": "http://0251.0376.0251.0376/latest/meta-data/",
    "metadata in IPv6": "http://[::ffff:169.254.169.254]/latest/meta-data/",
    "metadata in IPv6, hexadecimal": "http://[::ffff:a9fe:a9fe]/latest/meta-data/",
    "loopback in IPv6": "http://[::ffff:127.0.0.1]/",
    "loopback by NAT64": "http://[64:ff9b::7f00:1]/",
    "metadata by 6to4": "http://[2002:a9fe:a9fe::1]/",
    "loopback by Teredo": "http://[2001:0:7f00:1::]/",
    "loopback, compatible": "http://[::127.0.0.1]/",
    "IPv6 written out": "http://[0:0:0:0:0:0:0:1]/",
    "IPv6 in capitals": "http://[FE80::1]/",
    "IPv6 with a zone": "http://[fe80::1%25eth0]/",
    "IPv6 without an end": "http://[::1/",
    "digits of another script": "http://\uff11\uff12\uff17.0.0.1/",
    "circled digits": "http://\u2460\u2461\u2466.0.0.1/",
    "a name that ends in a number": "https://orders.example.1/",
    "a name that ends in a hexadecimal number": "https://orders.example.0x1/",
    "five parts": "http://127.0.0.1.1/",
}
_PATHS: Final = {
    "dot dot": f"{OK}/../../admin",
    "dot": f"{OK}/./17",
    "dot dot at the end": f"{OK}/..",
    "escaped dots": f"{OK}/%2e%2e/%2e%2e/admin",
    "escaped dots in capitals": f"{OK}/%2E%2E/admin",
    "one dot escaped": f"{OK}/.%2e/admin",
    "an escaped slash": f"{OK}/..%2f..%2fadmin",
    "an escaped backslash": f"{OK}/..%5c..%5cadmin",
    "escaped twice": f"{OK}/%252e%252e/admin",
    "dot dot with a parameter": f"{OK}/..;/admin",
    "dot with a parameter": f"{OK}/.;x/admin",
    "an escaped semicolon": f"{OK}/..%3b/admin",
    "an empty segment": f"{ORIGIN}//v1/orders",
    "an empty segment within": f"{ORIGIN}/v1//orders",
    "an escaped question mark": f"{OK}%3f/admin",
    "an escaped hash": f"{OK}%23/admin",
    "an escaped NUL": f"{OK}%00",
    "an escaped newline": f"{OK}%0d%0aX-Evil:%201",
    "an escaped letter": f"{ORIGIN}/v1/%6frders",
    "an escape that is none": f"{OK}/%zz",
    "half an escape": f"{OK}/%2",
    "overlong UTF-8": f"{OK}/%c0%ae%c0%ae/admin",
    "a raw right-to-left override": f"{OK}/\u202etxt",
}
_QUERIES: Final = {
    "the method in the query": f"{OK}?_method=DELETE",
    "the method in the query, capitals": f"{OK}?_METHOD=DELETE",
    "the method after another parameter": f"{OK}?limit=1&_method=DELETE",
    "the method after a semicolon": f"{OK}?limit=1;_method=DELETE",
    "an escaped escape": f"{OK}?limit=%2531",
    "an escaped letter in the query": f"{OK}?%6cimit=1",
    "a backslash in the query": f"{OK}?limit=\\",
    "a NUL in the query": f"{OK}?limit=%00",
    "a newline in the query": f"{OK}?limit=1\n2",
}
_HEADERS: Final = {
    name: header(name, value)
    for name, value in {
        "Host": "evil.example",
        "host": "evil.example",
        "Transfer-Encoding": "chunked",
        "Content-Length": "0",
        "Connection": "close",
        "Upgrade": "websocket",
        "Forwarded": "for=127.0.0.1",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "X-HTTP-Method": "DELETE",
        "X-HTTP-Method-Override": "DELETE",
        "X-Method-Override": "DELETE",
        "X-Original-URL": "/admin",
        "X-Rewrite-URL": "/admin",
        "X-Real-IP": "127.0.0.1",
        "Proxy-Authorization": "Basic eA==",
        "TE": "trailers",
        "Trailer": "X-Evil",
        "Expect": "100-continue",
        "Accept ": "text/plain",
        "Accept\r\nX-Evil": "1",
        ":authority": "evil.example",
        "X-Unknown": "1",
    }.items()
} | {
    "a newline in a value": header("Accept", "a\r\nX-Evil: 1"),
    "a newline after a value": header("Accept", "a\n"),
    "a NUL in a value": header("Accept", "a\x00"),
    "a value beyond ASCII": header("Accept", "\u00e4"),
    "one header in two spellings": get(OK, headers={"Accept": "a", "accept": "b"}),
}
_REQUESTS: Final = {
    "another method": get(OK, "TRACE"),
    "a method in small letters": get(OK, "get"),
    "CONNECT": get("https://orders.example.com", "CONNECT"),
    "a method with a blank": get(OK, "GET /admin HTTP/1.1\r\nX:"),
    "WebDAV": get(OK, "MOVE"),
    "a body with GET": get(OK, body="x"),
    "the method in a form": get(OK, "POST", body="_method=DELETE&x=1"),
    "the method in a form, escaped": get(OK, "POST", body="%5fmethod=DELETE"),
}
BEYOND_ROLES: Final[Mapping[str, Arguments]] = {
    "a credential of the agent's own": header("Authorization", "Bearer x"),
    "a cookie": header("Cookie", "a=b"),
    "an API key": header("X-Api-Key", "k"),
    "loopback": get("http://127.0.0.1/"),
    "loopback by name": get("http://localhost:8282/token"),
    "loopback by IPv6": get("http://[::1]:8282/"),
    "loopback by a public name": get("http://localtest.me/"),
    "loopback below a public name": get("http://a.b.lvh.me/"),
    "loopback by nip.io": get("http://127.0.0.1.nip.io/"),
    "unspecified": get("http://0.0.0.0:8282/"),
    "a private network": get("http://10.0.0.5/"),
    "another private network": get("http://192.168.1.1/"),
    "a carrier's network": get("http://100.64.0.1/"),
    "a unique local address": get("http://[fd00::1]/"),
    "the metadata service": get("http://169.254.169.254/latest/meta-data/iam/"),
    "the metadata service of Google": get("http://metadata.google.internal/computeMetadata/v1/"),
    "the metadata service of Alibaba": get("http://100.100.100.200/latest/meta-data/"),
    "the metadata service by IPv6": get("http://[fd00:ec2::254]/latest/meta-data/"),
    "the cluster's API": get("https://kubernetes.default.svc/api/v1/secrets"),
    "a name of one label": get("http://vault/v1/secret"),
    "an internal name": get("http://db.internal/"),
    "another path": get(f"{ORIGIN}/admin"),
    "a path that begins alike": get(f"{ORIGIN}/v1/orders2"),
    "a path in other letters": get(f"{ORIGIN}/V1/orders"),
    "a method that no role has": get(f"{OK}/17", "DELETE"),
    "a parameter that no role names": get(f"{OK}?as_user=root"),
    "another origin": get("https://evil.example/v1/orders"),
    "a longer origin": get("https://orders.example.com.evil.example/v1/orders"),
    "another port": get("https://orders.example.com:8443/v1/orders"),
    "no TLS": get("http://orders.example.com/v1/orders"),
}
BEYOND: Final[Mapping[str, Arguments]] = {
    **{
        name: get(url)
        for group in (_HOSTS, _NUMBERS, _PATHS, _QUERIES)
        for name, url in group.items()
    },
    **{f"header {name!r}": arguments for name, arguments in _HEADERS.items()},
    **_REQUESTS,
}
UNSENDABLE: Final[Mapping[str, Arguments]] = {
    "half of a character in the path": get(f"{OK}/\ud800"),
    "half of a character in the query": get(f"{OK}?limit=\udfff"),
    "half of a character in the body": get(OK, "POST", body="\ud800"),
}
"""No request can carry them; a reader of its own refuses them all the same."""
ATTACKS: Final[Mapping[str, Arguments]] = {**BEYOND, **BEYOND_ROLES}
