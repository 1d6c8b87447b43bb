/* SPDX-License-Identifier: MIT */
/* The second program on the runtime, as its page shows it: two launchers that know nothing of each other, on two hosts
 * as far as they can tell, and a count that crosses over tcp. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/testing.h"
#include "tests/unit/support/nodes.h"

static char folder[] = "/tmp/rates.XXXXXX";
static const char *const hosts[] = { "east", "west" };
static pid_t launchers[2];

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int shell(const char *format, ...)
{
    char command[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);

    int status = system(command);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Of three in a row: the supervisor's, and the actor's behind it. */
static int free_port(int from)
{
    for (int port = from;; port++) {
        int taken = 0;

        for (int i = 0; i < 3 && taken == 0; i++) {
            struct sockaddr_in address = { .sin_family = AF_INET,
                                           .sin_port = htons((uint16_t)(port + i)),
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
            int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

            taken = bind(fd, (struct sockaddr *)&address, sizeof address);
            close(fd);
        }
        if (taken == 0)
            return port + 1;
    }
}

static void launch(int i)
{
    char data[64];
    char file[64];

    snprintf(data, sizeof data, "%s/%s", folder, hosts[i]);
    snprintf(file, sizeof file, "%s/rates.zpl", folder);
    launchers[i] = fork();
    if (launchers[i] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(RATES_PROGRAM, "rates", "up", file, hosts[i], data, NULL);
        _exit(127);
    }
}

static int end(int i)
{
    int status;

    kill(launchers[i], SIGTERM);
    assert_int_equal(waitpid(launchers[i], &status, 0), launchers[i]);
    launchers[i] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What the meter has counted; 0: it does not answer. */
static unsigned long long counted(void)
{
    char command[256];
    unsigned long long per_second;
    unsigned long long total = 0;
    FILE *from;

    snprintf(command, sizeof command, RATES_PROGRAM " show %s/east counting 2>&1", folder);
    from = popen(command, "r");
    assert_non_null(from);
    if (fscanf(from, "%llu a second, %llu in all", &per_second, &total) != 2)
        total = 0;
    pclose(from);
    return total;
}

static void a_count_crosses_from_host_to_host(void **state)
{
    int port = free_port(24000 + (int)getpid() % 4000);

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(shell("sed 's/:7951/:%d/; s/:7961/:%d/' runtime/examples/rates/rates.zpl >%s/rates.zpl", port,
                           free_port(port + 4), folder),
                     0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(shell(RATES_PROGRAM " key %s %s/%s", hosts[i], folder, hosts[i]), 0);
    launch(0);
    launch(1);
    NODES_WAIT_FOR(access(folder, F_OK) == 0 && counted() == 0); /* it runs; but nobody is let in yet */
    for (int i = 0; i < 2; i++)
        assert_int_equal(shell("cp %s/%s/secrets/curve/%s.cert %s/%s/secrets/curve/", folder, hosts[i], hosts[i],
                               folder, hosts[1 - i]),
                         0);
    NODES_WAIT_FOR(counted() > 5);

    assert_int_equal(end(0), 0); /* the meter's host goes, and comes again: a new meter, and all that was kept for it */
    launch(0);
    NODES_WAIT_FOR(counted() > 5);
    assert_int_equal(end(1), 0);
    assert_int_equal(end(0), 0);
    assert_int_equal(shell("rm -r %s", folder), 0);
}

static int clean_up(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        if (launchers[i] > 0) {
            kill(launchers[i], SIGKILL);
            waitpid(launchers[i], NULL, 0);
        }
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(a_count_crosses_from_host_to_host, clean_up) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
