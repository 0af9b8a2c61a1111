"""What a manifest and an image cost to read, in CPU of worker and child: part of `make bench`.

As benchmarks/reading.py measures statements. The aim: 150 us for a manifest of 650 bytes as JSON,
450 us for the same as YAML.
"""

from __future__ import annotations

import json
from typing import Final

import yaml
from benchmarks.reading import _measured as measured

from counterfoil.core.model import Command, Resource
from counterfoil.reading.pool import ReaderPool

_CLUSTER: Final = Resource(type="kubernetes", id="main", location="https://127.0.0.1:6443")
_REGISTRY: Final = Resource(
    type="oci_registry", id="images", location="https://registry.example.com"
)
_MANIFEST: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  namespace: staging
  labels:
    app.kubernetes.io/name: web
spec:
  replicas: 2
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      automountServiceAccountToken: false
      containers:
        - name: web
          image: registry.example.com/acme/web:1.4
          ports:
            - containerPort: 8080
          resources:
            limits:
              cpu: 500m
              memory: 128Mi
          readinessProbe:
            httpGet:
              path: /healthz
              port: 8080
"""


def table(count: int = 1000) -> list[str]:
    """Lines with microseconds of the worker, of its child, and of both."""
    yamls = [_MANIFEST.replace("NAME", f"web{number}") for number in range(count)]
    jsons = [json.dumps(yaml.safe_load(text)) for text in yamls]
    images = [f"registry.example.com/acme/web:{number}" for number in range(count)]
    lines = []
    pool = ReaderPool(1)
    try:
        for name, commands in (
            ("kubernetes JSON", [_command("kubernetes", _CLUSTER, text) for text in jsons]),
            ("kubernetes YAML", [_command("kubernetes", _CLUSTER, text) for text in yamls]),
            ("registry push", [_command("registry", _REGISTRY, text) for text in images]),
        ):
            worker, child = measured(pool, commands)
            lines.append(f"{name:24}  {worker:6.0f}  {child:5.0f}  {worker + child:4.0f}")
    finally:
        pool.close()
    return lines


def _command(family: str, resource: Resource, text: str) -> Command:
    return Command(
        family=family,
        tool="push_image",
        arguments={"text": text},
        command_argument="text",
        resource=resource,
    )


if __name__ == "__main__":
    print("\n".join(table()))
