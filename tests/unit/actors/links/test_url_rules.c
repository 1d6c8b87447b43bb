/* SPDX-License-Identifier: MIT */
/* url_rules and host_rules: what may be a link's target, why not, and what the redirect says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/links/host_rules.h"
#include "actors/links/url_rules.h"
#include "tests/testing.h"

static struct url_rules rules_with(const char *schemes, const char *own, bool public_only)
{
    struct url_rules rules;

    assert_null(url_rules_init(&rules, slice_of(schemes), slice_of(own), public_only));
    return rules;
}

static const char *judge(const struct url_rules *rules, struct slice given, struct url_target *target)
{
    static char reason[URL_REASON_LIMIT_BYTES];

    return url_rules_accept(rules, given, target, reason) ? NULL : reason;
}

static void location_is(const char *given, const char *expected)
{
    struct url_rules rules = rules_with("http https", "http://127.0.0.1:8080", false);
    struct url_target target;
    char location[URL_LIMIT_BYTES + 1];
    const char *reason = judge(&rules, slice_of(given), &target);

    if (reason != NULL)
        fail_msg("%s was refused: %s", given, reason);
    slice_copy(target.location, location, sizeof(location));
    assert_string_equal(location, expected);
    assert_true(slice_is(target.original, given));
}

static void plain_urls_stay_as_they_are(void **state)
{
    static const char *const urls[] = {
        "https://example.org/a?b=c",
        "HTTP://Example.ORG",
        "http://example.org:80/../x/./y//z",
        "https://s3.example.org/k?X-Amz-Signature=ab%2Fcd&x='quote'",
        "http://example.org/%zz?a=%",
        "https://example.org/?q={a}|b^c`d",
        "https://example.org/#{x}|^",
        "http://[2001:db8::1]:8443/",
        "http://10.0.0.1/",
        "http://intranet/page",
        "http://example.org/@user",
        "http://example.org/a|b",
        "https://example.org/p?next=https://user@example.net/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        location_is(urls[i], urls[i]);
}

static void what_needs_escaping_is_serialised(void **state)
{
    (void)state;
    location_is("https://b\xc3\xbc"
                "cher.example/\xc3\xa4?q=\xc3\xb6#\xc3\xbc",
                "https://xn--bcher-kva.example/%C3%A4?q=%C3%B6#%C3%BC");
    location_is("https://example.org/a b", "https://example.org/a%20b");
    location_is("https://example.org/{a}", "https://example.org/%7Ba%7D");
    location_is("https://example.org/?a=\"b\"", "https://example.org/?a=%22b%22");
    location_is("https://example.org/<x>", "https://example.org/%3Cx%3E");
}

static void blanks_around_are_trimmed(void **state)
{
    struct url_rules rules = rules_with("http https", "", false);
    struct url_target target;

    (void)state;
    assert_null(judge(&rules, slice_of(" \t\r\n https://example.org/a \n"), &target));
    assert_true(slice_is(target.original, "https://example.org/a"));
    assert_true(slice_is(target.location, "https://example.org/a"));
}

static void each_refusal_says_why(void **state)
{
    static const struct {
        const char *given;
        const char *word; /* that the reason must have */
    } rows[] = {
        { "", "empty" },
        { " \n ", "empty" },
        { "example.org", "must start with http:// or https://" },
        { "/relative", "must start with" },
        { "javascript:alert(1)", "\"javascript\" is not allowed" },
        { "ftp://example.org/", "\"ftp\" is not allowed" },
        { "data:text/html,x", "\"data\" is not allowed" },
        { "http:example.org", "two slashes" },
        { "https:/example.org", "two slashes" },
        { "http://", "no host" },
        { "http:///example.org", "no host" },
        { "http://?x", "no host" },
        { "http://user@example.org/", "@" },
        { "http://user:pass@example.org/", "@" },
        { "http://@example.org/", "@" },
        { "http:\\\\example.org", "backslash" },
        { "http://example.org\\@evil.example/", "backslash" },
        { "http://example.org/a\tb", "control character" },
        { "http://example.org/a\nb", "control character" },
        { "http://example.org/\x7f", "control character" },
        { "http://example.org/\xc2\x85", "control character" },
        { "http://example.org/\xff", "UTF-8" },
        { "http://example.org/\xed\xa0\x80", "UTF-8" },
        { "http://example.org/\xc3", "UTF-8" },
        { "http://exa mple.org/", "cannot be read" },
        { "http://example.org:99999/", "cannot be read" },
        { "http://1.2.3.4.5.6.256/", "cannot be read" },
        { "http://[::1/", "cannot be read" },
    };
    struct url_rules rules = rules_with("http https", "", false);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct url_target target;
        const char *reason = judge(&rules, slice_of(rows[i].given), &target);

        if (reason == NULL || strstr(reason, rows[i].word) == NULL)
            fail_msg("%s: %s", rows[i].given, reason != NULL ? reason : "was accepted");
    }
}

static void a_byte_of_zero_is_refused(void **state)
{
    struct url_rules rules = rules_with("http https", "", false);
    struct url_target target;

    (void)state;
    assert_non_null(judge(&rules, SLICE("http://example.org/a\0b"), &target));
}

