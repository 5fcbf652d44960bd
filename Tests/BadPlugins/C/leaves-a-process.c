/* Starts a process that outlives it, with all its channels. */
#define AT_START if (fork() == 0) for (;;) pause();
#include "toy.h"
