/* Could end the host, and everybody (signal 0 ends nobody). */
#include <signal.h>
#define AT_START                                                                                  \
  if (kill(getppid(), 0) == 0 || kill(-1, 0) == 0) FAIL("it may send signals to others");
#include "toy.h"
