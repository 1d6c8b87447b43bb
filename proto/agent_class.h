/* SPDX-License-Identifier: MIT */
/*
 * agent_class -- what kind of program followed a link, as clicks carry it. Numbers are stored: add, never renumber.
 */
#ifndef PROTO_AGENT_CLASS_H
#define PROTO_AGENT_CLASS_H

#include <stdint.h>

enum agent_class {
    AGENT_UNKNOWN = 0, /* no User-Agent, or one that no row of the table fits */
    AGENT_DESKTOP = 1, /* a browser on a computer */
    AGENT_MOBILE = 2,  /* a browser on a phone */
    AGENT_TABLET = 3,
    AGENT_BOT = 4,     /* crawlers and everything that says it is a bot */
    AGENT_PREVIEW = 5, /* messengers and networks that fetch a page to show what a link leads to */
    AGENT_TOOL = 6,    /* programs and libraries: curl, wget, python-requests */
    AGENT_CLASSES
};

/* "desktop"; a class from a newer node is "unknown". */
static inline const char *agent_class_name(uint64_t agent)
{
    static const char *const names[AGENT_CLASSES] = {
        [AGENT_UNKNOWN] = "unknown", [AGENT_DESKTOP] = "desktop", [AGENT_MOBILE] = "mobile", [AGENT_TABLET] = "tablet",
        [AGENT_BOT] = "bot",         [AGENT_PREVIEW] = "preview", [AGENT_TOOL] = "tool"
    };

    return names[agent < AGENT_CLASSES ? agent : AGENT_UNKNOWN];
}

#endif
