/* Linked with another library than libc: compiled with -lm. */
#include "toy.h"
double cos(double);
double (*volatile needed)(double) = cos;
