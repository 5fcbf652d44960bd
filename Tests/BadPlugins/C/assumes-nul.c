/* Takes a view for a C string. */
#define AT_START if (strlen(host->architecture(builder).data) < 1) FAIL("no architecture");
#include "toy.h"
