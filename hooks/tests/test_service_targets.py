"""Where the text and its canonical form would act differently, the tool gets the canonical one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from autogen_counterfoil import Guard, protect, run
from builders import Ran, assistant
from running import PROGRAM, Running

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not PROGRAM.exists(), reason="the service is not installed here"),
]
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: staging}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      containers: [{name: web, image: registry.example.com/acme/web}]
"""


async def test_a_tool_gets_both_documents_and_whole_references(
    service: Running, plain: Callable[[], str]
) -> None:
    """A POST of the text would make the first object alone, and drop the other silently."""
    ran = Ran()

    async def kubectl_apply(cluster: str, manifest: str) -> str:
        ran.append((cluster, manifest))
        return "ok"

    async def push_image(reference: str) -> str:
        ran.append(reference)
        return "ok"

    text = (DEPLOYMENT % "web") + "---\n" + (DEPLOYMENT % "api")
    calls = [
        [("kubectl_apply", {"cluster": "main", "manifest": text})],
        [("push_image", {"reference": "registry.example.com/acme/web"})],
    ]
    agent = assistant(*calls, "done", tools=[kubectl_apply, push_image])
    guard = Guard(service.url)
    await run(guard, protect(agent, guard), task="Deploy and publish", token=plain)
    (cluster, manifest), reference = ran
    assert cluster == "main"
    value = json.loads(manifest)
    assert value["kind"] == "List"
    assert [item["metadata"]["name"] for item in value["items"]] == ["web", "api"]
    images = [
        c["image"] for i in value["items"] for c in i["spec"]["template"]["spec"]["containers"]
    ]
    assert images == ["registry.example.com/acme/web:latest"] * 2
    assert reference == "registry.example.com/acme/web:latest"
