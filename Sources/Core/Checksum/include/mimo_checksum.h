#ifndef MIMO_CHECKSUM_H
#define MIMO_CHECKSUM_H
#endif
