/* Opens file after file. */
#include <fcntl.h>
#define AT_START                                                                                  \
  int opened = 0;                                                                                 \
  while (opened < 100000 && open("/dev/null", O_RDONLY) >= 0) opened++;                           \
  if (opened > 64) FAIL("it opened more than 64 files");
#include "toy.h"
