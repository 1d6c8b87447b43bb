/* SPDX-License-Identifier: MIT */
/* migrations: which files there are, in which order, and what is wrong with them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/ops/migrations.h"
#include "tests/testing.h"

struct folder {
    char path[64];
};

static struct folder make_folder(void)
{
    struct folder folder = { "/tmp/test_migrations.XXXXXX" };

    assert_non_null(mkdtemp(folder.path));
    return folder;
}

static void put(const struct folder *folder, const char *name, const char *text)
{
    char path[256];
    FILE *out;

    (void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
    out = fopen(path, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void files_come_in_the_order_of_their_numbers(void **state)
{
    struct folder folder = make_folder();
    struct migrations list;
    char why[256];

    (void)state;
    put(&folder, "0002_second.sql", "SELECT 2;");
    put(&folder, "0000_b.sql", "SELECT 'b';");
    put(&folder, "0000_a.sql", "SELECT 'a';");
    put(&folder, "0001_first.sql", "abc");
    put(&folder, "README.md", "not one");
    put(&folder, "0003_draft.sql.orig", "not one");
    assert_true(migrations_read(folder.path, &list, why, sizeof(why)));
    assert_int_equal(list.count, 4);
    assert_string_equal(list.at[0].name, "a");
    assert_string_equal(list.at[1].name, "b");
    assert_int_equal(list.at[2].version, 1);
    assert_true(slice_is(list.at[2].sql, "abc"));
    assert_string_equal(list.at[2].checksum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(list.at[3].name, "second");
    migrations_free(&list);
}

static void what_is_wrong_is_said(void **state)
{
    struct folder folder = make_folder();
    struct migrations list;
    char why[256];

    (void)state;
    assert_false(migrations_read("/nowhere/at/all", &list, why, sizeof(why)));
    assert_non_null(strstr(why, "No such file"));
    assert_false(migrations_read(folder.path, &list, why, sizeof(why)));
    assert_non_null(strstr(why, "no migrations"));
    put(&folder, "0001_a.sql", "x");
    put(&folder, "0001_b.sql", "x");
    assert_false(migrations_read(folder.path, &list, why, sizeof(why)));
    assert_non_null(strstr(why, "the number 1"));
    put(&folder, "0001_b.sql", "");
    assert_false(migrations_read(folder.path, &list, why, sizeof(why)));
}

static void names_have_four_digits(void **state)
{
    struct migration migration;

    (void)state;
    assert_true(migrations_parse_name("0012_add_a_column.sql", &migration));
    assert_int_equal(migration.version, 12);
    assert_string_equal(migration.name, "add_a_column");
    assert_false(migrations_parse_name("12_add.sql", &migration));
    assert_false(migrations_parse_name("0012_.sql", &migration));
    assert_false(migrations_parse_name("0012-add.sql", &migration));
    assert_false(migrations_parse_name("0012_add.SQL", &migration));
    assert_false(migrations_parse_name("", &migration));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_in_the_order_of_their_numbers),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(names_have_four_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
