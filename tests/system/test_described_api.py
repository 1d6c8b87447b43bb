# SPDX-License-Identifier: MIT
"""/openapi.json is true: what it says of routes, statuses and fields is what the edge does."""
import re

import pytest


@pytest.fixture(scope="module")
def described(shunt):
    return shunt.http.get("/openapi.json").json()


def resolve(described, thing):
    while "$ref" in thing:
        found = described
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        thing = found
    return thing


def check(described, schema, value, at="#"):
    """As much of JSON Schema as the description uses."""
    schema = resolve(described, schema)
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "pattern", "minimum",
             "format", "description", "examples", "minProperties"}
    assert set(schema) <= known, f"{at}: the test does not know {set(schema) - known}"
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
    if "type" in schema:
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert type(value) in [kinds[name] for name in types], f"{at}: {value!r}"
    if isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", [])) <= set(value), at
        if schema.get("additionalProperties") is False:
            assert set(value) <= set(schema["properties"]), at
        for name, inner in value.items():
            if name in schema["properties"]:
                check(described, schema["properties"][name], inner, f"{at}/{name}")
    if isinstance(value, list):
        for inner in value:
            check(described, schema.get("items", {}), inner, at)
    assert "enum" not in schema or value in schema["enum"], at
    assert "const" not in schema or value == schema["const"], at
    if isinstance(value, str) and "pattern" in schema:
        assert re.search(schema["pattern"], value), at
    if isinstance(value, int) and "minimum" in schema:
        assert value >= schema["minimum"], at


def check_answer(described, path, method, answer):
    responses = described["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, f"{method} {path} answered {answer.status_code}: {answer.text}"
    content = resolve(described, responses[str(answer.status_code)]).get("content", {})
    media = answer.headers.get("content-type", "").split(";")[0]
    if not content:
        return
    assert media in content, f"{method} {path}: {media}"
    if "json" in media and "schema" in content[media]:
        check(described, content[media]["schema"], answer.json())


def test_answers_are_as_described(shunt, described):
    code = shunt.shorten("https://example.org/described")["short_code"]
    json = {"headers": {"content-type": "application/json"}}
    asked = [
        ("/api/shorten", "post", "/api/shorten", {"json": {"url": "https://example.org/"}}),
        ("/api/shorten", "post", "/api/shorten", {"json": {"url": "nonsense"}}),
        ("/api/shorten", "post", "/api/shorten", {"json": {"url": "https://example.org/", "custom_code": code}}),
        ("/api/shorten", "post", "/api/shorten", {"json": {"urll": "https://example.org/"}}),
        ("/api/shorten", "post", "/api/shorten", {"content": "{", **json}),
        ("/api/shorten", "post", "/api/shorten", {"content": "{}"}),
        ("/api/shorten", "post", "/api/shorten", {"content": " " * 70000, **json}),
        ("/api/shorten/{token}", "get", "/api/shorten/nobodyHasThisToken01", {}),
        ("/{short_code}", "get", f"/{code}", {}),
        ("/{short_code}", "head", f"/{code}", {}),
        ("/{short_code}", "get", "/NoSuch1", {}),
        ("/api/stats/{short_code}", "get", f"/api/stats/{code}", {}),
        ("/api/stats/{short_code}", "get", "/api/stats/NoSuch1", {}),
        ("/api/links/{short_code}", "get", f"/api/links/{code}", {}),
        ("/api/links/{short_code}", "delete", f"/api/links/{code}", {}),
        ("/api/links/{short_code}", "patch", f"/api/links/{code}", {"json": {"withdrawn": True}}),
        ("/health", "get", "/health", {}),
        ("/livez", "get", "/livez", {}),
        ("/readyz", "get", "/readyz", {}),
        ("/openapi.json", "get", "/openapi.json", {}),
        ("/docs", "get", "/docs", {}),
        ("/", "get", "/", {}),
    ]
    for path, method, target, more in asked:
        check_answer(described, path, method, shunt.http.request(method.upper(), target, **more))
    assert {path for path, *_ in asked} == set(described["paths"]), "a route is described and not tried"


def test_every_method_that_is_not_described_is_refused(shunt, described):
    for path, item in described["paths"].items():
        target = path.replace("{short_code}", "NoSuch1").replace("{token}", "NoSuch1")
        allowed = {method.upper() for method in item if method in ("get", "post", "patch", "delete")}
        if "GET" in allowed:
            allowed.add("HEAD")
        answer = shunt.http.request("OPTIONS", target)
        assert answer.status_code == 204
        assert set(answer.headers["allow"].split(", ")) == allowed | {"OPTIONS"}
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - allowed:
            answer = shunt.http.request(method, target)
            assert answer.status_code == 405, f"{method} {target}"
            assert set(answer.headers["allow"].split(", ")) == allowed | {"OPTIONS"}


def test_metrics_are_not_for_the_public(shunt):
    assert shunt.http.get("/metrics").status_code == 404
