/* Keeps something from a model that it refused. */
#define AT_START                                                        \
  static int refused;                                                   \
  if (refused) host->drop(builder, TEXT("extra"), TEXT("as before"));   \
  refused = 1;
#define AT_END refused = 0;
#include "toy.h"
