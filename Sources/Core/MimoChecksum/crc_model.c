#include <pthread.h>
#include <string.h>

#include "crc_internal.h"

static uint64_t times_x(const struct mimo_crc_model *model, uint64_t word) {
  uint64_t overflows = word >> (64 - model->width) & 1;
  return (word >> 1) ^ (overflows ? model->modulus : 0);
}

/* Adds the polynomial when there is a constant term, so that the division is exact. */
static uint64_t over_x(const struct mimo_crc_model *model, uint64_t word) {
  if (!(word >> 63)) return word << 1;
  return (word ^ model->modulus) << 1 | (uint64_t)1 << (64 - model->width);
}

static uint64_t x_to(const struct mimo_crc_model *model, int exponent) {
  uint64_t word = (uint64_t)1 << 63;
  for (; exponent > 0; exponent--) word = times_x(model, word);
  for (; exponent < 0; exponent++) word = over_x(model, word);
  return word;
}

static uint64_t multiply(const struct mimo_crc_model *model, uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  for (; b; b <<= 1) {
    if (b >> 63) sum ^= a;
    a = times_x(model, a);
  }
  return sum;
}

static void build_slices(struct mimo_crc_model *model) {
  for (int byte = 0; byte < 256; byte++) {
    uint64_t word = (uint64_t)byte << (64 - model->width);
    for (int bit = 0; bit < 8; bit++) word = times_x(model, word);
    model->slices[0][byte] = word >> (64 - model->width);
  }
  for (int k = 1; k < 8; k++)
    for (int byte = 0; byte < 256; byte++) {
      uint64_t reg = model->slices[k - 1][byte];
      model->slices[k][byte] = reg >> 8 ^ model->slices[0][reg & 0xff];
    }
}

/* The factor x^(-width-1) undoes what reading a product as a message adds to it. */
static void build_powers(struct mimo_crc_model *model) {
  uint64_t one = x_to(model, -model->width - 1), base = x_to(model, 8);
  for (int i = 0; i < 8; i++) {
    model->powers[i][0] = one;
    for (int j = 1; j < 256; j++) model->powers[i][j] = multiply(model, model->powers[i][j - 1], base);
    for (int square = 0; square < 8; square++) base = multiply(model, base, base);
  }
}

static void build(struct mimo_crc_model *model, int width, uint64_t modulus) {
  model->width = width;
  model->modulus = width == 64 ? modulus : modulus << 32 | (uint64_t)1 << 31;
  build_slices(model);
  build_powers(model);
  /* The low half of a block is 64 powers above the high half; the product of two words counts one power too much. */
  model->fold_far[0] = x_to(model, 512 + 64 - 1);
  model->fold_far[1] = x_to(model, 512 - 1);
  model->fold_near[0] = x_to(model, 128 + 64 - 1);
  model->fold_near[1] = x_to(model, 128 - 1);
}

static struct mimo_crc_model crc32, crc64;
static pthread_once_t crc32_once = PTHREAD_ONCE_INIT, crc64_once = PTHREAD_ONCE_INIT;

/* Polynomials, reflected: zip (ISO 3309), and NVMe Base Specification 2.0, "64b CRC". */
static void build_crc32(void) { build(&crc32, 32, 0xEDB88320u); }
static void build_crc64(void) { build(&crc64, 64, 0x9A6C9329AC4BC9B5u); }

const struct mimo_crc_model *mimo_crc32_model(void) {
  pthread_once(&crc32_once, build_crc32);
  return &crc32;
}

const struct mimo_crc_model *mimo_crc64_model(void) {
  pthread_once(&crc64_once, build_crc64);
  return &crc64;
}

static uint64_t load_little_endian(const unsigned char *p) {
  uint64_t value;
  memcpy(&value, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  value = __builtin_bswap64(value);
#endif
  return value;
}

uint64_t mimo_crc_by_tables(const struct mimo_crc_model *model, uint64_t reg, const unsigned char *p, size_t count) {
  const uint64_t(*slices)[256] = model->slices;
  for (; count >= 8; count -= 8, p += 8) {
    uint64_t next = load_little_endian(p) ^ reg;
    reg = slices[7][next & 0xff] ^ slices[6][next >> 8 & 0xff] ^ slices[5][next >> 16 & 0xff]
        ^ slices[4][next >> 24 & 0xff] ^ slices[3][next >> 32 & 0xff] ^ slices[2][next >> 40 & 0xff]
        ^ slices[1][next >> 48 & 0xff] ^ slices[0][next >> 56];
  }
  for (; count > 0; count--) reg = reg >> 8 ^ slices[0][(reg ^ *p++) & 0xff];
  return reg;
}

/* As mimo_crc_multiply_folding, bit by bit. */
static void multiply_by_bits(uint64_t a, uint64_t b, unsigned char product[16]) {
  uint64_t low = 0, high = 0;
  for (int bit = 0; bit < 64; bit++) {
    if (!(b >> bit & 1)) continue;
    low ^= a << bit;
    if (bit) high ^= a >> (64 - bit);
  }
  for (int i = 0; i < 8; i++) {
    product[i] = (unsigned char)(low >> 8 * i);
    product[8 + i] = (unsigned char)(high >> 8 * i);
  }
}

uint64_t mimo_crc_shift(const struct mimo_crc_model *model, uint64_t reg, uint64_t bytes) {
  if (!reg) return 0;
  for (int i = 0; bytes; i++, bytes >>= 8) {
    if (!(bytes & 0xff)) continue;
    unsigned char product[16];
    uint64_t word = reg << (64 - model->width), power = model->powers[i][bytes & 0xff];
    if (mimo_crc_can_fold()) mimo_crc_multiply_folding(word, power, product);
    else multiply_by_bits(word, power, product);
    reg = mimo_crc_by_tables(model, 0, product, 16);
  }
  return reg;
}
