/* SPDX-License-Identifier: MIT */
/*
 * asker -- asks an HTTP/1.1 server as fast as one thread can, or at a given rate, and checks every answer.
 *
 * usage: asker HOST:PORT [--connections N] [--seconds S | --requests N] [--rate PER_SECOND] [--slow N]
 *              [--path P | --prefix P --count N --spread zipf|even|sequence [--first N] | --unknown | --shorten]
 *              [--base TEXT] [--status N] [--contains TEXT] [--seed N]
 *
 * With --rate the k-th request is due at a moment of its own, whatever became of those before it, and its answer's time
 * counts from that moment, not from when it could be sent: a server that pauses is charged for all who came meanwhile
 * (no coordinated omission). With --slow so many more connections ask on and on but hardly read.
 *
 * When the time is over, what was asked is still awaited, so that "right" is all that the server has answered rightly.
 * SIGTERM ends it before its time. Prints one line of JSON. Ends with 1 when an answer was wrong; --wrong-is-fine
 * leaves that to the reader.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/asker/latency.h"
#include "tests/bench/asker/targets.h"

enum { WAIT_NS = 10000000, ANSWER_ROOM = 16 * 1024, EVENTS = 256, STATUSES = 600, SLOW_ROOM = 4 * 1024 };
static const uint64_t LAST_ANSWERS_NS = 5000000000ull; /* that the last answers may take */
static const uint64_t SLOW_READ_NS = 100000000ull;     /* a slow reader takes a few bytes so often */

struct connection {
    int fd;
    bool is_slow;
    bool is_asked;
    uint32_t number;  /* of its target */
    uint64_t due_ns;  /* when its request was, or should have been, sent */
    uint64_t next_ns; /* of a slow one: when it reads again */
    size_t size;      /* bytes of the answer so far */
    struct connection *next_free;
    char bytes[ANSWER_ROOM];
};

static struct {
    struct sockaddr_in address;
    uint32_t connections, slow;
    double seconds, rate;
    uint64_t requests; /* 0: until the time is over */
    bool wrong_is_fine;
    struct targets targets;
} asked = { .connections = 64, .seconds = 4, .targets = { .status = 307, .path = "", .random = 1 } };

static int poll_fd;
static struct connection *free_connections;
static bool is_over;
static volatile sig_atomic_t is_told; /* by SIGTERM, to end before its time */
static uint64_t start_ns, sent, open_requests, right, wrong, broken;
static uint64_t right_in_time;
static uint64_t statuses[STATUSES];
static struct latency latency;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

__attribute__((noreturn)) static void give_up(const char *what)
{
    fprintf(stderr, "asker: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void open_connection(struct connection *connection)
{
    struct epoll_event event = { .events = connection->is_slow ? 0 : EPOLLIN, .data.ptr = connection };
    int yes = 1, little = 4096;

    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0)
        give_up("no more connections");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connection->is_slow)
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    if (connect(connection->fd, (struct sockaddr *)&asked.address, sizeof asked.address) != 0)
        give_up("cannot connect");
    fcntl(connection->fd, F_SETFL, O_NONBLOCK);
    if (!connection->is_slow)
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, connection->fd, &event);
}

static void set_free(struct connection *connection)
{
    connection->is_asked = false;
    connection->next_free = free_connections;
    free_connections = connection;
}

static void renew(struct connection *connection)
{
    close(connection->fd);
    connection->size = 0;
    open_connection(connection);
}

static bool is_more(void)
{
    return !is_over && (asked.requests == 0 || sent < asked.requests);
}

