/* SPDX-License-Identifier: MIT */
/*
 * rates -- a rate counter over several hosts: the whole of a program on the runtime that is not Shunt.
 *
 *     rates key HOST DATA          makes the host's key; bring HOST.cert to the other hosts
 *     rates up FILE HOST DATA      runs what the topology puts on that host, until it is told to stop
 *     rates show DATA NODE         asks the meter of a node
 *     rates node --name NODE       is what the launcher calls
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/client.h"
#include "runtime/examples/rates/rates.h"
#include "runtime/supervise/data_folder.h"
#include "runtime/supervise/launcher.h"
#include "runtime/supervise/node_process.h"

enum { PATH_ROOM = 4096, ANSWER_US = 2 * 1000 * 1000 };

static const struct actor_kind *const kinds[] = { &meter_kind, &source_kind, NULL };
static const struct topology_words words = { .kinds = kinds };

static int complain(const char *why)
{
    fprintf(stderr, "rates: %s\n", why);
    return 1;
}

static int make_key(const char *host, const char *data)
{
    char why[DATA_SENTENCE_LIMIT];

    return data_folder_make(data, why) && curve_file_make(host, CURVE_NODE, false, why) ? 0 : complain(why);
}

static void tell(void *context, const struct launcher_event *event)
{
    (void)context;
    if (event->type == LAUNCHER_READY)
        fprintf(stderr, "rates: %u nodes are up\n", event->up);
    else if (event->type == LAUNCHER_FAILED)
        fprintf(stderr, "rates: %s could not be started: %s\n", event->name, event->reason);
}

/* The nodes read the copy in the data folder. */
static bool write_copy(const struct topology *topology)
{
    FILE *to = fopen("topology.zpl", "we");

    if (to == NULL)
        return false;
    topology_write(topology, to);
    return fclose(to) == 0;
}

static int up(const char *file, const char *host, const char *data)
{
    struct topology *topology = topology_load(file, &words, NULL, 0, stderr);
    char why[DATA_SENTENCE_LIMIT];
    char program[PATH_ROOM] = "";
    char here[PATH_ROOM];
    int lock;

    if (topology == NULL)
        return 1;
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return complain("it does not know where it is");
    if (!data_folder_make(data, why) || !data_folder_lock(&lock, why))
        return complain(why);
    if (!write_copy(topology) || !topology_keep_host(topology, host))
        return complain("the topology cannot be written, or has no such host");

    const struct launcher_plan plan = { .topology = topology,
                                        .program = program,
                                        .store_script = "",
                                        .home = "",
                                        .data = getcwd(here, sizeof here),
                                        .tell = tell };
    bool good = launcher_run(&plan);

    topology_destroy(&topology);
    close(lock);
    return good ? 0 : 1;
}

static int be_node(const char *name)
{
    struct topology *topology = topology_load("topology.zpl", &words, NULL, 0, stderr);
    int code = topology != NULL ? node_process_run(topology, name) : NODE_EXIT_UNUSABLE;

    topology_destroy(&topology);
    return code;
}

static int show(const char *data, const char *node)
{
    char why[DATA_SENTENCE_LIMIT];
    char address[128];
    struct client *client = data_folder_enter(data, why) ? client_open("rates") : NULL;
    struct client_answer answer = { .detail = "nothing runs there" };

    snprintf(address, sizeof address, "%s/meter", node);
    if (client != NULL)
        CLIENT_ASK(client, address, ANSWER_US, &answer, rate_read);
    if (answer.schema != &rate_schema)
        complain(answer.detail);
    else
        printf("%llu a second, %llu in all\n", (unsigned long long)((const struct rate *)answer.message)->per_second,
               (unsigned long long)((const struct rate *)answer.message)->total);

    int code = answer.schema == &rate_schema ? 0 : 1;

    client_close(&client);
    return code;
}

int main(int count, char **arguments)
{
    const char *verb = count > 1 ? arguments[1] : "";

    rates_messages();
    if (count == 4 && strcmp(verb, "key") == 0)
        return make_key(arguments[2], arguments[3]);
    if (count == 5 && strcmp(verb, "up") == 0)
        return up(arguments[2], arguments[3], arguments[4]);
    if (count == 4 && strcmp(verb, "show") == 0)
        return show(arguments[2], arguments[3]);
    if (count == 4 && strcmp(verb, "node") == 0)
        return be_node(arguments[3]);
    fprintf(stderr, "usage: rates key HOST DATA | up FILE HOST DATA | show DATA NODE\n");
    return 2;
}
