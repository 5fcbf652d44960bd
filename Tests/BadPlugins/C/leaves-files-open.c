/* Opens a file and forgets it. */
#include <fcntl.h>
#define AT_START if (open("/dev/null", O_RDONLY) < 0) FAIL("no file");
#include "toy.h"
