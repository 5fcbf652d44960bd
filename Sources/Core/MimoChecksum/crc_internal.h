#ifndef MIMO_CRC_INTERNAL_H
#define MIMO_CRC_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Both polynomials are reflected: the coefficient of the highest power sits in bit 0.
 * A *register* holds a remainder in its low `width` bits, as the public functions do. A *word* holds it in the upper
 * bits of 64, so that bit i is the coefficient of x^(63-i) whatever the width; products are made of words.
 */
struct mimo_crc_model {
  int width;
  uint64_t modulus;         /* as a word; for width 32 with its leading term, which 64 has no room for */
  uint64_t slices[8][256];  /* register after byte b and k zero bytes, from register 0 */
  uint64_t powers[8][256];  /* word x^(8 * j * 256^i - width - 1), see mimo_crc_shift */
  uint64_t fold_far[2];     /* words that move a 16-byte block 64 bytes ahead */
  uint64_t fold_near[2];    /* and 16 bytes ahead */
};

/* The tables of a polynomial, built at first use. */
const struct mimo_crc_model *mimo_crc32_model(void);
const struct mimo_crc_model *mimo_crc64_model(void);

/* Register after `count` more bytes, by tables. */
uint64_t mimo_crc_by_tables(const struct mimo_crc_model *model, uint64_t reg, const unsigned char *p, size_t count);

/* Register after `count` more bytes, by carry-less multiplication; only where mimo_crc_can_fold. */
uint64_t mimo_crc_by_folding(const struct mimo_crc_model *model, uint64_t reg, const unsigned char *p, size_t count);

/* Register followed by `bytes` zero bytes. */
uint64_t mimo_crc_shift(const struct mimo_crc_model *model, uint64_t reg, uint64_t bytes);

/* 1 when this machine multiplies carry-less. */
int mimo_crc_can_fold(void);

/* Product of two words as 16 message bytes (which count as product * x); only where mimo_crc_can_fold. */
void mimo_crc_multiply_folding(uint64_t a, uint64_t b, unsigned char product[16]);

#endif
