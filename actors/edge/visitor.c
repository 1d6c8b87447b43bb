/* SPDX-License-Identifier: MIT */
/* visitor -- see visitor.h. */
#include "actors/edge/visitor.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Words that tell, first match wins. Lower case. */
static const struct {
    const char *word;
    enum agent_class agent;
} words[] = {
    { "facebookexternalhit", AGENT_PREVIEW },
    { "twitterbot", AGENT_PREVIEW },
    { "slackbot", AGENT_PREVIEW },
    { "whatsapp", AGENT_PREVIEW },
    { "telegrambot", AGENT_PREVIEW },
    { "discordbot", AGENT_PREVIEW },
    { "linkedinbot", AGENT_PREVIEW },
    { "skypeuripreview", AGENT_PREVIEW },
    { "bot", AGENT_BOT },
    { "crawl", AGENT_BOT },
    { "spider", AGENT_BOT },
    { "slurp", AGENT_BOT },
    { "headless", AGENT_BOT },
    { "curl/", AGENT_TOOL },
    { "wget/", AGENT_TOOL },
    { "python", AGENT_TOOL },
    { "okhttp", AGENT_TOOL },
    { "go-http-client", AGENT_TOOL },
    { "java/", AGENT_TOOL },
    { "libwww", AGENT_TOOL },
    { "httpie", AGENT_TOOL },
    { "ipad", AGENT_TABLET },
    { "tablet", AGENT_TABLET },
    { "mobile", AGENT_MOBILE },
    { "iphone", AGENT_MOBILE },
    { "android", AGENT_TABLET }, /* phones say "Mobile" beside it */
    { "mozilla/", AGENT_DESKTOP },
    { "opera/", AGENT_DESKTOP },
};

enum { AGENT_BYTES_READ = 256 }; /* what tells stands near the front; a hostile field is not searched for ever */

enum agent_class visitor_agent(struct slice user_agent)
{
    char lower[AGENT_BYTES_READ + 1];
    size_t i;

    slice_copy(user_agent, lower, sizeof(lower));
    for (i = 0; lower[i] != '\0'; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] + ('a' - 'A'));
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strstr(lower, words[i].word) != NULL)
            return words[i].agent;
    return AGENT_UNKNOWN;
}

enum agent_class visitor_agent_remembered(struct visitor_memory *memory, struct slice user_agent, uint64_t seed)
{
    uint64_t hash;
    size_t at;

    if (user_agent.size == 0)
        return AGENT_UNKNOWN;
    hash = XXH3_64bits_withSeed(user_agent.at, user_agent.size, seed) | 1;
    at = hash >> 1 & (VISITOR_MEMORY - 1);
    if (memory->hashes[at] != hash) {
        memory->hashes[at] = hash;
        memory->agents[at] = (uint8_t)visitor_agent(user_agent);
    }
    return (enum agent_class)memory->agents[at];
}

bool visitor_is_bot(enum agent_class agent)
{
    return agent == AGENT_BOT || agent == AGENT_PREVIEW || agent == AGENT_TOOL;
}

static bool is_host_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* Only what browsers send is understood: http(s)://host[:port]/... An address in brackets says nothing to statistics.
 */
struct slice visitor_referrer_host(struct slice referer, char *room)
{
    size_t at, size = 0;

    if (referer.size > 8 && strncasecmp(referer.at, "https://", 8) == 0)
        at = 8;
    else if (referer.size > 7 && strncasecmp(referer.at, "http://", 7) == 0)
        at = 7;
    else
        return (struct slice){ 0 };
    for (; at < referer.size && strchr("/?#:", referer.at[at]) == NULL; at++) {
        char c = referer.at[at];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        if (!is_host_character(c) || size == VISITOR_HOST_LIMIT)
            return (struct slice){ 0 };
        room[size++] = c;
    }
    return (struct slice){ room, size };
}
