/* SPDX-License-Identifier: MIT */
/* The data folder: made whole, held by one, with secrets that only its owner reads, and ports that are free. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/supervise/data_folder.h"
#include "tests/testing.h"

static char why[DATA_SENTENCE_LIMIT];

static int begin(void **state)
{
    char *folder = strdup("/tmp/data_folder.XXXXXX");
    char path[64];

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/deep/er", folder);
    assert_true(data_folder_make(path, why));
    *state = folder;
    return 0;
}

static int end(void **state)
{
    char *folder = *state;
    char command[64];

    snprintf(command, sizeof command, "rm -rf -- %s", folder);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(system(command), 0);
    free(folder);
    return 0;
}

static void is_made_whole_and_private(void **state)
{
    struct stat status;

    (void)state;
    assert_int_equal(stat("run", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(stat("secrets", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_true(data_folder_make(".", why)); /* again does no harm */
}

static void cannot_be_made_anywhere(void **state)
{
    (void)state;
    assert_false(data_folder_make("/proc/nothing/here", why));
    assert_non_null(strstr(why, "/proc/nothing/here cannot be made"));
    assert_false(data_folder_enter("/nowhere at all", why));
    assert_non_null(strstr(why, "No such file"));
}

static void one_launcher_at_a_time(void **state)
{
    int lock;
    int second;
    int status;
    pid_t child;

    (void)state;
    assert_int_equal(data_folder_owner(), 0);
    assert_true(data_folder_lock(&lock, why));
    child = fork();
    if (child == 0) {
        close(lock); /* a child's copy of the descriptor is the same lock */
        _exit(data_folder_owner() == getppid() && !data_folder_lock(&second, why) &&
                      strstr(why, "is running in this data folder already") != NULL
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(lock);
    assert_int_equal(data_folder_owner(), 0);
    assert_true(data_folder_lock(&lock, why));
    close(lock);
}

static void read_secret(const char *name, char text[64])
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "secrets/%s", name);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, 64, file));
    fclose(file);
}

static void secrets_are_made_once(void **state)
{
    char first[64];
    char again[64];
    char other[64];
    struct stat status;

    (void)state;
    assert_true(data_folder_secret("db", why));
    read_secret("db", first);
    assert_int_equal(strlen(first), 33);
    assert_int_equal(strspn(first, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 32);
    assert_int_equal(stat("secrets/db", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_true(data_folder_secret("db", why));
    read_secret("db", again);
    assert_string_equal(first, again);
    assert_true(data_folder_secret("other", why));
    read_secret("other", other);
    assert_string_not_equal(first, other);
}

static void taken_ports_are_named(void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct topology_store store = { .name = "db", .host = "127.0.0.1", .managed = true };
    const struct topology topology = { .stores = &store, .store_count = 1 };
    char port[16];

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    store.port = ntohs(address.sin_port);
    assert_false(data_folder_ports_free(&topology, 0, why));
    snprintf(port, sizeof port, "port %u,", store.port);
    assert_non_null(strstr(why, port));
    assert_non_null(strstr(why, "the store db"));
    close(fd);
    assert_true(data_folder_ports_free(&topology, 0, why));
    store.host = "203.0.113.9"; /* of nobody: an address for documents */
    assert_false(data_folder_ports_free(&topology, 0, why));
    assert_non_null(strstr(why, "cannot listen on 203.0.113.9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_made_whole_and_private, begin, end),
        cmocka_unit_test_setup_teardown(cannot_be_made_anywhere, begin, end),
        cmocka_unit_test_setup_teardown(one_launcher_at_a_time, begin, end),
        cmocka_unit_test_setup_teardown(secrets_are_made_once, begin, end),
        cmocka_unit_test_setup_teardown(taken_ports_are_named, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
