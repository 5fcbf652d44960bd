/* Refuses a host whose table has grown. */
#define AT_START if (host->struct_size != sizeof(mimo_host)) FAIL("another host");
#include "toy.h"
