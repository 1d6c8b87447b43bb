/* SPDX-License-Identifier: MIT */
/* Whose key it is: what is in the folder is known, what is taken away is not. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/edge/api_keys.h"
#include "actors/io/sha256.h"
#include "tests/testing.h"

static char folder[] = "/tmp/api_keys_XXXXXX";

static void write_key(const char *name, const char *key)
{
    char path[128], hash[SHA256_TEXT_ROOM];
    FILE *file;

    sha256_text(slice_of(key), hash);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", hash);
    fclose(file);
}

static void remove_key(const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void test_keys_come_and_go(void **state)
{
    struct api_keys *keys = api_keys_new();
    uint64_t one = 0, two = 0;

    (void)state;
    assert_true(api_keys_look(keys, "/nowhere/at/all"));
    assert_false(api_keys_find(keys, SLICE("Bearer first"), &one));
    assert_non_null(mkdtemp(folder));
    write_key("one", "first");
    write_key("two", "second");
    assert_true(api_keys_look(keys, folder));
    assert_true(api_keys_find(keys, SLICE("Bearer first"), &one));
    assert_true(api_keys_find(keys, SLICE("bearer second"), &two));
    assert_true(one != two);
    assert_false(api_keys_find(keys, SLICE("Bearer third"), &one));
    assert_false(api_keys_find(keys, SLICE("Bearer "), &one));
    assert_false(api_keys_find(keys, SLICE("Basic first"), &one));
    assert_false(api_keys_find(keys, SLICE(""), &one));
    remove_key("one");
    assert_true(api_keys_look(keys, folder));
    assert_false(api_keys_find(keys, SLICE("Bearer first"), &one));
    assert_true(api_keys_find(keys, SLICE("Bearer second"), &one));
    remove_key("two");
    assert_int_equal(rmdir(folder), 0);
    assert_true(api_keys_look(keys, folder));
    assert_false(api_keys_find(keys, SLICE("Bearer second"), &one));
    api_keys_destroy(&keys);
    assert_null(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_keys_come_and_go) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
