/* SPDX-License-Identifier: MIT */
/* pages_text -- the pages for people. Small, without anything from elsewhere, readable without a script. */
#include "actors/edge/pages.h"

#define HEAD(title)                                                                                                    \
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"                                          \
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" title "</title>\n<style>\n"    \
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#1b1b1f;"           \
    "background:#fdfdfc}\ncode,pre,input,textarea{font:14px/1.5 ui-monospace,monospace}\n"                             \
    "pre{background:#f1f1ee;padding:.75rem;overflow:auto;border-radius:4px}\n"                                         \
    "td,th{text-align:left;padding:.25rem 1rem .25rem 0;vertical-align:top}\n"                                         \
    "input{width:100%;padding:.4rem;box-sizing:border-box}button{margin:.6rem 0;padding:.4rem 1rem}\n"                 \
    "@media(prefers-color-scheme:dark){body{background:#16161a;color:#e6e6e6}pre{background:#24242a}a{color:#8ab4ff}}" \
    "\n"                                                                                                               \
    "</style>\n</head>\n<body>\n"

const char pages_root[] =
    HEAD("Shunt") "<h1>Shunt</h1>\n"
                  "<p>Short links. Every click is counted once, and none is lost.</p>\n"
                  "<pre>curl -d '{\"url\":\"https://example.org/\"}' -H 'content-type: application/json' "
                  "/api/shorten</pre>\n"
                  "<p><a href=\"/docs\">How to use it</a> &middot; <a href=\"/openapi.json\">OpenAPI</a> &middot; "
                  "<a href=\"/health\">Health</a></p>\n</body>\n</html>\n";

const char pages_docs[] = HEAD(
    "Shunt: the API") "<h1>The API</h1>\n"
                      "<p>The same for programs: <a href=\"/openapi.json\">openapi.json</a>.</p>\n"
                      "<h2>Make a link</h2>\n"
                      "<pre>POST /api/shorten\nContent-Type: application/json\n\n"
                      "{\"url\": \"https://example.org/a?b=c\", \"custom_code\": \"summer\"}</pre>\n"
                      "<p><code>custom_code</code> (3 to 20 letters and digits) and <code>expires_at</code> "
                      "(2030-01-31T12:00:00Z) may be "
                      "left out. The answer is 201 with <code>id, short_code, original_url, short_url, clicks, "
                      "created_at, updated_at</code>; "
                      "409 when the code is taken, 422 when a field is not right.</p>\n"
                      "<p>While the database is away it is 503 with <code>Retry-After</code>; sent with <code>Prefer: "
                      "respond-async</code> the link is accepted for later with 202, and <code>Location</code> says "
                      "where to ask what became of it.</p>\n"
                      "<form id=\"try\"><label>URL <input name=\"url\" type=\"url\" required "
                      "placeholder=\"https://example.org/\"></label>\n"
                      "<label>Code of your choice, or nothing <input name=\"code\" "
                      "pattern=\"[0-9A-Za-z]{3,20}\"></label>\n"
                      "<button>Make it</button></form>\n<pre id=\"answer\" hidden></pre>\n"
                      "<h2>Use it</h2>\n<table>\n"
                      "<tr><td><code>GET /{short_code}</code><td>307 to the target, counted; 404, 410\n"
                      "<tr><td><code>HEAD /{short_code}</code><td>the same, not counted\n"
                      "<tr><td><code>GET /api/stats/{short_code}</code><td>the link with its clicks, yours of a moment "
                      "ago included\n"
                      "<tr><td><code>GET /health</code><td>how the database and the cache are\n"
                      "<tr><td><code>GET /livez</code>, <code>/readyz</code><td>probes\n"
                      "</table>\n"
                      "<h2>Manage it</h2>\n"
                      "<p>With <code>Authorization: Bearer KEY</code>, where KEY is the management key:</p>\n<table>\n"
                      "<tr><td><code>GET /api/links/{short_code}</code><td>the link, with <code>expires_at</code> and "
                      "<code>withdrawn</code>\n"
                      "<tr><td><code>PATCH /api/links/{short_code}</code><td>change <code>url</code> or "
                      "<code>expires_at</code>, or set "
                      "<code>withdrawn</code> to true\n"
                      "<tr><td><code>DELETE /api/links/{short_code}</code><td>withdraw it: 410 from now on\n"
                      "</table>\n"
                      "<h2>Errors</h2>\n"
                      "<p>Always <code>application/problem+json</code>: <code>type, title, status, detail</code>, and "
                      "<code>errors</code> with "
                      "the fields at fault. 503 and 429 say in <code>Retry-After</code> when to come again.</p>\n"
                      "<script>\n"
                      "document.getElementById('try').onsubmit = async event => {\n"
                      "  event.preventDefault();\n"
                      "  const form = event.target, out = document.getElementById('answer');\n"
                      "  const answer = await fetch('/api/shorten', {method: 'POST', headers: {'content-type': "
                      "'application/json'},\n"
                      "    body: JSON.stringify({url: form.url.value, custom_code: form.code.value || null})});\n"
                      "  out.hidden = false;\n"
                      "  out.textContent = answer.status + '\\n' + JSON.stringify(await answer.json(), null, 2);\n"
                      "};\n"
                      "</script>\n</body>\n</html>\n";
