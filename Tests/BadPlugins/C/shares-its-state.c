/* Keeps what it reads in one place for all threads. */
#define AT_START static volatile int users; int alone = users++ == 0; usleep(20000); users--; \
  if (!alone) host->drop(builder, TEXT("extra"), TEXT("not alone"));
#include "toy.h"
