#include "mimo_checksum.h"
