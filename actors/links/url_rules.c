/* SPDX-License-Identifier: MIT */
/* url_rules -- see the header. */
#include "actors/links/url_rules.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "actors/io/url.h"
#include "actors/links/host_rules.h"

enum { SHOWN_BYTES = 40 }; /* of a scheme in a sentence */

/* ------------------------------------------------------------------------------------------------ settings */

static bool is_separator(char c)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes the next word off the front of `list`. Empty at the end. */
static struct slice next_word(struct slice *list)
{
    struct slice word;

    while (list->size > 0 && is_separator(*list->at))
        *list = (struct slice){ .at = list->at + 1, .size = list->size - 1 };
    word = (struct slice){ .at = list->at, .size = 0 };
    while (list->size > 0 && !is_separator(*list->at)) {
        *list = (struct slice){ .at = list->at + 1, .size = list->size - 1 };
        word.size++;
    }
    return word;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* 80 and 443 are what a browser asks when no port is written: one place under both schemes. */
static struct slice port_of_place(struct slice port)
{
    return slice_is(port, "80") || slice_is(port, "443") ? SLICE("") : port;
}

static struct slice host_of_place(struct slice host)
{
    if (host.size > 1 && host.at[host.size - 1] == '.')
        host.size--;
    return host;
}

static bool contains(struct slice text, const char *word)
{
    return memmem(text.at, text.size, word, strlen(word)) != NULL;
}

static bool read_place(struct slice word, struct url_place *ret_place)
{
    char text[URL_HOST_LIMIT_BYTES + 64];
    int size = snprintf(text, sizeof(text), "%s%.*s", contains(word, "://") ? "" : "http://", (int)word.size, word.at);
    struct url *url = NULL;
    bool fits = false;

    if (size > 0 && (size_t)size < sizeof(text))
        url = url_parse((struct slice){ .at = text, .size = (size_t)size });
    if (url != NULL)
        fits = url_hostname(url).size > 0 &&
               slice_copy(host_of_place(url_hostname(url)), ret_place->host, sizeof(ret_place->host)) &&
               slice_copy(port_of_place(url_port(url)), ret_place->port, sizeof(ret_place->port));
    url_destroy(&url);
    return fits;
}

static bool read_scheme(struct slice word, char *ret_scheme, size_t room)
{
    if (!slice_copy(word, ret_scheme, room))
        return false;
    for (char *c = ret_scheme; *c != '\0'; c++) {
        *c = lower(*c);
        if ((*c < 'a' || *c > 'z') && (c == ret_scheme || strchr("0123456789+-.", *c) == NULL))
            return false;
    }
    return true;
}

static const char *complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *complain(const char *format, ...)
{
    static _Thread_local char sentence[URL_REASON_LIMIT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return sentence;
}

const char *url_rules_init(struct url_rules *rules, struct slice schemes, struct slice own_places, bool public_only)
{
    memset(rules, 0, sizeof(*rules));
    rules->public_only = public_only;
    for (struct slice word = next_word(&schemes); word.size > 0; word = next_word(&schemes)) {
        if (rules->scheme_count == URL_SCHEMES_LIMIT)
            return complain("At most %d URL schemes can be allowed.", URL_SCHEMES_LIMIT);
        if (!read_scheme(word, rules->schemes[rules->scheme_count], sizeof(rules->schemes[0])))
            return complain("\"%.*s\" is not a URL scheme; write them as in: http https.", (int)word.size, word.at);
        rules->scheme_count++;
    }
    if (rules->scheme_count == 0)
        return complain("At least one URL scheme must be allowed, as in: http https.");
    for (struct slice word = next_word(&own_places); word.size > 0; word = next_word(&own_places)) {
        if (rules->own_count == URL_OWN_PLACES_LIMIT)
            return complain("At most %d own hosts can be named.", URL_OWN_PLACES_LIMIT);
        if (!read_place(word, &rules->own[rules->own_count]))
            return complain("\"%.*s\" is not a host, host:port or URL.", (int)(word.size < 100 ? word.size : 100),
                            word.at);
        rules->own_count++;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------------------ judging */

static bool refuse(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(char *reason, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(reason, URL_REASON_LIMIT_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static struct slice trim(struct slice text)
{
    static const char blanks[] = " \t\r\n";

    while (text.size > 0 && memchr(blanks, text.at[0], sizeof(blanks) - 1) != NULL)
        text = (struct slice){ .at = text.at + 1, .size = text.size - 1 };
    while (text.size > 0 && memchr(blanks, text.at[text.size - 1], sizeof(blanks) - 1) != NULL)
        text.size--;
    return text;
}

/* Bytes in the character that starts here by UTF-8 (RFC 3629), 0 when none does. */
static size_t utf8_length(const unsigned char *at, size_t size)
{
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;

    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (at[i] >> 6 != 2)
            return 0;
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
        (at[0] == 0xf4 && at[1] > 0x8f))
        return 0;
    return length;
}

/* What the parser would drop or mend without a word. */
static bool has_only_honest_characters(struct slice text, char *reason)
{
    const unsigned char *at = (const unsigned char *)text.at;

    for (size_t i = 0; i < text.size;) {
        size_t length = utf8_length(at + i, text.size - i);

        if (length == 0)
            return refuse(reason, "The URL is not valid UTF-8; encode such bytes as %%XX.");
        if (at[i] < 0x20 || at[i] == 0x7f || (at[i] == 0xc2 && at[i + 1] < 0xa0))
            return refuse(reason, "The URL has a control character inside (line breaks and tabs are some); remove it.");
        if (at[i] == '\\')
            return refuse(reason, "The URL has a backslash, which some programs read as a slash; write / or %%5C.");
        i += length;
    }
    return true;
}

/* Bytes of the scheme before the colon; 0 when the text does not start with one. */
static size_t scheme_length(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = lower(text.at[i]);

        if (c == ':')
            return i;
        if ((c < 'a' || c > 'z') && (i == 0 || memchr("0123456789+-.", c, 13) == NULL))
            return 0;
    }
    return 0;
}

static bool scheme_is_allowed(const struct url_rules *rules, struct slice scheme)
{
    for (unsigned i = 0; i < rules->scheme_count; i++)
        if (scheme.size == strlen(rules->schemes[i]) && strncasecmp(scheme.at, rules->schemes[i], scheme.size) == 0)
            return true;
    return false;
}

static bool refuse_scheme(const struct url_rules *rules, struct slice scheme, char *reason)
{
    char allowed[URL_SCHEMES_LIMIT * 20] = "";
    size_t size = 0;

    for (unsigned i = 0; i < rules->scheme_count; i++) {
        const char *between = i == 0 ? "" : i + 1 == rules->scheme_count ? " or " : ", ";

        size += (size_t)snprintf(allowed + size, sizeof(allowed) - size, "%s%s://", between, rules->schemes[i]);
    }
    if (scheme.size == 0)
        return refuse(reason, "The URL must start with %s.", allowed);
    return refuse(reason, "The scheme \"%.*s\" is not allowed; the URL must start with %s.",
                  (int)(scheme.size < SHOWN_BYTES ? scheme.size : SHOWN_BYTES), scheme.at, allowed);
}

/* Looks at what was written, where the parser would be lenient. */
static bool is_written_plainly(const struct url_rules *rules, struct slice text, char *reason)
{
    struct slice scheme = { .at = text.at, .size = scheme_length(text) };
    struct slice rest;
    size_t authority = 0;

    if (scheme.size == 0 || !scheme_is_allowed(rules, scheme))
        return refuse_scheme(rules, scheme, reason);
    rest = (struct slice){ .at = text.at + scheme.size + 1, .size = text.size - scheme.size - 1 };
    if (rest.size < 2 || rest.at[0] != '/' || rest.at[1] != '/')
        return refuse(reason, "After \"%.*s:\" the URL needs two slashes, as in %.*s://example.org/.", (int)scheme.size,
                      scheme.at, (int)scheme.size, scheme.at);
    rest = (struct slice){ .at = rest.at + 2, .size = rest.size - 2 };
    while (authority < rest.size && memchr("/?#", rest.at[authority], 3) == NULL)
        authority++;
    if (authority == 0)
        return refuse(reason, "The URL has no host; write one after the two slashes, as in https://example.org/.");
    if (memchr(rest.at, '@', authority) != NULL)
        return refuse(reason, "The URL has an @ before its path; names and passwords there are not allowed.");
    return true;
}

static bool is_own_place(const struct url_rules *rules, const struct url *url)
{
    struct slice host = host_of_place(url_hostname(url));
    struct slice port = port_of_place(url_port(url));

    for (unsigned i = 0; i < rules->own_count; i++) {
        struct slice own = slice_of(rules->own[i].host);

        if (!slice_is(port, rules->own[i].port))
            continue;
        if (slice_equal(host, own) || (host_rules_is_loopback(host) && host_rules_is_loopback(own)))
            return true;
    }
    return false;
}

static bool leads_somewhere_good(const struct url_rules *rules, const struct url *url, char *reason)
{
    if (url_hostname(url).size == 0)
        return refuse(reason, "The URL has no host; write one after the two slashes, as in https://example.org/.");
    if (url_href(url).size > URL_LIMIT_BYTES)
        return refuse(reason, "The URL is longer than %d bytes once it is percent-encoded; shorten it.",
                      URL_LIMIT_BYTES);
    if (is_own_place(rules, url))
        return refuse(reason, "The URL points to this shortener itself, which would be a loop; give the final target.");
    if (rules->public_only && !host_rules_is_public(url_hostname(url)))
        return refuse(reason,
                      "The URL's host is private or reserved; only hosts on the public Internet are allowed here.");
    return true;
}

/* ------------------------------------------------------------------------------------------------ Location */

/* The bytes below 0x7f that the URL standard percent-encodes, by part of the URL (path, query, fragment percent-encode
 * sets). The apostrophe, which it encodes in queries, is left out: RFC 3986 allows it, so a server can have signed it.
 */
static const char escaped_in_path[] = " \"<>^`{}";
static const char escaped_in_query[] = " \"<>";
static const char escaped_in_fragment[] = " \"<>`";

static bool needs_no_escaping(struct slice text)
{
    const char *escaped = escaped_in_path;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];

        if (c <= ' ' || c >= 0x7f || strchr(escaped, c) != NULL)
            return false;
        if (c == '#')
            escaped = escaped_in_fragment;
        else if (c == '?' && escaped == escaped_in_path)
            escaped = escaped_in_query;
    }
    return true;
}

static void write_target(struct slice original, const struct url *url, struct url_target *ret_target)
{
    ret_target->original = original;
    ret_target->location = original;
    if (needs_no_escaping(original))
        return;
    assert(url_href(url).size <= sizeof(ret_target->href));
    memcpy(ret_target->href, url_href(url).at, url_href(url).size);
    ret_target->location = (struct slice){ .at = ret_target->href, .size = url_href(url).size };
}

bool url_rules_accept(const struct url_rules *rules,
                      struct slice given,
                      struct url_target *ret_target,
                      char reason[URL_REASON_LIMIT_BYTES])
{
    struct slice text = trim(given);
    struct url *url;
    bool good;

    if (text.size == 0)
        return refuse(reason, "The URL is empty; give one as in https://example.org/.");
    if (text.size > URL_LIMIT_BYTES)
        return refuse(reason, "The URL has %zu bytes; at most %d are allowed.", text.size, URL_LIMIT_BYTES);
    if (!has_only_honest_characters(text, reason) || !is_written_plainly(rules, text, reason))
        return false;
    url = url_parse(text);
    if (url == NULL)
        return refuse(reason, "The URL cannot be read: its host or port is not valid.");
    good = leads_somewhere_good(rules, url, reason);
    if (good)
        write_target(text, url, ret_target);
    url_destroy(&url);
    return good;
}