static void ask(struct connection *connection, uint64_t due_ns)
{
    char request[TARGETS_REQUEST];
    size_t size = targets_next(&asked.targets, request, &connection->number);

    connection->due_ns = due_ns;
    connection->is_asked = true;
    sent++;
    open_requests++;
    if (send(connection->fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) {
        broken++; /* a server that closes is found here or by reading */
        open_requests--;
        renew(connection);
        set_free(connection);
    }
}

static void answered(struct connection *connection, const struct answer *answer)
{
    uint64_t now = now_ns();
    bool is_right = targets_check(&asked.targets, connection->number, answer);

    open_requests--;
    statuses[answer->status < STATUSES ? answer->status : 0]++;
    *(is_right ? &right : &wrong) += 1;
    right_in_time += is_right && !is_over;
    latency_add(&latency, now - connection->due_ns);
    connection->size = 0;
    if (asked.rate == 0 && is_more())
        ask(connection, now);
    else
        set_free(connection);
}

static void read_answer(struct connection *connection)
{
    ssize_t got = recv(connection->fd, connection->bytes + connection->size, ANSWER_ROOM - connection->size, 0);
    struct answer answer = { .is_broken = true };

    if (got < 0 && errno == EAGAIN)
        return;
    if (got > 0) {
        connection->size += (size_t)got;
        if (answer_read(connection->bytes, connection->size, &answer)) {
            answered(connection, &answer);
            return;
        }
        if (!answer.is_broken && connection->size < ANSWER_ROOM)
            return;
    }
    if (connection->is_asked) {
        broken++;
        open_requests--;
        set_free(connection);
    }
    renew(connection);
}

/* Asks without an end and reads a few bytes now and then. What it gets is not counted. */
static void be_slow(struct connection *connection, uint64_t now)
{
    static char requests[SLOW_ROOM];
    static size_t size;
    uint32_t number;
    char few[64];

    if (now < connection->next_ns)
        return;
    connection->next_ns = now + SLOW_READ_NS;
    while (size + TARGETS_REQUEST <= sizeof requests)
        size += targets_next(&asked.targets, requests + size, &number);
    if (connection->size == 0) /* once; the rest of a request that was cut would follow here, but no room ever comes */
        connection->size = (size_t)send(connection->fd, requests, size, MSG_NOSIGNAL) > 0;
    if (recv(connection->fd, few, sizeof few, 0) == 0 && !is_over)
        renew(connection);
}

static void ask_what_is_due(uint64_t now)
{
    while (free_connections != NULL && is_more()) {
        uint64_t due_ns = asked.rate == 0 ? now : start_ns + (uint64_t)((double)sent / asked.rate * 1e9);
        struct connection *connection = free_connections;

        if (due_ns > now)
            break;
        free_connections = connection->next_free;
        ask(connection, due_ns);
    }
}

/* Until the next request is due, if there is somebody to ask it; else until something comes, or the time is over. */
static long wait_ns(uint64_t now)
{
    uint64_t due_ns;

    if (asked.rate == 0 || is_over || free_connections == NULL)
        return WAIT_NS;
    due_ns = start_ns + (uint64_t)((double)sent / asked.rate * 1e9);
    return due_ns <= now ? 0 : due_ns - now < WAIT_NS ? (long)(due_ns - now) : WAIT_NS;
}

static void run(struct connection *connections)
{
    uint32_t all = asked.connections + asked.slow;
    uint64_t end_ns = asked.requests > 0 ? UINT64_MAX : start_ns + (uint64_t)(asked.seconds * 1e9);
    struct epoll_event events[EVENTS];

    for (;;) {
        uint64_t now = now_ns();
        int i, ready;

        is_over = is_over || is_told || now >= end_ns || (asked.requests > 0 && sent >= asked.requests);
        if (is_over && end_ns > now)
            end_ns = now;
        if (is_over && (open_requests == 0 || now > end_ns + LAST_ANSWERS_NS))
            return;
        ask_what_is_due(now);
        for (uint32_t slow = asked.connections; slow < all; slow++)
            be_slow(&connections[slow], now);
        ready = epoll_pwait2(poll_fd, events, EVENTS, &(struct timespec){ .tv_nsec = wait_ns(now_ns()) }, NULL);
        for (i = 0; i < ready; i++)
            read_answer(events[i].data.ptr);
    }
}

static void report(double seconds)
{
    struct rusage used;
    const char *comma = "";

    getrusage(RUSAGE_SELF, &used);
    printf("{\"sent\": %ju, \"right\": %ju, \"wrong\": %ju, \"broken\": %ju, \"unanswered\": %ju, \"seconds\": %.6f, "
           "\"rate\": %.3f, \"p50_us\": %.3f, \"p99_us\": %.3f, \"p999_us\": %.3f, \"max_us\": %.3f, \"cpu_s\": %.6f, "
           "\"statuses\": {",
           (uintmax_t)sent, (uintmax_t)right, (uintmax_t)wrong, (uintmax_t)broken, (uintmax_t)open_requests, seconds,
           (double)right_in_time / seconds, latency_us(&latency, 0.5), latency_us(&latency, 0.99),
           latency_us(&latency, 0.999), (double)latency.max_ns / 1e3,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    for (int i = 0; i < STATUSES; i++)
        if (statuses[i] > 0) {
            printf("%s\"%d\": %ju", comma, i, (uintmax_t)statuses[i]);
            comma = ", ";
        }
    printf("}}\n");
}

static void set_address(char *text)
{
    char *colon = strrchr(text, ':');

    if (colon == NULL)
        give_up("the first argument is HOST:PORT");
    asked.targets.host = strdup(text);
    *colon = '\0';
    asked.address.sin_family = AF_INET;
    asked.address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, text, &asked.address.sin_addr) != 1)
        give_up("HOST is an IPv4 address");
}

