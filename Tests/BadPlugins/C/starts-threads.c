/* Starts a thread. */
#include <pthread.h>
#include <unistd.h>
static void *wait_for_ever(void *nothing) { for (;;) pause(); return nothing; }
#define AT_START                                                                                  \
  pthread_t thread;                                                                               \
  if (pthread_create(&thread, 0, wait_for_ever, 0) == 0) FAIL("it started a thread");
#include "toy.h"
