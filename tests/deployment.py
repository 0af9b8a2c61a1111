"""A deployment for tests: several tenants, each with its own provider, launcher and agents.

The application is built in the test's process as gunicorn's workers do, without `--dev`, over
the OPA and the ledger writer of a started service. In each tenant: agents `planner` (may hand
on to `coder`), `coder` (may hand on to `reviewer` and `planner`) and `reviewer`, all started
by the launcher `<tenant>-desk`; `robot`, which another launcher of the tenant starts. The
policy's data would let planner create tables, its ceiling does not; reviewer the other way.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from counterfoil.app import create_app
from counterfoil.config import load_config
from counterfoil.core.token_request import TokenType
from counterfoil.http.lean import LeanFlask
from counterfoil.resources import packaged
from exchange import EXCHANGE, FORM, LauncherKey, claims_of
from main_path import leaves
from service import PROMPT, Service, running_service, sql_request
from simulators import http_door
from simulators.idp import Idp

URL = "https://counterfoil.example.com"
TENANTS = ("acme", "globex")
_TENANT = """
[[identity.oidc]]
issuer = "{issuer}"
audience = "counterfoil"
login_client_id = "counterfoil-login"
jwks_file = "{jwks}"
tenant = "{tenant}"
[[identity.launcher]]
id = "{tenant}-desk"
tenant = "{tenant}"
jwks_file = "{desk}"
[[identity.launcher]]
id = "{tenant}-other"
tenant = "{tenant}"
jwks_file = "{other}"
[[identity.agent]]
name = "planner"
tenant = "{tenant}"
launchers = ["{tenant}-desk"]
ceiling = ["orders-reader"]
hands_on_to = ["coder"]
[[identity.agent]]
name = "coder"
tenant = "{tenant}"
launchers = ["{tenant}-desk"]
ceiling = ["orders-developer", "orders-reader"]
hands_on_to = ["reviewer", "planner"]
[[identity.agent]]
name = "reviewer"
tenant = "{tenant}"
launchers = ["{tenant}-desk", "{tenant}-other"]
ceiling = ["orders-reader", "orders-developer"]
[[identity.agent]]
name = "robot"
tenant = "{tenant}"
launchers = ["{tenant}-other"]
ceiling = ["orders-developer"]
[[issuer]]
name = "{maker}"
tenant = "{tenant}"
jwks_file = "{maker_keys}"
[[role]]
name = "auditor"
tenant = "{tenant}"
issuers = ["{issuer}"]
groups = ["compliance"]
[[role]]
name = "administrator"
tenant = "{tenant}"
issuers = ["{issuer}"]
groups = ["administrators"]
"""
_SHARED = """
[grant]
issuer = "{url}"
[policy]
bundle = "{bundle}"
timeout_ms = 8000
[ledger]
url = "sqlite:///{folder}/var/ledger.db"
timeout_ms = 8000
[keys]
directory = "{folder}/var/keys"
[[resource]]
type = "postgresql"
id = "orders"
location = "postgresql://127.0.0.1:5432/orders"
issuer = "postgresql-orders"
[[action]]
tool = "run_sql"
family = "database"
command = "{{sql}}"
resource = "{{database}}"
enforcement = "enforce"
"""


def now() -> int:
    """The second that it is."""
    return int(time.time())  # noqa: TID251


@dataclass
class Tenant:
    """One tenant's own world."""

    name: str
    folder: Path
    idp: Idp = field(init=False)
    desk: LauncherKey = field(init=False)
    other: LauncherKey = field(init=False)
    maker: LauncherKey = field(init=False)
    """Its credential issuer: acme's is that of the database."""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.idp = Idp(self.folder)
        self.desk, self.other = LauncherKey(f"{self.name}-desk"), LauncherKey(f"{self.name}-other")
        self.desk.publish(self.folder / "desk.json")
        self.other.publish(self.folder / "other.json")
        name = "postgresql-orders" if self.name == TENANTS[0] else f"{self.name}-issuer"
        self.maker = LauncherKey(name)
        self.maker.publish(self.folder / "maker.json")

    @property
    def issuer(self) -> str:
        return f"https://idp.{self.name}.example.com"

    def person(
        self, sub: str = "alice", groups: Sequence[str] = ("developers",), **claims: Any
    ) -> str:
        """A person's own token; `claims` replace or add, None removes."""
        whole = {
            "iss": self.issuer,
            "sub": sub,
            "aud": "counterfoil",
            "groups": list(groups),
            "iat": now(),
            "exp": now() + 600,
            **claims,
        }
        signed = {name: value for name, value in whole.items() if value is not None}
        return self.idp.signers[-1].sign(signed)

    def toml(self) -> str:
        """Its entries of the configuration."""
        return _TENANT.format(
            tenant=self.name,
            issuer=self.issuer,
            jwks=self.idp.jwks_file,
            desk=self.folder / "desk.json",
            other=self.folder / "other.json",
            maker=self.maker.id,
            maker_keys=self.folder / "maker.json",
        )


