/* Declares something else each time. */
#define AT_START static int calls; char reason[16]; \
  host->drop(builder, TEXT("extra"), (mimo_string){reason, (size_t)snprintf(reason, sizeof reason, "call %d", ++calls)});
#include "toy.h"
