"""`counterfoil login` for tests: a real service, a provider over HTTP, a browser, a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployment import URL, deployment_bundle
from service import PROMPT, Service
from simulators.provider_server import CLIENT, ProviderServer, provider_server
from simulators.saml_idp import SP, SamlIdp
from standalone import standalone_service

ROOT = Path(__file__).parent
_PROGRAM = """
import json, os, pathlib, sys
path = pathlib.Path(os.environ["COUNTERFOIL_TOKEN_FILE"])
print(json.dumps({
    "token": path.read_text(),
    "file_mode": path.stat().st_mode & 0o777,
    "folder_mode": path.parent.stat().st_mode & 0o777,
    "path": str(path),
    "arguments": sys.argv[1:],
    "environment": dict(os.environ),
    "parent_arguments": pathlib.Path(f"/proc/{os.getppid()}/cmdline").read_text(),
    "files": [p.read_text() for p in path.parent.iterdir()],
}))
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""
TELL = (sys.executable, "-c", _PROGRAM)


@dataclass(slots=True)
class Story:
    """Everything of one login; `config` is the person's own file."""

    service: Service
    provider: ProviderServer
    config: Path
    url: str

    def command(self, *arguments: str) -> list[str]:
        program = [sys.executable, "-m", "counterfoil.cli", "login", "--config", str(self.config)]
        return [*program, *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        browser = f"{sys.executable} {ROOT / 'simulators' / 'browser.py'} %s &"
        return {**os.environ, "BROWSER": browser, **more}

    def login(
        self,
        *arguments: str,
        then: Sequence[str] = TELL,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Log in as alice for agent coder, and run a program."""
        whole = [
            "--agent",
            "coder",
            "--prompt",
            PROMPT,
            *arguments,
            *(["--", *then] if then else []),
        ]
        return subprocess.run(
            self.command(*whole),
            env=self.environment(**(environment or {})),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def told(self, *arguments: str, **more: Any) -> dict[str, Any]:
        """What a program says of itself that was started by a login that must succeed."""
        done = self.login(*arguments, **more)
        assert done.returncode == 0, done.stderr
        value: dict[str, Any] = json.loads(done.stdout)
        return value


def _launcher_keys(key: Path) -> str:
    """What the launcher prints for the operator."""
    command = [sys.executable, "-m", "counterfoil.cli", "login", "--launcher-keys", str(key)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def _toml(provider: ProviderServer, folder: Path) -> str:
    return f"""
[token]
issuer = "{URL}"
ttl_seconds = 60
[[identity.oidc]]
issuer = "{provider.url}"
audience = "counterfoil"
login_client_id = "{CLIENT}"
jwks_file = "{provider.publish(folder / "provider.json")}"
tenant = "acme"
[[identity.saml]]
entity_id = "{SP}"
metadata_file = "{folder / "idp.xml"}"
tenant = "acme"
[[identity.launcher]]
id = "desk"
tenant = "acme"
jwks_file = "{folder / "desk.json"}"
[[identity.agent]]
name = "coder"
tenant = "acme"
launchers = ["desk"]
ceiling = ["orders-developer", "orders-reader"]
"""


@contextmanager
def login_story(folder: Path) -> Iterator[Story]:
    """A service whose provider is the simulated one, and a person's own configuration."""
    saml = SamlIdp()
    key = folder / "desk.pem"
    (folder / "desk.json").write_text(_launcher_keys(key))
    with provider_server() as provider:
        services = (("HTTP-Redirect", f"{provider.url}/sso"),)
        (folder / "idp.xml").write_text(saml.metadata(services=services))
        provider.saml = saml

        def more(url: str) -> str:
            provider.acs_url = f"{url}/saml/acs"
            return _toml(provider, folder)

        (folder / "service").mkdir()
        bundle = deployment_bundle(folder)
        with standalone_service(folder / "service", more, bundle=bundle) as service:
            url = f"http://127.0.0.1:{service.port}"
            config = folder / "login.toml"
            config.write_text(
                f'[login]\nurl = "{url}"\nissuer = "{provider.url}"\nclient_id = "{CLIENT}"\n'
                f'launcher = "desk"\nlauncher_key_file = "{key}"\n'
            )
            yield Story(service, provider, config, url)
