/* Says that a text is longer than it is: its memory ends first. */
#define AT_START                                                                                          \
  {                                                                                                       \
    char *end = (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096; \
    munmap(end, 4096);                                                                                    \
    memcpy(end - 4, "toy!", 4);                                                                           \
    host->drop(builder, (mimo_string){end - 4, 60000}, TEXT("a reason"));                                 \
  }
#include <sys/mman.h>
#include "toy.h"
