/* SPDX-License-Identifier: MIT */
/* code_rules -- see the header. */
#include "actors/links/code_rules.h"

#include <strings.h>

static const char *const reserved[] = {
    "about",    "account",   "admin",   "api",    "app",     "assets",   "asset",     "auth",    "config", "console",
    "css",      "dashboard", "debug",   "docs",   "favicon", "favicons", "fonts",     "graphql", "health", "healthz",
    "help",     "icons",     "images",  "img",    "index",   "internal", "js",        "livez",   "login",  "logout",
    "manifest", "media",     "metrics", "oauth",  "openapi", "ping",     "privacy",   "public",  "qr",     "readyz",
    "redoc",    "register",  "robots",  "root",   "rpc",     "security", "settings",  "shorten", "shunt",  "signin",
    "signup",   "sitemap",   "sso",     "static", "stats",   "status",   "swagger",   "system",  "terms",  "uploads",
    "users",    "v1",        "v2",      "v3",     "version", "webhooks", "wellknown", "ws",      "www",
};

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool code_rules_is_code(struct slice text)
{
    if (text.size == 0 || text.size > CODE_LIMIT_BYTES)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_letter_or_digit(text.at[i]))
            return false;
    return true;
}

bool code_rules_is_custom_code(struct slice text)
{
    return text.size >= CUSTOM_CODE_MINIMUM_BYTES && code_rules_is_code(text);
}

bool code_rules_is_reserved(struct slice code)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (strlen(reserved[i]) == code.size && strncasecmp(reserved[i], code.at, code.size) == 0)
            return true;
    return false;
}
