/* Two components without a modality, under one path. */
#define COMPONENTS                                                                            \
  {sizeof(mimo_component), 0, {"language", 8}, {"", 0}, {"", 0}, {"language_model", 14}},     \
      {sizeof(mimo_component), 0, {"other", 5}, {"", 0}, {"", 0}, {"language_model", 14}}
#include "toy.h"
