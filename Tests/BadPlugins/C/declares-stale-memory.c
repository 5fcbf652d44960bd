/* Declares what happened to lie in memory. */
#define AT_START                                                                \
  {                                                                             \
    volatile char *memory = malloc(100);                                        \
    host->drop(builder, TEXT("extra"), memory[50] & 1 ? TEXT("odd") : TEXT("even")); \
    free((void *)memory);                                                       \
  }
#include "toy.h"
