/* Refuses a host whose structs have grown. */
#define OFFER_FITS (offer->struct_size == sizeof(mimo_offer))
#include "toy.h"
