/* SPDX-License-Identifier: MIT */
/* url -- see the header. A `struct url` is ada's own object under another name, so nothing is copied. */
#include "actors/io/url.h"

#include <ada_c.h>

static struct slice slice_from(ada_string text)
{
    return (struct slice){ .at = text.data, .size = text.length };
}

static ada_url inner(const struct url *url)
{
    return (ada_url)url; /* ada's getters take a plain pointer and change nothing */
}

struct url *url_parse(struct slice text)
{
    ada_url parsed = ada_parse(text.size > 0 ? text.at : "", text.size);

    if (ada_is_valid(parsed))
        return parsed;
    ada_free(parsed);
    return NULL;
}

void url_destroy(struct url **url)
{
    if (*url != NULL)
        ada_free(*url);
    *url = NULL;
}

struct slice url_scheme(const struct url *url)
{
    struct slice scheme = slice_from(ada_get_protocol(inner(url)));

    if (scheme.size > 0)
        scheme.size--; /* the colon */
    return scheme;
}

struct slice url_hostname(const struct url *url)
{
    return slice_from(ada_get_hostname(inner(url)));
}

struct slice url_port(const struct url *url)
{
    return slice_from(ada_get_port(inner(url)));
}

struct slice url_href(const struct url *url)
{
    return slice_from(ada_get_href(inner(url)));
}
