/* Crashes before it was asked anything. */
#include "toy.h"
__attribute__((constructor)) static void load(void) { *(volatile int *)8 = 1; }
