/* SPDX-License-Identifier: MIT */
/*
 * The edge against clients that mean harm: mutated requests by the tens of thousands, connections cut at any byte, slow
 * heads and bodies, floods of small pieces. Those behind it answer, refuse or stay silent by chance. Whatever comes, it
 * must stay within its bounds and go on serving others; the sanitizers of this build watch the rest.
 *
 * SHUNT_MUTATIONS sets how many (100,000 by default), SHUNT_SEED which ones.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/actor/support/edge_stage.h"

enum { MUTATIONS = 100000, AT_ONCE = 50, REQUEST_LIMIT = 2048 };

static const char *const originals[] = {
    "GET /abc1234 HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/5.0 (iPhone)\r\nReferer: https://news.example/x\r\n\r\n",
    "GET /abc1234?utm=1 HTTP/1.1\r\nHost: x\r\n\r\nGET /other HTTP/1.1\r\nHost: x\r\n\r\n",
    "HEAD /%61bc1234 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "POST /api/shorten HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 47\r\n\r\n"
    "{\"url\":\"https://example.org/\",\"custom_code\":\"a\"}",
    "POST /api/shorten HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    "10\r\n{\"url\":\"https://\r\n0C;a=b\r\nexample.org/\r\n2\r\n\"}\r\n0\r\nTrailer: x\r\n\r\n",
    "POST /api/shorten HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
    "Content-Length: 13\r\n\r\n{\"url\":\"a/\"} ",
    "PATCH /api/links/abc1234 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n"
    "Content-Type: application/json\r\nContent-Length: 14\r\n\r\n{\"url\":\"a://\"}",
    "GET /api/stats/abc1234 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET http://h/readyz HTTP/1.1\r\nHost: h\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
};

static const char *const pieces[] = {
    "\r\n",
    "\r",
    "\n",
    "\r\n\r\n",
    "\0",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "0x",
    "-",
    "+",
    "%",
    "%00",
    "%0d%0a",
    "\x80",
    "\xff",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Host: y\r\n",
    "Expect: 100-continue\r\n",
    "ffffffffffffffff\r\n",
    "99999999999999999999",
    "Connection: keep-alive\r\n",
    "HTTP/1.1",
    "GET / HTTP/1.1\r\n",
    "{",
    "\"",
};

static uint64_t seed;

static uint32_t chance(uint32_t below)
{
    seed =
        seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX generator: the same run for the same seed */
    return (uint32_t)(seed >> 33) % below;
}

static size_t insert_piece(char *bytes, size_t size)
{
    const char *piece = pieces[chance(sizeof(pieces) / sizeof(pieces[0]))];
    size_t length = piece[0] == '\0' ? 1 : strlen(piece);
    size_t at = chance((uint32_t)size + 1);

    if (size + length > REQUEST_LIMIT)
        return size;
    memmove(bytes + at + length, bytes + at, size - at);
    memcpy(bytes + at, piece, length);
    return size + length;
}

static size_t cut_out(char *bytes, size_t size)
{
    size_t at = chance((uint32_t)size), length = chance((uint32_t)(size - at)) % 20;

    memmove(bytes + at, bytes + at + length, size - at - length);
    return size - length;
}

static size_t mutate(char *bytes)
{
    const char *original = originals[chance(sizeof(originals) / sizeof(originals[0]))];
    size_t size = strlen(original);

    memcpy(bytes, original, size);
    for (uint32_t changes = chance(4); changes > 0 && size > 0; changes--) {
        switch (chance(5)) {
        case 0:
            bytes[chance((uint32_t)size)] = (char)chance(256);
            break;
        case 1:
            bytes[chance((uint32_t)size)] ^= (char)(1 << chance(8));
            break;
        case 2:
            size = insert_piece(bytes, size);
            break;
        case 3:
            size = cut_out(bytes, size);
            break;
        default:
            size = size > 1 ? 1 + chance((uint32_t)size - 1) : size; /* the connection is cut here */
        }
    }
    return size;
}

/* ------------------------------------------------------------------------------------------------ the other side */

