"""A credential as the file that a target's own programs read, for as long as a `with` lasts.

    psycopg      psycopg.connect(**grant.credential())
    boto3        boto3.Session(**grant.credential())
    kubectl      with kubeconfig(grant.credential()) as path: kubectl --kubeconfig path …
    docker, oras with docker_config(grant.credential()) as folder: docker --config folder …

Each file lies in a folder of its own that this account alone can open, and both are gone
afterwards, whatever happened in between.
"""

from __future__ import annotations

import json
import os
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

_OWNER_ALONE = 0o600


@contextmanager
def kubeconfig(credential: Mapping[str, str]) -> Iterator[Path]:
    """Yield the path of a kubeconfig file of a `kubernetes` credential.

    Raises:
        KeyError: it is a credential of another kind.
    """
    cluster = {
        "server": credential["server"],
        "certificate-authority-data": b64encode(credential["ca"].encode()).decode("ascii"),
    }
    context = {"cluster": "target", "user": "job", "namespace": credential["namespace"]}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "target", "cluster": cluster}],
        "users": [{"name": "job", "user": {"token": credential["token"]}}],
        "contexts": [{"name": "job", "context": context}],
        "current-context": "job",
    }
    with _written("config", document) as folder:  # JSON is YAML
        yield folder / "config"


@contextmanager
def docker_config(credential: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folder of a docker `config.json` of an `oci_registry` credential.

    Raises:
        KeyError: it is a credential of another kind.
    """
    host = urlsplit(credential["registry"]).netloc or credential["registry"]
    pair = f"{credential['username']}:{credential['password']}"
    auth = b64encode(pair.encode()).decode("ascii")
    with _written("config.json", {"auths": {host: {"auth": auth}}}) as folder:
        yield folder


@contextmanager
def _written(name: str, document: object) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="counterfoil-") as made:
        folder = Path(made)  # `mkdtemp` has made it for this account alone
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file)
        yield folder