@dataclass
class Deployment:
    """The application and its tenants, with short words for requests."""

    service: Service
    folder: Path
    app: LeanFlask
    tenants: Mapping[str, Tenant]

    @property
    def acme(self) -> Tenant:
        return self.tenants["acme"]

    @property
    def globex(self) -> Tenant:
        return self.tenants["globex"]

    def call(
        self, method: str, path: str, token: str | None, body: Any = None, **environ: Any
    ) -> http_door.Answer:
        """One request; a body that is not bytes goes as JSON."""
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        path, _, query = path.partition("?")
        sent = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "HTTP_AUTHORIZATION": None if token is None else f"Bearer {token}",
            **environ,
        }
        return http_door.send(self.app, http_door.honest(data, **sent))

    def post_form(self, path: str, fields: Mapping[str, str], **environ: Any) -> http_door.Answer:
        """One form."""
        data = urlencode(fields).encode()
        return self.call("POST", path, None, data, **{"CONTENT_TYPE": FORM, **environ})

    def exchange(
        self,
        subject_token: str,
        *,
        launcher: LauncherKey | None = None,
        assertion: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        **parameters: str | None,
    ) -> http_door.Answer:
        """`POST /token` by a launcher, acme's desk unless it is said."""
        key = launcher or self.acme.desk
        fields: dict[str, str | None] = {
            "grant_type": EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": TokenType.ACCESS_TOKEN.value,
            **key.credential(f"{URL}/token", **(assertion or {})),
            **parameters,
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        return self.post_form("/token", sent, **(headers or {}))

    def given(self, subject_token: str, **more: Any) -> dict[str, Any]:
        """The answer of an exchange that must succeed."""
        answer = self.exchange(subject_token, **more)
        assert answer.status == 200, answer.json
        body: dict[str, Any] = answer.json
        return body

    def opened(self, tenant: Tenant | None = None, **more: Any) -> dict[str, Any]:
        """A run that was opened for alice: agent coder, unless it is said."""
        of = tenant or self.acme
        source = more.pop("source", None) or of.person()
        return self.given(source, launcher=of.desk, **{"agent": "coder", "prompt": PROMPT, **more})

    def ask(self, token: str, sql: str = "SELECT a FROM public.t", **more: Any) -> dict[str, Any]:
        """The decision on one statement, in a run that has its prompt."""
        answer = self.call("POST", "/authorize", token, sql_request(sql, None), **more)
        assert answer.status == 200, answer.json
        body: dict[str, Any] = answer.json
        return body


def deployment_bundle(folder: Path) -> Path:
    """The product's policy with the same data for each tenant.

    Role `orders-reader` selects, `orders-developer` creates too; all agents hold the first, all
    but the reviewer the second.
    """
    bundle = folder / "policy"
    shutil.copytree(packaged("rego"), bundle)
    agents = dict.fromkeys(("planner", "coder", "robot"), True)
    access = {
        "roles": {
            "orders-developer": {"groups": {"developers": True}, "agents": {URL: agents}},
            "orders-reader": {
                "groups": {"developers": True},
                "agents": {URL: {**agents, "reviewer": True}},
            },
        },
        "database": {
            "orders": {
                "public": {
                    "table": {
                        "select": {"orders-reader": "allow", "orders-developer": "allow"},
                        "create": {"orders-developer": "allow"},
                        "drop": {"orders-developer": "database-change"},
                    }
                }
            }
        },
        "approvals": {
            "database-change": {
                "approvers": ["database-admins"],
                "quorum": 1,
                "expires_in_seconds": 3600,
            }
        },
    }
    for tenant in TENANTS:
        place = bundle / "data" / "access" / tenant
        place.mkdir()
        (place / "data.json").write_text(json.dumps(access))
    return bundle


@contextmanager
def deployed(folder: Path, *, more: str = "", **settings: Any) -> Iterator[Deployment]:
    """A deployment of two tenants; `more` is TOML, `settings` go to `running_service`."""
    bundle = deployment_bundle(folder)
    tenants = {name: Tenant(name, folder / name) for name in TENANTS}
    (folder / "service").mkdir()
    with running_service(folder / "service", policy__bundle=bundle, **settings) as service:
        path = folder / "counterfoil.toml"
        shared = _SHARED.format(url=URL, bundle=bundle, folder=service.folder)
        path.write_text("".join([*(tenant.toml() for tenant in tenants.values()), shared, more]))
        app = create_app(load_config(path, service.environment))
        adapters = app.extensions["counterfoil"]
        try:
            yield Deployment(service, folder, app, tenants)
        finally:
            for adapter in (adapters.reader, adapters.policy, adapters.ledger):
                adapter.close()


def acts(token: str) -> list[str]:
    """The names of the chain, the current agent first."""
    names, act = [], claims_of(token).get("act")
    while act:
        assert act["iss"] == URL
        names.append(act["sub"])
        act = act.get("act")
    return names


def kinds(deployment: Deployment, run: str) -> list[str]:
    return [leaf["event"] for leaf in leaves(deployment.service, run)]
