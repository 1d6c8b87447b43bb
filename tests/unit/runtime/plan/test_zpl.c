/* SPDX-License-Identifier: MIT */
/* Reading, changing and writing ZPL: what is accepted is what zconfig reads; what is refused is told with its line. */
#include <stdlib.h>
#include <string.h>

#include <czmq.h>

#include "runtime/plan/zpl.h"
#include "tests/testing.h"

struct reading {
    struct arena arena;
    struct mistakes mistakes;
    struct zpl_node *root;
    char *told;
    size_t told_size;
};

static struct reading *read_text(const char *text, size_t size)
{
    struct reading *reading = calloc(1, sizeof *reading);

    assert_non_null(reading);
    reading->arena.limit = 1 << 20;
    reading->mistakes = (struct mistakes){ .file = "f.zpl", .arena = &reading->arena };
    reading->root = zpl_read(text, size, &reading->mistakes);
    return reading;
}

static const char *told(struct reading *reading)
{
    FILE *to = open_memstream(&reading->told, &reading->told_size);

    mistakes_print(&reading->mistakes, to);
    fclose(to);
    return reading->told;
}

static void done(struct reading *reading)
{
    arena_free(&reading->arena);
    free(reading->told);
    free(reading);
}

static const char *value_at(struct reading *reading, const char *path)
{
    struct zpl_node *node = zpl_find(reading->root, path);

    return node != NULL ? node->value : NULL;
}

static const char good[] = "# the whole of it\n"
                           "platform\n"
                           "    name = shunt   # what it is called\n"
                           "    empty =\n"
                           "    quoted = \"a # b \"  # and so on\n"
                           "    other='it\"s'\n"
                           "\n"
                           "stores   # real ones\n"
                           "    keygen-redis.1\n"
                           "        options\n"
                           "            a = 1\n"
                           "        uri = redis://:p@h:1/0?a=b\n"
                           "    db\n";

static void reads_sections_and_values(void **state)
{
    struct reading *reading = read_text(good, sizeof good - 1);

    (void)state;
    assert_string_equal(told(reading), "");
    assert_string_equal(value_at(reading, "platform/name"), "shunt");
    assert_string_equal(value_at(reading, "platform/empty"), "");
    assert_string_equal(value_at(reading, "platform/quoted"), "a # b ");
    assert_string_equal(value_at(reading, "platform/other"), "it\"s");
    assert_string_equal(value_at(reading, "stores/keygen-redis.1/options/a"), "1");
    assert_string_equal(value_at(reading, "stores/keygen-redis.1/uri"), "redis://:p@h:1/0?a=b");
    assert_int_equal(zpl_find(reading->root, "stores/keygen-redis.1/uri")->line, 12);
    assert_non_null(zpl_find(reading->root, "stores/db"));
    assert_null(zpl_find(reading->root, "stores/db/port"));
    assert_string_equal(zpl_path(zpl_find(reading->root, "stores/db"), &reading->arena), "stores/db");
    done(reading);
}

/* The same names and values, in the same places, as zconfig finds. */
static void compare(const struct zpl_node *ours, zconfig_t *theirs)
{
    zconfig_t *other = zconfig_child(theirs);

    for (const struct zpl_node *node = ours->children; node != NULL; node = node->next) {
        assert_non_null(other);
        assert_string_equal(node->name, zconfig_name(other));
        assert_string_equal(node->value != NULL ? node->value : "", zconfig_value(other) ? zconfig_value(other) : "");
        compare(node, other);
        other = zconfig_next(other);
    }
    assert_null(other);
}

static void zconfig_reads_the_same(void **state)
{
    struct reading *reading = read_text(good, sizeof good - 1);
    zconfig_t *theirs = zconfig_str_load(good);

    (void)state;
    assert_non_null(theirs);
    compare(reading->root, theirs);
    zconfig_destroy(&theirs);
    done(reading);
}

static void writes_what_it_reads(void **state)
{
    struct reading *first = read_text(good, sizeof good - 1);
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    zpl_write(first->root, to);
    fclose(to);

    struct reading *second = read_text(text, size);
    zconfig_t *theirs = zconfig_str_load(text);

    assert_string_equal(told(second), "");
    assert_string_equal(value_at(second, "platform/quoted"), "a # b ");
    assert_string_equal(value_at(second, "platform/other"), "it\"s");
    compare(first->root, theirs);
    compare(second->root, theirs);
    zconfig_destroy(&theirs);
    free(text);
    done(first);
    done(second);
}

