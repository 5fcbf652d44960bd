#ifndef MIMO_CHECKSUM_H
#define MIMO_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Two checksums over bytes that arrive in runs, in any order, from any thread.
 *
 *   mimo_crc32   CRC-32/ISO-HDLC, the one of zip and zlib
 *   mimo_crc64   CRC-64/NVME, as a content digest
 *
 * A *raw* CRC has no initial value and no final inversion, so it is linear: a message of `length` bytes that is cut
 * into runs has
 *
 *   total_raw = XOR over the runs of  shift(raw(0, run), bytes of the message behind the run)
 *   crc       = finish(total_raw, length)
 *
 * Runs of zero bytes have the raw CRC 0 and may be left out. All functions are thread safe.
 */

/* Standard CRC of a run, continued from `crc` (0 at the start), as zlib's crc32(). */
uint32_t mimo_crc32(uint32_t crc, const void *bytes, size_t count);
uint64_t mimo_crc64(uint64_t crc, const void *bytes, size_t count);

/* Raw CRC of a run, continued from `raw` (0 at the start). */
uint32_t mimo_crc32_raw(uint32_t raw, const void *bytes, size_t count);
uint64_t mimo_crc64_raw(uint64_t raw, const void *bytes, size_t count);

/* raw * x^(8 * bytes_after) modulo the polynomial: the raw CRC of the run followed by that many zero bytes. */
uint32_t mimo_crc32_shift(uint32_t raw, uint64_t bytes_after);
uint64_t mimo_crc64_shift(uint64_t raw, uint64_t bytes_after);

/* The standard CRC of a message of `length` bytes from its raw CRC. */
uint32_t mimo_crc32_finish(uint32_t total_raw, uint64_t length);
uint64_t mimo_crc64_finish(uint64_t total_raw, uint64_t length);

/* 1 when this machine's carry-less multiplication is used, 0 when tables do the work. */
int mimo_checksum_is_accelerated(void);

/* The same raw CRCs by tables alone, whatever the machine; for tests. */
uint32_t mimo_crc32_raw_portable(uint32_t raw, const void *bytes, size_t count);
uint64_t mimo_crc64_raw_portable(uint64_t raw, const void *bytes, size_t count);

#endif
