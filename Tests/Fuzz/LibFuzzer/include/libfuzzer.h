#ifndef MIMO_LIBFUZZER_H
#define MIMO_LIBFUZZER_H

#include <stddef.h>
#include <stdint.h>

/// libFuzzer as a library: runs `target` on inputs until it is told to stop. See LLVM's documentation of libFuzzer.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *bytes, size_t count));

#endif
