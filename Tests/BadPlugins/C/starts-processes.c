/* A fork bomb with a short fuse: what it starts leaves its session and stays. */
#define AT_START                                                                                  \
  int started = 0, is_child = 0;                                                                  \
  for (int i = 0; i < 5; i++)                                                                     \
    switch (fork()) {                                                                             \
    case -1: break;                                                                               \
    case 0: is_child = 1, setsid(); break;                                                        \
    default: started++;                                                                           \
    }                                                                                             \
  while (is_child) pause();                                                                       \
  if (started) FAIL("it started processes");
#include "toy.h"
