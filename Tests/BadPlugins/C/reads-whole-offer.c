/* Reads members of the offer that a shorter one does not have. */
#define OFFER_FITS (offer->host_version.length < 1000)
#include "toy.h"