static void answer_ask(struct stage *stage, const struct harness_letter *ask)
{
    struct harness *harness = stage->harness;

    if (chance(20) == 0)
        return; /* somebody who stays silent */
    if (chance(20) == 0)
        harness_reply(harness, ask, &ask_failed_schema,
                      &(struct ask_failed){ .reason = ASK_FAILED, .detail = SLICE("no") });
    else if (ask->schema == &link_resolve_schema)
        harness_reply(harness, ask, &link_resolved_schema,
                      &(struct link_resolved){ .state = chance(3), .location = SLICE("https://example.org/") });
    else if (ask->schema == &clicks_commit_schema)
        harness_reply(harness, ask, &clicks_committed_schema, &(struct clicks_committed){ .epoch = 1, .first_seq = 1 });
    else if (ask->schema == &health_read_schema)
        harness_reply(harness, ask, &health_schema, &(struct health){ 0 });
    else if (chance(2) == 0)
        harness_reply(harness, ask, &link_row_schema, &(struct link_row){ .code = SLICE("abc1234") });
    else
        harness_reply(harness, ask, &link_refused_schema,
                      &(struct link_refused){ .status = chance(600), .detail = SLICE("No \xff.") });
}

static void answer_all(struct stage *stage)
{
    const struct harness_letter *letter;

    while ((letter = harness_take(stage->harness)) != NULL)
        if (letter->kind == HARNESS_ASK)
            answer_ask(stage, letter);
    stage_run(stage);
}

