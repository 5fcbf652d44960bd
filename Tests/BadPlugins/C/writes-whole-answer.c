/* Writes members of the answer that a shorter one does not have. */
#define ANSWER_FITS (answer->plugin = NULL, answer->struct_size >= sizeof(mimo_answer))
#include "toy.h"
