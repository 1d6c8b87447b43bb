/* SPDX-License-Identifier: MIT */
/*
 * uri -- see uri.h for the syntax.
 *
 * Works on slices from left to right; each step says what it expected. Nothing is written to the caller's struct before
 * the whole address has been understood.
 */
#include "actors/io/uri.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/slice.h"

struct problem {
    char *why;
    size_t room;
};

static bool wrong(const struct problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(const struct problem *problem, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(problem->why, problem->room, format, arguments);
    va_end(arguments);
    return false;
}

/* Takes what stands before the first of `separators` off the front of *rest; the separator stays. */
static struct slice take_until(struct slice *rest, const char *separators)
{
    struct slice taken = { .at = rest->at };

    while (taken.size < rest->size && strchr(separators, rest->at[taken.size]) == NULL)
        taken.size++;
    rest->at += taken.size;
    rest->size -= taken.size;
    return taken;
}

static bool take_byte(struct slice *rest, char byte)
{
    if (rest->size == 0 || *rest->at != byte)
        return false;
    rest->at++;
    rest->size--;
    return true;
}

/* The byte at the front of *rest, which is not empty; 0 when it is no byte of a text. */
static char take_decoded(struct slice *rest)
{
    int high;
    int low;

    if (!take_byte(rest, '%')) {
        rest->size--;
        return *rest->at++;
    }
    high = rest->size > 0 ? slice_hex_digit(rest->at[0]) : -1;
    low = rest->size > 1 ? slice_hex_digit(rest->at[1]) : -1;
    if (high < 0 || low < 0)
        return '\0';
    rest->at += 2;
    rest->size -= 2;
    return (char)(high * 16 + low);
}

static bool decode(const struct problem *problem, const char *what, struct slice from, char *to)
{
    size_t size = 0;

    while (from.size > 0) {
        char byte = take_decoded(&from);

        if (byte == '\0')
            return wrong(problem, "the %s of an address has a zero byte, or a '%%' without two hexadecimal digits",
                         what);
        if (size == URI_TEXT_LIMIT)
            return wrong(problem, "the %s of an address is longer than %d bytes", what, URI_TEXT_LIMIT);
        to[size++] = byte;
    }
    to[size] = '\0';
    return true;
}

static bool parse_port(const struct problem *problem, struct slice digits, uint16_t *ret_port)
{
    uint32_t port = 0;

    for (size_t i = 0; i < digits.size && port <= UINT16_MAX; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            port = UINT16_MAX + 1u;
        else
            port = port * 10 + (uint32_t)(digits.at[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX)
        return wrong(problem, "'%.*s' is not a port: expected a number from 1 to 65535", (int)digits.size, digits.at);
    *ret_port = (uint16_t)port;
    return true;
}

static bool parse_host(const struct problem *problem, struct slice *rest, uint16_t default_port, struct uri *uri)
{
    struct uri_host *host = &uri->hosts[uri->host_count];
    bool is_bracketed = take_byte(rest, '[');
    struct slice name = take_until(rest, is_bracketed ? "]" : ":,/?");

    if (uri->host_count == URI_HOSTS_LIMIT)
        return wrong(problem, "an address names more than %d hosts", URI_HOSTS_LIMIT);
    if (is_bracketed && !take_byte(rest, ']'))
        return wrong(problem, "an IPv6 host lacks its ']'");
    if (name.size == 0)
        return wrong(problem, "an address lacks its host: expected scheme://host:port");
    if (!slice_copy(name, host->name, sizeof(host->name)))
        return wrong(problem, "a host name is longer than %d bytes", URI_TEXT_LIMIT);
    host->port = default_port;
    if (take_byte(rest, ':') && !parse_port(problem, take_until(rest, ",/?"), &host->port))
        return false;
    if (rest->size > 0 && strchr(",/?", *rest->at) == NULL)
        return wrong(problem, "after host '%s' expected ':', ',', '/' or the end", host->name);
    uri->host_count++;
    return true;
}

static bool parse_authority(const struct problem *problem, struct slice *rest, uint16_t default_port, struct uri *uri)
{
    struct slice ahead = *rest;
    struct slice user = take_until(&ahead, "@/?");

    if (take_byte(&ahead, '@')) {
        struct slice password = user;
        struct slice name = take_until(&password, ":");

        take_byte(&password, ':');
        if (!decode(problem, "user", name, uri->user) || !decode(problem, "password", password, uri->password))
            return false;
        *rest = ahead;
    }
    do {
        if (!parse_host(problem, rest, default_port, uri))
            return false;
    } while (take_byte(rest, ','));
    return true;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): `why` is written through `problem` */
bool uri_parse(const char *text, uint16_t default_port, struct uri *ret_uri, char *why, size_t room)
{
    struct problem problem = { .why = why, .room = room };
    struct uri uri = { 0 };
    struct slice rest = slice_of(text);
    struct slice scheme = take_until(&rest, ":");

    if (scheme.size == 0 || rest.size < 3 || memcmp(rest.at, "://", 3) != 0)
        return wrong(&problem, "an address must begin with a scheme, as in redis://127.0.0.1:6379");
    if (!slice_copy(scheme, uri.scheme, sizeof(uri.scheme)))
        return wrong(&problem, "the scheme of an address is longer than %zu bytes", sizeof(uri.scheme) - 1);
    rest.at += 3;
    rest.size -= 3;
    if (!parse_authority(&problem, &rest, default_port, &uri))
        return false;
    take_byte(&rest, '/');
    if (!decode(&problem, "path", take_until(&rest, "?"), uri.path))
        return false;
    if (take_byte(&rest, '?') && !slice_copy(rest, uri.query, sizeof(uri.query)))
        return wrong(&problem, "the query of an address is longer than %d bytes", URI_TEXT_LIMIT);
    *ret_uri = uri;
    return true;
}
