/* SPDX-License-Identifier: MIT */
/* door -- see door.h. */
#include "actors/command/door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actors/command/place.h"

enum { ANSWER_LIMIT_US = 5 * 1000 * 1000 };

static enum exit_code open_gate(const struct invocation *invocation, const char *gate, struct client **ret_client)
{
    const char *key = flag_value(invocation, "key");
    const char *server = flag_value(invocation, "server");
    char why[CLIENT_SENTENCE_LIMIT];

    if (key == NULL || server == NULL) {
        complain(invocation->verb->name, "--gate wants --key and --server as well; see shunt %s --help",
                 invocation->verb->name);
        return EXIT_WRONG_USAGE;
    }
    *ret_client = client_open_gate(gate, key, server, why);
    if (*ret_client != NULL)
        return EXIT_DONE;
    complain(invocation->verb->name, "%s", why);
    return EXIT_FAILED;
}

enum exit_code door_open(const struct invocation *invocation, const char *name, struct client **ret_client)
{
    const char *gate = flag_value(invocation, "gate");
    enum exit_code code;

    if (gate != NULL)
        return open_gate(invocation, gate, ret_client);
    code = place_enter_running(invocation);
    if (code != EXIT_DONE)
        return code;
    *ret_client = client_open(name);
    if (*ret_client != NULL)
        return EXIT_DONE;
    complain(invocation->verb->name, "the platform cannot be spoken with: %s", strerror(errno));
    return EXIT_FAILED;
}

/* A topology is loaded from a file, so what the gate tells becomes one for a moment. */
static struct topology *load_text(struct slice text)
{
    char path[] = "/tmp/shunt-topology-XXXXXX";
    int fd = mkstemp(path);
    struct topology *topology = NULL;

    if (fd < 0)
        return NULL;
    if (write(fd, text.at, text.size) == (ssize_t)text.size)
        topology = place_load(path, NULL, NULL);
    close(fd);
    unlink(path);
    return topology;
}

struct topology *door_topology(const struct invocation *invocation, struct client *client)
{
    struct client_answer answer;
    struct topology *topology;

    if (flag_value(invocation, "gate") == NULL)
        return place_load("topology.zpl", NULL, NULL);
    CLIENT_ASK(client, "launcher/launcher", ANSWER_LIMIT_US, &answer, topology_read);
    topology =
        answer.schema == &topology_text_schema ? load_text(((const struct topology_text *)answer.message)->text) : NULL;
    if (topology == NULL)
        complain(invocation->verb->name, "what runs there cannot be learned: %s", answer.detail);
    return topology;
}