static void tells_all_mistakes_with_lines(void **state)
{
    static const char text[] = "platform\n"
                               "   name = shunt\n"       /* 2: three spaces */
                               "\turl = u\n"             /* 3: a tab */
                               "    q = \"open\n"        /* 4 */
                               "    r = 'a' b\n"         /* 5 */
                               "    s = a#b\n"           /* 6 */
                               "    t u\n"               /* 7 */
                               "        below = wrong\n" /* silent: line 7 was wrong */
                               "    =\n"                 /* 9 */
                               "            deep = 1\n"  /* 10 */
                               "            deep = 2\n"  /* silent */
                               "    a = 1\n"
                               "        b = 2\n" /* 13: below a value */
                               "        c = 2\n" /* silent */
                               "    a = 3\n"     /* 15: twice */
                               "platform\n"      /* 16: twice */
                               "    x y\n"       /* 17 */
                               "a/b = 1\n"       /* 18 */
                               "c\x01 = 1\n";    /* 19 */
    struct reading *reading = read_text(text, sizeof text - 1);

    (void)state;
    assert_string_equal(
        told(reading),
        "f.zpl:2: indented by 3 spaces; a level is four spaces\n"
        "f.zpl:3: a tab; indent by four spaces a level\n"
        "f.zpl:4: the closing quote (\") is missing\n"
        "f.zpl:5: nothing but a comment may follow the closing quote\n"
        "f.zpl:6: a # inside the value: put the value into quotes, or a blank before the comment\n"
        "f.zpl:7: after 't' comes '= VALUE' or the end of the line\n"
        "f.zpl:9: expected a name (letters, digits, - _ . $ @ & +), found '='\n"
        "f.zpl:13: platform/a: this line is indented below the value in line 12, which can hold nothing\n"
        "f.zpl:15: platform/a: is there already, in line 12\n"
        "f.zpl:16: platform: is there already, in line 1\n"
        "f.zpl:17: after 'x' comes '= VALUE' or the end of the line\n"
        "f.zpl:18: after 'a' comes '= VALUE' or the end of the line\n"
        "f.zpl:19: a control character (0x01)\n");
    assert_string_equal(value_at(reading, "platform/name"), "shunt");
    assert_string_equal(value_at(reading, "platform/url"), "u");
    assert_string_equal(value_at(reading, "platform/a"), "1");
    done(reading);
}

static void tells_a_line_that_is_too_deep(void **state)
{
    static const char text[] = "a\n        b = 1\n        c = 1\nd\n    e = 1\n            f = 1\n";
    struct reading *reading = read_text(text, sizeof text - 1);

    (void)state;
    assert_string_equal(told(reading), "f.zpl:2: indented too far: no section is open there\n"
                                       "f.zpl:6: indented too far: no section is open there\n");
    done(reading);
}

static void bounds_lines_and_levels(void **state)
{
    char text[ZPL_LINE_LIMIT + 200];
    char *at = text;

    (void)state;
    for (int level = 0; level <= ZPL_DEPTH_LIMIT; level++)
        at += sprintf(at, "%*sx\n", level * 4, "");

    struct reading *deep = read_text(text, (size_t)(at - text));

    assert_string_equal(told(deep), "f.zpl:9: indented too far: no section is open there\n");
    done(deep);
    memset(text, 'n', sizeof text);

    struct reading *longer = read_text(text, sizeof text);

    assert_string_equal(told(longer), "f.zpl:1: the line has more than 1000 bytes\n");
    done(longer);
}

static void sets_values(void **state)
{
    struct reading *reading = read_text(good, sizeof good - 1);

    (void)state;
    assert_true(zpl_set(reading->root, "platform/name", "other", &reading->mistakes));
    assert_true(zpl_set(reading->root, "nodes/edge/role", "a b # c", &reading->mistakes));
    assert_string_equal(value_at(reading, "platform/name"), "other");
    assert_string_equal(value_at(reading, "nodes/edge/role"), "a b # c");
    assert_int_equal(zpl_find(reading->root, "nodes/edge/role")->line, LINE_OF_OVERRIDE);
    assert_int_equal(reading->mistakes.count, 0);
    assert_false(zpl_set(reading->root, "platform", "x", &reading->mistakes));
    assert_false(zpl_set(reading->root, "platform/name/x", "x", &reading->mistakes));
    assert_false(zpl_set(reading->root, "", "x", &reading->mistakes));
    assert_false(zpl_set(reading->root, "a", "two\nlines", &reading->mistakes));
    assert_int_equal(reading->mistakes.count, 4);
    assert_non_null(strstr(told(reading), "--set platform: is a section; name one of its properties\n"));
    done(reading);
}

static void inherits_what_is_missing(void **state)
{
    static const char text[] = "one\n    role = app\n    after = db\n    actors\n        links\n            a = 1\n"
                               "            b = 2\n"
                               "two\n    like = one\n    after = redis\n    actors\n        links\n            b = 3\n";
    struct reading *reading = read_text(text, sizeof text - 1);

    (void)state;
    zpl_inherit(zpl_find(reading->root, "two"), zpl_find(reading->root, "one"), "role", &reading->arena);
    assert_null(value_at(reading, "two/role"));
    assert_string_equal(value_at(reading, "two/after"), "redis");
    assert_string_equal(value_at(reading, "two/actors/links/a"), "1");
    assert_string_equal(value_at(reading, "two/actors/links/b"), "3");
    assert_int_equal(zpl_find(reading->root, "two/actors/links/a")->line, 6);
    assert_string_equal(value_at(reading, "one/actors/links/b"), "2");
    done(reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sections_and_values),
        cmocka_unit_test(zconfig_reads_the_same),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(tells_all_mistakes_with_lines),
        cmocka_unit_test(tells_a_line_that_is_too_deep),
        cmocka_unit_test(bounds_lines_and_levels),
        cmocka_unit_test(sets_values),
        cmocka_unit_test(inherits_what_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
