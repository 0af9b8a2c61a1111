"""A registry's client as docker and oras are: it is told the realm, asks it by Basic, and acts.

It knows a user name and a password and nothing else. What it does are the usual jobs: each is
one function of a client and an image reference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import requests

from counterfoil.core.actions.images import parse_image

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
SECONDS = 20
OK, CREATED, ACCEPTED, UNAUTHORIZED = 200, 201, 202, 401


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


@dataclass(slots=True)
class Client:
    """Speaks to one registry as one user."""

    url: str
    username: str
    password: str
    session: requests.Session = field(default_factory=_session)

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request; where a token is wanted, get one and send it again."""
        url = path if path.startswith("http") else self.url + path
        answer = self.session.request(method, url, timeout=SECONDS, **more)
        if answer.status_code != UNAUTHORIZED:
            return answer
        challenge = dict(_PARAMETER.findall(answer.headers["WWW-Authenticate"]))
        token = self.token(challenge["realm"], challenge["service"], challenge.get("scope"))
        if token is None:
            return answer
        headers = {**more.pop("headers", {}), "Authorization": f"Bearer {token}"}
        return self.session.request(method, url, timeout=SECONDS, headers=headers, **more)

    def token(self, realm: str, service: str, scope: str | None) -> str | None:
        """What the realm gives; None where it gives nothing."""
        answer = self.ask(realm, {"service": service, **({"scope": scope} if scope else {})})
        return str(answer.json()["token"]) if answer.status_code == OK else None

    def ask(self, realm: str, parameters: dict[str, Any]) -> requests.Response:
        """`GET` of the realm, by Basic."""
        who = (self.username, self.password)
        return self.session.get(realm, params=parameters, auth=who, timeout=SECONDS)

    def upload(self, repository: str, content: bytes, **query: str) -> requests.Response:
        """Put one blob, or mount it where `mount` and `from` say so."""
        begun = self.send("POST", f"/v2/{repository}/blobs/uploads/", params=query)
        if begun.status_code != ACCEPTED:
            return begun
        return self.send(
            "PUT",
            begun.headers["Location"],
            params={"digest": digest_of(content)},
            data=content,
            headers={"Content-Type": "application/octet-stream"},
        )


def digest_of(content: bytes) -> str:
    """As registries name content."""
    return f"sha256:{sha256(content).hexdigest()}"


def config_of(name: str) -> bytes:
    """A configuration, another one for another name."""
    return json.dumps({"architecture": "amd64", "os": "linux", "author": name}).encode()


def manifest_of(name: str) -> bytes:
    """An image of one layer, which is its name."""
    config, layer = config_of(name), name.encode()
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)}],
        }
    ).encode()


def push(client: Client, reference: str, name: str = "plain") -> bool:
    """Layers first, each after a look whether it is there; then the manifest by its tag."""
    image = parse_image(reference)
    for content in (config_of(name), name.encode()):
        there = client.send("HEAD", f"/v2/{image.path}/blobs/{digest_of(content)}")
        if there.status_code == OK:
            continue
        if client.upload(image.path, content).status_code != CREATED:
            return False
    return _put_manifest(client, image.path, image.tag or "", name)


def mount(client: Client, reference: str, source: str, name: str = "plain") -> bool:
    """As `push`, of layers that are in another repository and come from there unread."""
    image, other = parse_image(reference), parse_image(source).path
    for content in (config_of(name), name.encode()):
        begun = client.send(
            "POST",
            f"/v2/{image.path}/blobs/uploads/",
            params={"mount": digest_of(content), "from": other},
        )
        if begun.status_code != CREATED:
            return False  # 202 would be an upload: nothing was mounted
    return _put_manifest(client, image.path, image.tag or "", name)


def _put_manifest(client: Client, path: str, tag: str, name: str) -> bool:
    put = client.send(
        "PUT",
        f"/v2/{path}/manifests/{tag}",
        data=manifest_of(name),
        headers={"Content-Type": MANIFEST},
    )
    return put.status_code == CREATED


def pull(client: Client, reference: str) -> bool:
    """The manifest, then each blob that it names, all by their digests."""
    image = parse_image(reference)
    manifest = _manifest(client, image.path, image.digest or image.tag or "")
    if manifest is None:
        return False
    named = json.loads(manifest)
    for blob in (named["config"], *named["layers"]):
        answer = client.send("GET", f"/v2/{image.path}/blobs/{blob['digest']}")
        if answer.status_code != OK or digest_of(answer.content) != blob["digest"]:
            return False
    return True


def delete(client: Client, reference: str) -> bool:
    """By its digest, which a tag is asked for first."""
    image = parse_image(reference)
    digest = image.digest
    if digest is None:
        manifest = _manifest(client, image.path, image.tag or "")
        if manifest is None:
            return False
        digest = digest_of(manifest)
    gone = client.send("DELETE", f"/v2/{image.path}/manifests/{digest}")
    return gone.status_code == ACCEPTED


def _manifest(client: Client, path: str, name: str) -> bytes | None:
    answer = client.send("GET", f"/v2/{path}/manifests/{name}", headers={"Accept": MANIFEST})
    return answer.content if answer.status_code == OK else None


Act = Callable[[Client, str], bool]
