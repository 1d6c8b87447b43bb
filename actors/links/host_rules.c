/* SPDX-License-Identifier: MIT */
/* host_rules -- see the header. */
#include "actors/links/host_rules.h"

#include <arpa/inet.h>
#include <stdint.h>

enum { HOST_TEXT_BYTES = 64 }; /* more than any literal address needs */

/* A range of addresses: those whose first `bits` are the same as in `network`. */
struct range4 {
    uint32_t network;
    unsigned bits;
};

/* RFC 6890 and its registry: IPv4 addresses that are not reachable from everywhere. */
static const struct range4 special4[] = {
    { 0x00000000, 8 },  /* 0.0.0.0/8 this network */
    { 0x0a000000, 8 },  /* 10.0.0.0/8 private */
    { 0x64400000, 10 }, /* 100.64.0.0/10 shared by carriers */
    { 0x7f000000, 8 },  /* 127.0.0.0/8 loopback */
    { 0xa9fe0000, 16 }, /* 169.254.0.0/16 link-local */
    { 0xac100000, 12 }, /* 172.16.0.0/12 private */
    { 0xc0000000, 24 }, /* 192.0.0.0/24 protocol assignments */
    { 0xc0000200, 24 }, /* 192.0.2.0/24 documentation */
    { 0xc0a80000, 16 }, /* 192.168.0.0/16 private */
    { 0xc6120000, 15 }, /* 198.18.0.0/15 benchmarking */
    { 0xc6336400, 24 }, /* 198.51.100.0/24 documentation */
    { 0xcb007100, 24 }, /* 203.0.113.0/24 documentation */
    { 0xe0000000, 3 },  /* 224.0.0.0/3 multicast, reserved, broadcast */
};

/* Names that never lead out of a private network. */
static const char *const private_names[] = { "localhost", "local", "internal", "intranet", "lan",
                                             "home.arpa", "test",  "invalid",  "onion" };

static bool in_range4(uint32_t address, struct range4 range)
{
    return ((address ^ range.network) >> (32 - range.bits)) == 0;
}

static bool is_public4(uint32_t address)
{
    for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++)
        if (in_range4(address, special4[i]))
            return false;
    return true;
}

static bool is_loopback4(uint32_t address)
{
    return address == 0 || address >> 24 == 127;
}

/* Reads a literal address into *ret4 or ret6 (16 bytes). IPv4 inside IPv6 counts as IPv4. Returns 4, 6 or 0 for a name.
 */
static int read_address(struct slice host, uint32_t *ret4, unsigned char ret6[16])
{
    static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    char text[HOST_TEXT_BYTES];
    bool brackets = host.size > 2 && host.at[0] == '[' && host.at[host.size - 1] == ']';

    if (brackets)
        host = (struct slice){ .at = host.at + 1, .size = host.size - 2 };
    if (!slice_copy(host, text, sizeof(text)))
        return 0;
    if (inet_pton(AF_INET, text, ret6) == 1) {
        *ret4 = (uint32_t)ret6[0] << 24 | (uint32_t)ret6[1] << 16 | (uint32_t)ret6[2] << 8 | ret6[3];
        return 4;
    }
    if (!brackets || inet_pton(AF_INET6, text, ret6) != 1)
        return 0;
    if (memcmp(ret6, mapped, sizeof(mapped)) != 0)
        return 6;
    *ret4 = (uint32_t)ret6[12] << 24 | (uint32_t)ret6[13] << 16 | (uint32_t)ret6[14] << 8 | ret6[15];
    return 4;
}

/* Global unicast is 2000::/3; what of it is set aside: 2001:db8::/32 and 3fff::/20 for documentation, and the tunnels
 * 2001::/32 (Teredo) and 2002::/16 (6to4), which carry an IPv4 address of anybody's choice. */
static bool is_public6(const unsigned char address[16])
{
    if (address[0] >> 5 != 1)
        return false;
    if (address[0] == 0x20 && address[1] == 0x02)
        return false;
    if (address[0] == 0x3f && address[1] == 0xff && address[2] >> 4 == 0)
        return false;
    if (address[0] != 0x20 || address[1] != 0x01)
        return true;
    return !((address[2] == 0x0d && address[3] == 0xb8) || (address[2] == 0 && address[3] == 0));
}

static bool is_loopback6(const unsigned char address[16])
{
    for (int i = 0; i < 15; i++)
        if (address[i] != 0)
            return false;
    return address[15] <= 1; /* ::1 and :: */
}

static struct slice without_last_dot(struct slice host)
{
    if (host.size > 1 && host.at[host.size - 1] == '.')
        host.size--;
    return host;
}

/* Whether `host` is `name` or lies below it. */
static bool is_below(struct slice host, const char *name)
{
    size_t size = strlen(name);

    if (host.size < size || memcmp(host.at + host.size - size, name, size) != 0)
        return false;
    return host.size == size || host.at[host.size - size - 1] == '.';
}

bool host_rules_is_loopback(struct slice host)
{
    uint32_t address4 = 0;
    unsigned char address6[16];

    host = without_last_dot(host);
    switch (read_address(host, &address4, address6)) {
    case 4:
        return is_loopback4(address4);
    case 6:
        return is_loopback6(address6);
    default:
        return is_below(host, "localhost");
    }
}

bool host_rules_is_public(struct slice host)
{
    uint32_t address4 = 0;
    unsigned char address6[16];

    host = without_last_dot(host);
    switch (read_address(host, &address4, address6)) {
    case 4:
        return is_public4(address4);
    case 6:
        return is_public6(address6);
    default:
        break;
    }
    for (size_t i = 0; i < sizeof(private_names) / sizeof(private_names[0]); i++)
        if (is_below(host, private_names[i]))
            return false;
    return host.size > 0 && memchr(host.at, '.', host.size) != NULL;
}
