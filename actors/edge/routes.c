/* SPDX-License-Identifier: MIT */
/* routes -- see routes.h. One table says what there is; the path of a code, which is what most requests name, is seen
 * first. */
#include "actors/edge/routes.h"

#include <string.h>
#include <strings.h>

#define BIT(method) (1u << (method))
#define READ        (BIT(HTTP_GET) | BIT(HTTP_HEAD) | BIT(HTTP_OPTIONS))

static const struct {
    const char *name;
    const char *path; /* NULL: not by its path alone. With '/' at the end: a code follows */
    unsigned methods;
    const char *allowed;
} routes[ROUTES] = {
    [ROUTE_NONE] = { "none", NULL, 0, "" },
    [ROUTE_CODE] = { "code", NULL, READ, "GET, HEAD, OPTIONS" },
    [ROUTE_ROOT] = { "root", "/", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_SHORTEN] = { "shorten", "/api/shorten", BIT(HTTP_POST) | BIT(HTTP_OPTIONS), "POST, OPTIONS" },
    [ROUTE_DEFERRED] = { "deferred", "/api/shorten/", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_STATS] = { "stats", "/api/stats/", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_LINK] = { "link", "/api/links/", READ | BIT(HTTP_PATCH) | BIT(HTTP_DELETE),
                     "GET, HEAD, PATCH, DELETE, OPTIONS" },
    [ROUTE_HEALTH] = { "health", "/health", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_LIVEZ] = { "livez", "/livez", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_READYZ] = { "readyz", "/readyz", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_OPENAPI] = { "openapi", "/openapi.json", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_DOCS] = { "docs", "/docs", READ, "GET, HEAD, OPTIONS" },
    [ROUTE_SERVER] = { "server", "*", BIT(HTTP_OPTIONS), "GET, HEAD, POST, PATCH, DELETE, OPTIONS" },
};

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_code(struct slice text)
{
    size_t i;

    if (text.size == 0 || text.size > ROUTES_CODE_LIMIT)
        return false;
    for (i = 0; i < text.size; i++)
        if (!is_letter_or_digit(text.at[i]))
            return false;
    return true;
}

/* Decodes letters and digits. False when something else is escaped, or the path is longer than any of ours. */
static bool decode(struct slice path, char *room, struct slice *ret_path)
{
    size_t from, to = 0;

    if (path.size > ROUTES_PATH_LIMIT)
        return false;
    for (from = 0; from < path.size; from++) {
        char c = path.at[from];

        if (c == '%') {
            if (path.size - from < 3 || slice_hex_digit(path.at[from + 1]) < 0 ||
                slice_hex_digit(path.at[from + 2]) < 0)
                return false;
            c = (char)(slice_hex_digit(path.at[from + 1]) * 16 + slice_hex_digit(path.at[from + 2]));
            if (!is_letter_or_digit(c))
                return false;
            from += 2;
        }
        room[to++] = c;
    }
    *ret_path = (struct slice){ room, to };
    return true;
}

/* The path of an absolute URL; the target itself when it is none. */
static struct slice path_of(struct slice target)
{
    size_t skip = 0;
    const char *slash;

    if (target.size > 7 && strncasecmp(target.at, "http://", 7) == 0)
        skip = 7;
    else if (target.size > 8 && strncasecmp(target.at, "https://", 8) == 0)
        skip = 8;
    if (skip == 0)
        return target;
    slash = memchr(target.at + skip, '/', target.size - skip);
    if (slash == NULL)
        return SLICE("/");
    return (struct slice){ slash, target.size - (size_t)(slash - target.at) };
}

static bool takes_code(enum route route)
{
    return route == ROUTE_STATS || route == ROUTE_LINK || route == ROUTE_DEFERRED;
}

static enum route match_words(struct slice path, struct slice *ret_code)
{
    struct slice code;
    enum route route;

    for (route = ROUTE_ROOT; route < ROUTES; route++) {
        size_t size = strlen(routes[route].path);

        if (path.size < size || memcmp(path.at, routes[route].path, size) != 0)
            continue;
        if (path.size == size && !takes_code(route))
            return route;
        code = (struct slice){ path.at + size, path.size - size };
        if (takes_code(route) && is_code(code)) {
            *ret_code = code;
            return route;
        }
    }
    return ROUTE_NONE;
}

void routes_match(struct slice target, struct route_match *match)
{
    struct slice path = path_of(target);
    struct slice code = { 0 };

    match->route = ROUTE_NONE;
    match->code = (struct slice){ 0 };
    if (memchr(path.at, '%', path.size) != NULL && !decode(path, match->room, &path))
        return;
    match->route = match_words(path, &code);
    if (match->route == ROUTE_NONE && path.size > 1 && path.at[0] == '/') {
        code = (struct slice){ path.at + 1, path.size - 1 };
        if (is_code(code) && !slice_is(code, "metrics")) /* metrics: the operator's listener has them */
            match->route = ROUTE_CODE;
    }
    if (match->route != ROUTE_NONE)
        match->code = code;
}

const char *routes_allowed(enum route route)
{
    return routes[route].allowed;
}

bool routes_allow(enum route route, enum http_method method)
{
    return (routes[route].methods & BIT(method)) != 0;
}

const char *routes_name(enum route route)
{
    return routes[route].name;
}