static int connect_to(struct stage *stage)
{
    const struct edge *edge = actor_state(stage->edge);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                   .sin_port = htons(http_port(edge->http)) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Only whole answers with statuses that we give may come, one behind the other. A body might hold anything, so it is
 * skipped by its length. */
static void check_answers(const char *bytes, size_t size)
{
    static const char *const statuses[] = { "100", "200", "201", "204", "307", "400", "401", "403", "404", "405",
                                            "409", "410", "413", "415", "417", "422", "429", "431", "503", "505" };
    bool is_ours = false;

    if (size == 0)
        return;
    assert_true(size > 12 && memcmp(bytes, "HTTP/1.1 ", 9) == 0);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        is_ours |= memcmp(bytes + 9, statuses[i], 3) == 0;
    if (!is_ours)
        fail_msg("a strange answer: %.300s", bytes);
}

static void finish_client(int fd)
{
    struct linger reset = { .l_onoff = 1 };
    char bytes[16 * 1024];
    ssize_t got = recv(fd, bytes, sizeof(bytes) - 1, MSG_DONTWAIT);

    if (got > 0) {
        bytes[got] = '\0';
        check_answers(bytes, (size_t)got);
    }
    if (chance(2) == 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
}

static void attack(struct stage *stage)
{
    int fds[AT_ONCE];

    for (int i = 0; i < AT_ONCE; i++) {
        char bytes[REQUEST_LIMIT + 1];
        size_t size = mutate(bytes), first = chance((uint32_t)size + 1);

        fds[i] = connect_to(stage);
        send(fds[i], bytes, first, MSG_NOSIGNAL);
        if (chance(8) == 0)
            stage_run(stage); /* the rest comes later */
        send(fds[i], bytes + first, size - first, MSG_NOSIGNAL);
        if (chance(8) == 0)
            shutdown(fds[i], SHUT_WR);
    }
    stage_run(stage);
    answer_all(stage);
    answer_all(stage);
    for (int i = 0; i < AT_ONCE; i++)
        finish_client(fds[i]);
    if (chance(4) == 0)
        harness_advance(stage->harness, 2000000); /* deadlines pass */
    stage_run(stage);
}

static void assert_serves(struct stage *stage)
{
    char path[32];

    snprintf(path, sizeof(path), "/w%u", chance(1000000000));
    answer_all(stage);
    while (harness_take(stage->harness) != NULL)
        ;
    stage_warm(stage, path);
}

static void test_mutations(void **state)
{
    struct stage *stage = *state;
    struct edge *edge = actor_state(stage->edge);
    const char *count = getenv("SHUNT_MUTATIONS"), *start = getenv("SHUNT_SEED");
    unsigned left = count != NULL ? (unsigned)atoi(count) : MUTATIONS;

    seed = start != NULL ? strtoull(start, NULL, 10) : 1;
    print_message("%u mutations from seed %llu\n", left, (unsigned long long)seed);
    snprintf(edge->management_key, sizeof(edge->management_key), "0123456789abcdef");
    for (unsigned round = 0; left >= AT_ONCE; round++, left -= AT_ONCE) {
        attack(stage);
        if (round % 20 == 0)
            assert_serves(stage);
        assert_true(harness_is_up(stage->edge));
    }
    for (int i = 0; i < 20; i++) { /* what was left without an answer ends at its deadline */
        harness_advance(stage->harness, 1000000);
        stage_run(stage);
    }
    assert_int_equal(http_under_way(edge->http), 0);
    assert_null(edge->sent);
}

/* ------------------------------------------------------------------------------------------------ slow and stubborn */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Runs the edge in real time until the connection is closed. Sends `drip` meanwhile, a byte each round, if it is not
 * NULL. */
static uint64_t time_until_closed(struct stage *stage, int fd, const char *drip)
{
    uint64_t since_ms = now_ms();
    size_t sent = 0, size = drip != NULL ? strlen(drip) : 0;

    while (!is_closed(fd) && now_ms() - since_ms < 10000) {
        if (sent < size && now_ms() - since_ms > sent * 50)
            send(fd, drip + sent++, 1, MSG_NOSIGNAL);
        edge_kind.wait(stage->edge, stage->idle_fd, 10000);
        stage_run(stage);
    }
    close(fd);
    return now_ms() - since_ms;
}

static void test_slow_clients(void **state)
{
    static const char *const options[] = { "listen=127.0.0.1:0", "head_timeout=300ms", "body_timeout=300ms",
                                           "idle_timeout=700ms", NULL };
    struct stage stage;
    uint64_t idle_ms, head_ms, body_ms, dripped_ms;

    (void)state;
    stage_start(&stage, options);
    idle_ms = time_until_closed(&stage, connect_to(&stage), NULL);
    head_ms = time_until_closed(&stage, stage_client(&stage, "GET /abc"), NULL);
    /* A head that makes progress all the time, too slowly: its time is counted in total. */
    dripped_ms = time_until_closed(&stage, stage_client(&stage, "G"),
                                   "ET / HTTP/1.1\r\nHost: x\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    body_ms = time_until_closed(
        &stage, stage_client(&stage, "POST /api/shorten HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{"), NULL);
    assert_in_range(idle_ms, 600, 3000);
    assert_in_range(head_ms, 200, 2500);
    assert_in_range(dripped_ms, 200, 2500);
    assert_in_range(body_ms, 200, 2500);
    harness_destroy(&stage.harness);
    close(stage.idle_fd);
}

/* A body that trickles but goes on is slow, not dead. */
static void test_body_that_makes_progress(void **state)
{
    static const char *const options[] = { "listen=127.0.0.1:0", "body_timeout=600ms", NULL };
    struct stage stage;
    int fd;
    uint64_t since_ms;

    (void)state;
    stage_start(&stage, options);
    fd = stage_client(&stage, "POST /api/shorten HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              "Content-Length: 11\r\n\r\n");
    for (const char *rest = "{\"url\":\"a\"}"; *rest != '\0'; rest++) {
        assert_int_equal(send(fd, rest, 1, MSG_NOSIGNAL), 1);
        for (since_ms = now_ms(); now_ms() - since_ms < 120;) {
            edge_kind.wait(stage.edge, stage.idle_fd, 10000);
            stage_run(&stage);
        }
    }
    assert_non_null(harness_take_type(stage.harness, &link_shorten_schema));
    close(fd);
    harness_destroy(&stage.harness);
    close(stage.idle_fd);
}

static void test_connections_are_bounded(void **state)
{
    static const char *const options[] = { "listen=127.0.0.1:0", "connections=20", NULL };
    struct stage stage;
    const struct edge *edge;
    int fds[60];

    (void)state;
    stage_start(&stage, options);
    edge = actor_state(stage.edge);
    for (int i = 0; i < 60; i++)
        fds[i] = stage_client(&stage, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(http_figures(edge->http).open, 20);
    assert_false(stage_has_come(fds[59]));
    for (int i = 0; i < 60; i++) { /* each that ends lets another in */
        for (uint64_t since_ms = now_ms(); !stage_has_come(fds[i]) && now_ms() - since_ms < 5000;)
            stage_run(&stage);
        stage_assert_status(fds[i], "200", "alive");
        stage_run(&stage);
    }
    harness_destroy(&stage.harness);
    close(stage.idle_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STAGE(test_mutations),
        cmocka_unit_test(test_slow_clients),
        cmocka_unit_test(test_body_that_makes_progress),
        cmocka_unit_test(test_connections_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
