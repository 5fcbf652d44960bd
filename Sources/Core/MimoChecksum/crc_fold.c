#include "crc_internal.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define CLMUL __attribute__((target("pclmul,sse4.1")))

int mimo_crc_can_fold(void) {
  static int known = -1; /* any thread finds the same answer */
  int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (answer < 0) {
    __builtin_cpu_init();
    answer = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
    __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
  }
  return answer;
}

CLMUL void mimo_crc_multiply_folding(uint64_t a, uint64_t b, unsigned char product[16]) {
  __m128i result = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi64_si128((long long)b), 0);
  _mm_storeu_si128((__m128i *)product, result);
}

/* Moves a block ahead by the distance of `constants` and adds what lies there. */
CLMUL static inline __m128i fold(__m128i block, __m128i constants, __m128i ahead) {
  __m128i low = _mm_clmulepi64_si128(block, constants, 0x00);
  __m128i high = _mm_clmulepi64_si128(block, constants, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), ahead);
}

CLMUL static inline __m128i load(const unsigned char *p) { return _mm_loadu_si128((const __m128i *)p); }

/* Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009). */
CLMUL uint64_t
mimo_crc_by_folding(const struct mimo_crc_model *model, uint64_t reg, const unsigned char *p, size_t count) {
  if (count < 64) return mimo_crc_by_tables(model, reg, p, count);
  __m128i far = load((const unsigned char *)model->fold_far), near = load((const unsigned char *)model->fold_near);
  __m128i a = _mm_xor_si128(load(p), _mm_cvtsi64_si128((long long)reg));
  __m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);
  for (p += 64, count -= 64; count >= 64; p += 64, count -= 64) {
    a = fold(a, far, load(p));
    b = fold(b, far, load(p + 16));
    c = fold(c, far, load(p + 32));
    d = fold(d, far, load(p + 48));
  }
  a = fold(fold(fold(a, near, b), near, c), near, d);
  for (; count >= 16; p += 16, count -= 16) a = fold(a, near, load(p));
  unsigned char block[16];
  _mm_storeu_si128((__m128i *)block, a);
  return mimo_crc_by_tables(model, mimo_crc_by_tables(model, 0, block, 16), p, count);
}

#else

int mimo_crc_can_fold(void) { return 0; }

void mimo_crc_multiply_folding(uint64_t a, uint64_t b, unsigned char product[16]) {
  (void)a, (void)b;
  for (int i = 0; i < 16; i++) product[i] = 0;
}

uint64_t mimo_crc_by_folding(const struct mimo_crc_model *model, uint64_t reg, const unsigned char *p, size_t count) {
  return mimo_crc_by_tables(model, reg, p, count);
}

#endif
