#include "mimo_checksum.h"

#include "crc_internal.h"

static uint64_t update(const struct mimo_crc_model *model, uint64_t reg, const void *bytes, size_t count) {
  return mimo_crc_can_fold() ? mimo_crc_by_folding(model, reg, bytes, count)
                             : mimo_crc_by_tables(model, reg, bytes, count);
}

int mimo_checksum_is_accelerated(void) { return mimo_crc_can_fold(); }

uint32_t mimo_crc32_raw(uint32_t raw, const void *bytes, size_t count) {
  return (uint32_t)update(mimo_crc32_model(), raw, bytes, count);
}

uint64_t mimo_crc64_raw(uint64_t raw, const void *bytes, size_t count) {
  return update(mimo_crc64_model(), raw, bytes, count);
}

uint32_t mimo_crc32_raw_portable(uint32_t raw, const void *bytes, size_t count) {
  return (uint32_t)mimo_crc_by_tables(mimo_crc32_model(), raw, bytes, count);
}

uint64_t mimo_crc64_raw_portable(uint64_t raw, const void *bytes, size_t count) {
  return mimo_crc_by_tables(mimo_crc64_model(), raw, bytes, count);
}

/* Both standards begin with all ones and end with an inversion, so a finished CRC inverts back to a register. */
uint32_t mimo_crc32(uint32_t crc, const void *bytes, size_t count) { return ~mimo_crc32_raw(~crc, bytes, count); }
uint64_t mimo_crc64(uint64_t crc, const void *bytes, size_t count) { return ~mimo_crc64_raw(~crc, bytes, count); }

uint32_t mimo_crc32_shift(uint32_t raw, uint64_t bytes_after) {
  return (uint32_t)mimo_crc_shift(mimo_crc32_model(), raw, bytes_after);
}

uint64_t mimo_crc64_shift(uint64_t raw, uint64_t bytes_after) {
  return mimo_crc_shift(mimo_crc64_model(), raw, bytes_after);
}

uint32_t mimo_crc32_finish(uint32_t total_raw, uint64_t length) {
  return ~(total_raw ^ mimo_crc32_shift(0xffffffffu, length));
}

uint64_t mimo_crc64_finish(uint64_t total_raw, uint64_t length) {
  return ~(total_raw ^ mimo_crc64_shift(~(uint64_t)0, length));
}
