/* SPDX-License-Identifier: MIT */
/*
 * crc32c -- the Castagnoli checksum of journal records.
 *
 * The polynomial of iSCSI (RFC 3720, appendix B.4), which x86 computes in hardware at some 10 GB/s; a table elsewhere.
 */
#ifndef ACTORS_CLICKS_CRC32C_H
#define ACTORS_CLICKS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc`, which is 0 at the start. Any thread. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t size);
/* The same by the table alone, for machines without the instruction, and for the test that compares. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t size);

#endif