static enum spread spread_of(const char *word)
{
    return strcmp(word, "zipf") == 0 ? SPREAD_ZIPF : strcmp(word, "even") == 0 ? SPREAD_EVEN : SPREAD_SEQUENCE;
}

static void take_option(int option, char *value)
{
    struct targets *targets = &asked.targets;

    switch (option) {
    case 'c':
        asked.connections = (uint32_t)atoi(value);
        break;
    case 's':
        asked.seconds = atof(value);
        break;
    case 'n':
        asked.requests = strtoull(value, NULL, 10);
        break;
    case 'r':
        asked.rate = atof(value);
        break;
    case 'w':
        asked.slow = (uint32_t)atoi(value);
        break;
    case 'p':
        targets->path = value;
        break;
    case 'x':
        targets->prefix = value;
        break;
    case 'N':
        targets->count = (uint32_t)atoi(value);
        break;
    case 'S':
        targets->spread = spread_of(value);
        break;
    case 'f':
        targets->first = (uint32_t)atoi(value);
        break;
    case 'u':
        targets->spread = SPREAD_UNKNOWN;
        break;
    case 'm':
        targets->spread = SPREAD_SHORTEN;
        break;
    case 'b':
        targets->base = value;
        break;
    case 't':
        targets->status = atoi(value);
        break;
    case 'B':
        targets->contains = value;
        break;
    case 'd':
        targets->random = strtoull(value, NULL, 10);
        break;
    case 'F':
        asked.wrong_is_fine = true;
        break;
    default:
        exit(2);
    }
}

static void be_told(int signal)
{
    (void)signal;
    is_told = true;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "connections", 1, NULL, 'c' }, { "seconds", 1, NULL, 's' },       { "requests", 1, NULL, 'n' },
        { "rate", 1, NULL, 'r' },        { "slow", 1, NULL, 'w' },          { "path", 1, NULL, 'p' },
        { "prefix", 1, NULL, 'x' },      { "count", 1, NULL, 'N' },         { "spread", 1, NULL, 'S' },
        { "first", 1, NULL, 'f' },       { "unknown", 0, NULL, 'u' },       { "shorten", 0, NULL, 'm' },
        { "base", 1, NULL, 'b' },        { "status", 1, NULL, 't' },        { "contains", 1, NULL, 'B' },
        { "seed", 1, NULL, 'd' },        { "wrong-is-fine", 0, NULL, 'F' }, { 0 },
    };
    struct connection *connections;
    double seconds;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        take_option(option, optarg);
    if (optind + 1 != argc)
        give_up("the one argument is HOST:PORT");
    set_address(argv[optind]);
    targets_start(&asked.targets);
    poll_fd = epoll_create1(0);
    connections = calloc(asked.connections + asked.slow, sizeof *connections);
    assert(connections != NULL);
    for (uint32_t i = 0; i < asked.connections + asked.slow; i++) {
        connections[i].is_slow = i >= asked.connections;
        open_connection(&connections[i]);
        if (!connections[i].is_slow)
            set_free(&connections[i]);
    }
    prctl(PR_SET_TIMERSLACK, 1); /* requests are due to the microsecond */
    signal(SIGTERM, be_told);
    start_ns = now_ns();
    run(connections);
    seconds = asked.requests > 0 || is_told ? (double)(now_ns() - start_ns) / 1e9 : asked.seconds;
    report(seconds);
    return !asked.wrong_is_fine && (wrong > 0 || broken > 0 || open_requests > 0 || right == 0);
}
