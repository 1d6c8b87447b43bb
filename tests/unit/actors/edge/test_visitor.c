/* SPDX-License-Identifier: MIT */
/* What is kept of visitors. */
#include <stdio.h>

#include "actors/edge/visitor.h"
#include "tests/testing.h"

static const struct {
    const char *text;
    enum agent_class agent;
} agents[] = {
    { "", AGENT_UNKNOWN },
    { "something", AGENT_UNKNOWN },
    { "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", AGENT_DESKTOP },
    { "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Mobile/15E148 Safari/604.1",
      AGENT_MOBILE },
    { "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36", AGENT_MOBILE },
    { "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", AGENT_TABLET },
    { "Mozilla/5.0 (iPad; CPU OS 16_0 like Mac OS X) AppleWebKit/605 Mobile/15E148", AGENT_TABLET },
    { "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", AGENT_BOT },
    { "Mozilla/5.0 HeadlessChrome/120", AGENT_BOT },
    { "facebookexternalhit/1.1", AGENT_PREVIEW },
    { "Slackbot-LinkExpanding 1.0", AGENT_PREVIEW },
    { "curl/7.88.1", AGENT_TOOL },
    { "python-requests/2.31", AGENT_TOOL },
};

static void test_agents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
        assert_int_equal(visitor_agent(slice_of(agents[i].text)), agents[i].agent);
    assert_true(visitor_is_bot(AGENT_TOOL));
    assert_false(visitor_is_bot(AGENT_UNKNOWN));
    assert_string_equal(agent_class_name(AGENT_PREVIEW), "preview");
    assert_string_equal(agent_class_name(99), "unknown");
}

static void test_agents_are_remembered_rightly(void **state)
{
    static struct visitor_memory memory;

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++)
            assert_int_equal(visitor_agent_remembered(&memory, slice_of(agents[i].text), 5), agents[i].agent);
        for (unsigned i = 0; i < 5000; i++) { /* more than it can hold */
            char text[32];

            snprintf(text, sizeof(text), "%s%u", i % 2 == 0 ? "curl/" : "nothing ", i);
            assert_int_equal(visitor_agent_remembered(&memory, slice_of(text), 5),
                             i % 2 == 0 ? AGENT_TOOL : AGENT_UNKNOWN);
        }
    }
}

static const struct {
    const char *referer;
    const char *host;
} referers[] = {
    { "", "" },
    { "https://News.Example.ORG/a?b", "news.example.org" },
    { "http://host:8080/x", "host" },
    { "https://host", "host" },
    { "https://host?x", "host" },
    { "https://user@host/", "" },
    { "https://[::1]/", "" },
    { "https://h\xc3\xa9/", "" },
    { "https://", "" },
    { "android-app://com.example/", "" },
    { "about:blank", "" },
    { "host.example/x", "" },
};

static void test_referrers(void **state)
{
    static char longest[300] = "https://";
    char room[VISITOR_HOST_LIMIT];

    (void)state;
    for (size_t i = 0; i < sizeof(referers) / sizeof(referers[0]); i++)
        assert_true(slice_is(visitor_referrer_host(slice_of(referers[i].referer), room), referers[i].host));
    memset(longest + 8, 'a', 253);
    assert_int_equal(visitor_referrer_host((struct slice){ longest, 8 + 253 }, room).size, 253);
    memset(longest + 8, 'a', 254);
    assert_int_equal(visitor_referrer_host((struct slice){ longest, 8 + 254 }, room).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_agents),
                                        cmocka_unit_test(test_agents_are_remembered_rightly),
                                        cmocka_unit_test(test_referrers) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
