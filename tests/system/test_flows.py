# SPDX-License-Identifier: MIT
"""The main job, over HTTP, on the real stores: a link is made, followed, counted, and the count arrives everywhere."""
import datetime
import re

import pytest

from running import eventually

SEVEN = {"id", "short_code", "original_url", "short_url", "clicks", "created_at", "updated_at"}


def test_a_click_travels_all_the_way(shunt):
    link = shunt.shorten("https://example.org/a?b=c")
    assert set(link) == SEVEN
    assert re.fullmatch(r"[0-9A-Za-z]{7}", link["short_code"])
    assert link["original_url"] == "https://example.org/a?b=c"
    assert link["clicks"] == 0
    assert link["short_url"].endswith("/" + link["short_code"])
    datetime.datetime.fromisoformat(link["created_at"].replace("Z", "+00:00"))

    code = link["short_code"]
    answer = shunt.click(code)
    assert answer.headers["location"] == "https://example.org/a?b=c"
    assert "cache-control" not in answer.headers or "max-age" not in answer.headers["cache-control"]
    assert shunt.clicks(code) == 1, "read your writes"
    eventually(lambda: shunt.in_postgres(code) == 1, 20, "the click did not reach Postgres")
    eventually(lambda: shunt.in_clickhouse(code) == 1, 20, "the click did not reach ClickHouse")
    assert shunt.clicks(code) == 1, "it is not counted twice on its way"


def test_every_count_on_the_way_is_exact(shunt):
    code = shunt.shorten()["short_code"]
    for number in range(1, 201):
        shunt.click(code)
        if number % 10 == 0:
            assert shunt.clicks(code) == number
    eventually(lambda: shunt.in_postgres(code) == 200, 20)
    eventually(lambda: shunt.in_clickhouse(code) == 200, 20)
    assert shunt.clicks(code) == 200


def test_the_same_url_twice_gives_two_codes(shunt):
    first, second = shunt.shorten(), shunt.shorten()
    assert first["short_code"] != second["short_code"]
    assert first["id"] != second["id"]


def test_head_is_not_a_click(shunt):
    code = shunt.shorten("https://example.org/head")["short_code"]
    answer = shunt.http.head(f"/{code}")
    assert answer.status_code == 307
    assert answer.headers["location"] == "https://example.org/head"
    assert shunt.clicks(code) == 0


@pytest.mark.parametrize("url", [
    "https://example.org",
    "http://example.org:8081/path/%7Euser?q=%20&sig=Ab%2Fc%3D#top",
    "https://[2001:db8::1]/x",
    "https://xn--bcher-kva.example/",
])
def test_location_is_exactly_what_was_given(shunt, url):
    code = shunt.shorten(url)["short_code"]
    assert shunt.click(code).headers["location"] == url


@pytest.mark.parametrize("url, location", [
    ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
    ("  https://example.org/trimmed ", "https://example.org/trimmed"),
])
def test_location_is_escaped_where_it_must_be(shunt, url, location):
    assert shunt.click(shunt.shorten(url)["short_code"]).headers["location"] == location


@pytest.mark.parametrize("url", [
    "", "example.org", "ftp://example.org/", "javascript:alert(1)", "http:/example.org", "https://",
    "https://user@example.org/", "https://user:pw@example.org/", "https:\\\\example.org", "https://exa mple.org/",
    "https://example.org/\nx", "https://example.org/" + "a" * 8200, 7, None,
])
def test_a_url_that_must_not_be_followed_is_refused(shunt, url):
    answer = shunt.http.post("/api/shorten", json={"url": url})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == 422 and problem["title"]
    assert problem["errors"][0]["pointer"] == "#/url" and problem["errors"][0]["detail"]


def test_our_own_address_is_a_loop(shunt):
    code = shunt.shorten()["short_code"]
    answer = shunt.http.post("/api/shorten", json={"url": f"{shunt.http.base_url}{code}"})
    assert answer.status_code == 422, answer.text


def test_custom_codes(shunt):
    code = "my" + shunt.shorten()["short_code"]
    assert shunt.shorten("https://example.org/custom", custom_code=code)["short_code"] == code
    assert shunt.click(code).headers["location"] == "https://example.org/custom"
    again = shunt.http.post("/api/shorten", json={"url": "https://example.org/", "custom_code": code})
    assert again.status_code == 409, "taken"
    reserved = shunt.http.post("/api/shorten", json={"url": "https://example.org/", "custom_code": "Health"})
    assert reserved.status_code == 409, "reserved, whatever its case"
    for wrong in ("ab", "a" * 21, "with-dash", "ümlaut", 7):
        answer = shunt.http.post("/api/shorten", json={"url": "https://example.org/", "custom_code": wrong})
        assert answer.status_code == 422, (wrong, answer.text)
        assert answer.json()["errors"][0]["pointer"] == "#/custom_code"
    absent = shunt.http.post("/api/shorten", json={"url": "https://example.org/", "custom_code": None})
    assert absent.status_code == 201, "null means absent"


@pytest.mark.parametrize("path", ["/unknown", "/abc/", "//abc", "/a-b", "/%2F", "/metrics", "/api/nothing"])
def test_what_is_not_there(shunt, path):
    answer = shunt.http.get(str(shunt.http.base_url).rstrip("/") + path)
    assert answer.status_code == 404, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_unknown_statistics(shunt):
    assert shunt.http.get("/api/stats/nothere").status_code == 404


@pytest.mark.parametrize("method, path, allowed", [
    ("DELETE", "/api/shorten", "POST"), ("POST", "/health", "GET"), ("PUT", "/abcdefg", "GET"), ("BREW", "/", "GET"),
])
def test_wrong_methods(shunt, method, path, allowed):
    answer = shunt.http.request(method, path)
    assert answer.status_code == 405
    assert allowed in answer.headers["allow"]
    options = shunt.http.options(path)
    assert options.status_code == 204 and allowed in options.headers["allow"]


@pytest.mark.parametrize("body, kind, status", [
    (b'{"url":"https://example.org/"}', "text/plain", 415),
    (b'{"url":', "application/json", 400),
    (b'{"url":"https://example.org/","url":"https://example.com/"}', "application/json", 400),
    (b'{"url":"https://example.org/\xff"}', "application/json", 400),
    (b'{"url":"https://example.org/\\ud800"}', "application/json", 400),
    (b'["https://example.org/"]', "application/json", 422),
    (b'{"uri":"https://example.org/"}', "application/json", 422),
    (b'{"url":"https://example.org/","extra":1}', "application/json", 422),
    (b'{"url":"' + b"a" * 70000 + b'"}', "application/json", 413),
])
def test_bodies_that_are_not_what_they_should_be(shunt, body, kind, status):
    answer = shunt.http.post("/api/shorten", content=body, headers={"content-type": kind})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_an_unknown_field_is_named_with_the_nearest_known_one(shunt):
    answer = shunt.http.post("/api/shorten", json={"uri": "https://example.org/"})
    assert "url" in answer.text


def test_probes_and_pages(shunt):
    assert shunt.http.get("/health").json() == {"status": "healthy", "database": "healthy", "cache": "healthy"}
    assert shunt.http.get("/livez").status_code == 200
    ready = shunt.http.get("/readyz")
    assert ready.status_code == 200 and ready.json()["ready"] is True
    assert set(ready.json()["dependencies"].values()) == {"normal"}
    description = shunt.http.get("/openapi.json").json()
    assert description["openapi"].startswith("3.1") and "/api/shorten" in description["paths"]
    assert shunt.http.get("/docs").status_code == 200
    assert shunt.http.get("/").status_code == 200
