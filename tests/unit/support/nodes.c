/* SPDX-License-Identifier: MIT */
/* nodes -- see nodes.h. */
#include "tests/unit/support/nodes.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/wire/curve_file.h"
#include "tests/testing.h"

const struct topology_group nodes_group = { .name = "all", .strategy = ONE_FOR_ONE, .limits = NODES_LIMITS };
pid_t nodes_pids[NODES_MOST];

static struct client *client;
static char folder[32];
static char tcp_addresses[NODES_MOST][40];
static const char *const host_names[NODES_MOST] = { "a", "b", "c", "d" };

int nodes_enter(void **state)
{
    char why[CURVE_SENTENCE_LIMIT];

    (void)state;
    strcpy(folder, "/tmp/shunt-nodes-XXXXXX");
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 || mkdir("run", 0700) != 0)
        return -1;
    for (size_t i = 0; i < NODES_MOST; i++)
        if (!curve_file_make(host_names[i], CURVE_NODE, false, why))
            return -1;
    return 0;
}

int nodes_leave(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static bool is_free(int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    close(fd);
    return free;
}

static bool are_free(int first, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_free(first + (int)i))
            return false;
    return true;
}

void nodes_put_on_hosts(struct topology_node *nodes, size_t count)
{
    int port = 21000 + (int)getpid() % 8000; /* several tests run at the same time */

    for (size_t i = 0; i < count; i++) {
        size_t wanted = nodes[i].actor_count + 1;

        while (port < 32000 && !are_free(port, wanted))
            port++;
        snprintf(tcp_addresses[i], sizeof tcp_addresses[i], "tcp://127.0.0.1:%d", port + 1);
        nodes[i].host = host_names[i];
        nodes[i].tcp = tcp_addresses[i];
        port += (int)wanted;
    }
}

void nodes_start(const struct topology *topology, size_t i)
{
    nodes_pids[i] = fork();
    if (nodes_pids[i] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test must not leave it behind */
        _exit(node_process_run(topology, topology->nodes[i].name));
    }
    assert_true(nodes_pids[i] > 0);
}

void nodes_end(size_t i, int signal)
{
    if (nodes_pids[i] > 0) {
        kill(nodes_pids[i], signal);
        waitpid(nodes_pids[i], NULL, 0);
    }
    nodes_pids[i] = 0;
}

void nodes_start_client(void)
{
    client = client_open("test");
    assert_non_null(client);
}

void nodes_start_all(const struct topology *topology)
{
    for (size_t i = 0; i < topology->node_count; i++)
        nodes_start(topology, i);
    nodes_start_client();
}

int nodes_end_all(void **state)
{
    (void)state;
    client_close(&client);
    for (size_t i = 0; i < NODES_MOST; i++)
        nodes_end(i, SIGKILL);
    return 0;
}

const void *nodes_ask(const char *address, const struct message_schema *schema, const void *message)
{
    struct client_answer answer;

    client_ask(client, address, schema, message, NODES_PATIENCE_US, &answer);
    if (answer.outcome != ASK_ANSWERED)
        fail_msg("%s did not answer %s: %s", address, schema->name, answer.detail);
    return answer.message;
}

double nodes_metric(const char *node, const char *start)
{
    char address[128];
    double value = 0;

    snprintf(address, sizeof address, "%s/supervisor", node);

    const struct metrics_text *metrics = NODES_ASK(address, metrics_read);
    char *text = strndup(metrics->text.at, metrics->text.size);

    assert_non_null(text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (strncmp(line, start, strlen(start)) == 0)
            value += strtod(strrchr(line, ' ') + 1, NULL);
    free(text);
    return value;
}

uint64_t nodes_now_us(void)
{
    return machine_clock.monotonic_us(NULL);
}

void nodes_pause(uint64_t until_us, const char *condition)
{
    if (nodes_now_us() > until_us)
        fail_msg("this did not come true: %s", condition);
    nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL); /* between two looks */
}
