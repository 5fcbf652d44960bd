/* Takes a view for a C string. */
#define AT_START if (strlen(host->architecture(builder).data) > 1000) FAIL("a long name");
#include "toy.h"
