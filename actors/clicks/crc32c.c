/* SPDX-License-Identifier: MIT */
/* crc32c -- see the header. */
#include "actors/clicks/crc32c.h"

#include <string.h>

static const uint32_t POLYNOMIAL = 0x82f63b78; /* 0x1edc6f41, bits reversed */

static uint32_t table[256];

static void __attribute__((constructor)) make_table(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;

        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        table[byte] = crc;
    }
}

uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    crc = ~crc;
    while (size-- > 0)
        crc = crc >> 8 ^ table[(crc ^ *at++) & 0xff];
    return ~crc;
}

#ifdef __x86_64__
#    include <nmmintrin.h>

static __attribute__((target("sse4.2"))) uint32_t crc32c_by_instruction(uint32_t crc, const uint8_t *at, size_t size)
{
    uint64_t wide = ~crc;

    for (; size >= 8; at += 8, size -= 8) {
        uint64_t eight;

        memcpy(&eight, at, 8);
        wide = _mm_crc32_u64(wide, eight);
    }
    for (; size > 0; at++, size--)
        wide = _mm_crc32_u8((uint32_t)wide, *at);
    return ~(uint32_t)wide;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
    if (__builtin_cpu_supports("sse4.2"))
        return crc32c_by_instruction(crc, bytes, size);
    return crc32c_by_table(crc, bytes, size);
}
#else
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size)
{
    return crc32c_by_table(crc, bytes, size);
}
#endif
