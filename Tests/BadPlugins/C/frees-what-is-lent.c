/* Frees a text of the host's. */
#define AT_END free((void *)host->architecture(builder).data);
#include "toy.h"