static void length_is_bounded_before_and_after_encoding(void **state)
{
    struct url_rules rules = rules_with("http https", "", false);
    struct url_target target;
    char text[URL_LIMIT_BYTES + 1];
    int head = snprintf(text, sizeof(text), "http://example.org/");

    (void)state;
    memset(text + head, 'a', sizeof(text) - (size_t)head);
    assert_null(judge(&rules, (struct slice){ text, URL_LIMIT_BYTES }, &target));
    assert_non_null(strstr(judge(&rules, (struct slice){ text, URL_LIMIT_BYTES + 1 }, &target), "at most 8192"));
    memset(text + head, ' ', sizeof(text) - (size_t)head);
    text[4000] = 'x';
    assert_non_null(strstr(judge(&rules, (struct slice){ text, 4001 }, &target), "percent-encoded"));
}

static void loops_are_seen_under_every_name(void **state)
{
    static const char *const loops[] = {
        "http://127.0.0.1:8080/abc", "http://localhost:8080/",
        "http://LOCALHOST.:8080/",   "http://127.9.9.9:8080/",
        "http://[::1]:8080/",        "http://0x7f.1:8080/",
        "http://2130706433:8080/",   "http://[::ffff:127.0.0.1]:8080/",
        "http://0.0.0.0:8080/",      "https://s.example/x",
        "http://s.example/",         "https://s.example.:443/",
        "https://%73.example/",      "http://other.example:9000/",
    };
    static const char *const others[] = {
        "http://127.0.0.1:8081/", "http://localhost/",     "https://s.example:8443/",
        "https://x.s.example/",   "http://other.example/",
    };
    struct url_rules rules =
        rules_with("http https", "http://127.0.0.1:8080/ https://s.example, other.example:9000", false);
    struct url_target target;

    (void)state;
    for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        const char *reason = judge(&rules, slice_of(loops[i]), &target);

        if (reason == NULL || strstr(reason, "loop") == NULL)
            fail_msg("%s: %s", loops[i], reason != NULL ? reason : "was accepted");
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_null(judge(&rules, slice_of(others[i]), &target));
}

static void only_public_hosts_when_asked_for(void **state)
{
    static const char *const private_urls[] = {
        "http://10.1.2.3/",   "http://192.168.1.1/",       "http://169.254.169.254/latest", "http://[fe80::1]/",
        "http://[fd00::1]/",  "http://intranet/",          "http://printer.local/",         "http://a.localhost/",
        "http://100.64.0.1/", "http://[::ffff:10.0.0.1]/", "http://nas.home.arpa/",         "http://224.0.0.1/",
    };
    static const char *const public_urls[] = { "http://example.org/",  "http://8.8.8.8/",    "http://[2606:4700::1]/",
                                               "http://example.org./", "http://172.32.0.1/", "http://notlocal.com/" };
    struct url_rules rules = rules_with("http https", "", true);
    struct url_target target;

    (void)state;
    for (size_t i = 0; i < sizeof(private_urls) / sizeof(private_urls[0]); i++)
        if (judge(&rules, slice_of(private_urls[i]), &target) == NULL)
            fail_msg("%s was accepted", private_urls[i]);
    for (size_t i = 0; i < sizeof(public_urls) / sizeof(public_urls[0]); i++)
        assert_null(judge(&rules, slice_of(public_urls[i]), &target));
}

static void schemes_are_a_setting(void **state)
{
    struct url_rules rules = rules_with("HTTPS, myapp", "", false);
    struct url_target target;

    (void)state;
    assert_null(judge(&rules, slice_of("https://example.org/"), &target));
    assert_null(judge(&rules, slice_of("myapp://host/x"), &target));
    assert_non_null(strstr(judge(&rules, slice_of("myapp:///x"), &target), "no host"));
    assert_non_null(strstr(judge(&rules, slice_of("http://example.org/"), &target), "https:// or myapp://"));
}

static void wrong_settings_are_explained(void **state)
{
    struct url_rules rules;

    (void)state;
    assert_non_null(strstr(url_rules_init(&rules, SLICE(" , "), SLICE(""), false), "At least one"));
    assert_non_null(strstr(url_rules_init(&rules, SLICE("ht*tp"), SLICE(""), false), "\"ht*tp\""));
    assert_non_null(strstr(url_rules_init(&rules, SLICE("http"), SLICE("ok.example bad^host"), false), "bad^host"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_urls_stay_as_they_are),
        cmocka_unit_test(what_needs_escaping_is_serialised),
        cmocka_unit_test(blanks_around_are_trimmed),
        cmocka_unit_test(each_refusal_says_why),
        cmocka_unit_test(a_byte_of_zero_is_refused),
        cmocka_unit_test(length_is_bounded_before_and_after_encoding),
        cmocka_unit_test(loops_are_seen_under_every_name),
        cmocka_unit_test(only_public_hosts_when_asked_for),
        cmocka_unit_test(schemes_are_a_setting),
        cmocka_unit_test(wrong_settings_are_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
