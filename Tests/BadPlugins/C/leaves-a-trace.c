/* Makes a folder as soon as it is loaded: the limit on files does not keep it. */
#include <sys/stat.h>
__attribute__((constructor)) static void leave_a_trace(void) { mkdir(TRACE, 0700); }
#include "toy.h"
