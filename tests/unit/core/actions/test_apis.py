"""A registered OpenAPI document turns a request into a named operation, or into doubt."""

from __future__ import annotations

from typing import Any

import pytest

from commands import codes
from counterfoil.core.actions.apis import NotAnApi, compile_api
from counterfoil.core.model import Registered
from http_attacks import ORIGIN
from requests_read import ORDERS_API, read_request

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "paths": {
        "/v1/orders": {
            "parameters": [{"$ref": "#/components/parameters/limit"}],
            "get": {
                "operationId": "listOrders",
                "parameters": [
                    {"name": "state", "in": "query", "schema": {"enum": ["open", "closed"]}},
                    {"name": "tag", "in": "query", "schema": {"type": "array"}},
                    {"name": "ids", "in": "query", "explode": False,
                     "schema": {"type": "array", "items": {"type": "integer"}}},
                    {"name": "all", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "least", "in": "query", "schema": {"type": "number"}},
                    {"name": "deep", "in": "query", "schema": {"type": "object"}},
                ],
            },
            "post": {"operationId": "addOrder", "requestBody": {}},
        },
        "/v1/orders/latest": {"get": {"operationId": "latestOrder"}},
        "/v1/orders/{id}": {
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
            ],
            "get": {"operationId": "getOrder"},
            "delete": {"operationId": "dropOrder"},
        },
        "/v1/search": {
            "get": {
                "operationId": "search",
                "parameters": [
                    {"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}
                ],
            }
        },
    },
    "components": {
        "parameters": {"limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}}
    },
}  # fmt: skip
REGISTERED = Registered.of([ORDERS_API], {"orders-api": compile_api(DOCUMENT, ORIGIN)})


def asked(target: str, method: str = "GET", **more: Any) -> Any:
    return read_request(f"{ORIGIN}{target}", method, registered=REGISTERED, **more)


@pytest.mark.parametrize(
    ("method", "target", "name", "parameters"),
    [
        ("GET", "/v1/orders", "listOrders", {}),
        ("GET", "/v1/orders?limit=20", "listOrders", {"limit": 20}),
        ("GET", "/v1/orders?state=open&all=true", "listOrders", {"state": "open", "all": True}),
        ("GET", "/v1/orders?tag=a&tag=b", "listOrders", {"tag": ["a", "b"]}),
        ("GET", "/v1/orders?ids=1,2", "listOrders", {"ids": [1, 2]}),
        ("GET", "/v1/orders?least=1.50", "listOrders", {"least": "1.50"}),
        ("GET", "/v1/orders/17", "getOrder", {"id": 17}),
        ("GET", "/v1/orders/latest", "latestOrder", {}),
        ("DELETE", "/v1/orders/17", "dropOrder", {"id": 17}),
        ("POST", "/v1/orders", "addOrder", {}),
        ("GET", "/v1/search?q=a+b%20c%26", "search", {"q": "a b c&"}),
    ],
)
def test_a_request_is_a_named_operation_with_typed_parameters(
    method: str, target: str, name: str, parameters: dict[str, Any]
) -> None:
    (operation,) = asked(target, method).operations
    assert operation.object["kind"] == "operation"
    assert (operation.object["name"], operation.object["parameters"]) == (name, parameters)


@pytest.mark.parametrize(
    ("method", "target", "code"),
    [
        ("GET", "/v1/admin", "uncertain.http_operation"),
        ("PUT", "/v1/orders", "uncertain.http_operation"),
        ("GET", "/v1/orders/", "uncertain.http_operation"),
        ("GET", "/v1/orders/17/notes", "uncertain.http_operation"),
        ("GET", "/v1/orders?debug=1", "uncertain.http_parameter"),
        ("GET", "/v1/orders?limit=ten", "uncertain.http_parameter"),
        ("GET", "/v1/orders?limit=010", "uncertain.http_parameter"),
        ("GET", "/v1/orders?limit=1&limit=2", "uncertain.http_parameter"),
        ("GET", "/v1/orders?state=lost", "uncertain.http_parameter"),
        ("GET", "/v1/orders?all=yes", "uncertain.http_parameter"),
        ("GET", "/v1/orders?least=1e3", "uncertain.http_parameter"),
        ("GET", "/v1/orders?deep=1", "uncertain.http_parameter"),
        ("GET", "/v1/orders/x", "uncertain.http_parameter"),
        ("GET", "/v1/orders/17?id=18", "uncertain.http_parameter"),
        ("GET", "/v1/search", "uncertain.http_parameter"),
    ],
)
def test_what_the_document_does_not_declare_is_uncertain(
    method: str, target: str, code: str
) -> None:
    assert codes(asked(target, method)) == [code]
    assert not codes(asked("/v1/orders"))  # control


def test_a_body_goes_where_the_document_has_one() -> None:
    assert not codes(asked("/v1/orders", "POST", body="{}"))
    assert codes(asked("/v1/orders/17", "DELETE", body="{}")) == ["uncertain.http_body"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"swagger": "2.0", "paths": {}},
        {"openapi": "3.0.0", "paths": {}},
        {"openapi": "3.0.0", "paths": {"v1": {"get": {}}}},
        {"openapi": "3.0.0", "paths": {"/a/{x}.json": {"get": {}}}},
        {"openapi": "3.0.0", "paths": {"/a": {"$ref": "other.json#/a"}}},
        {"openapi": "3.0.0", "paths": {"/a": {"$ref": "#/paths/~1a"}}},
        {"openapi": "3.0.0", "paths": {"/a": {"$ref": "#/components/none"}}},
        {"openapi": "3.0.0", "paths": {"/a": {"get": {"operationId": "x"}},
                                       "/b": {"get": {"operationId": "x"}}}},
    ],
)  # fmt: skip
def test_a_document_that_cannot_be_read_by_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(NotAnApi):
        compile_api(document, ORIGIN)


def test_two_templates_that_fit_alike_are_uncertain() -> None:
    two: dict[str, Any] = {
        "openapi": "3.0.0",
        "paths": {"/{a}/x": {"get": {}}, "/y/{b}": {"get": {}}, "/z": {"get": {}}},
    }
    registered = Registered.of([ORDERS_API], {"orders-api": compile_api(two, ORIGIN)})

    def read(path: str) -> list[str]:
        return codes(read_request(f"{ORIGIN}{path}", registered=registered))

    assert read("/y/x") == ["uncertain.http_operation"]
    assert read("/y/b") == read("/z") == []
