/* Crashes when everything is done. */
#include "toy.h"
__attribute__((destructor)) static void unload(void) { abort(); }
