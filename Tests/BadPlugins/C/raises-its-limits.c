/* Takes more than it was given: the words of its refusal are the limits that it raised. */
#include <sys/resource.h>
static const struct { const char *name; int resource; } limits[] = {
    {"AS", RLIMIT_AS}, {"FSIZE", RLIMIT_FSIZE}, {"CORE", RLIMIT_CORE}, {"NPROC", RLIMIT_NPROC},
    {"NOFILE", RLIMIT_NOFILE}, {"CPU", RLIMIT_CPU},
};
#define AT_START                                                                                  \
  char raised[64] = "";                                                                           \
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {                                   \
    struct rlimit old, more;                                                                      \
    getrlimit(limits[i].resource, &old);                                                          \
    more.rlim_cur = more.rlim_max = old.rlim_max == RLIM_INFINITY ? old.rlim_max : old.rlim_max + 1; \
    if (setrlimit(limits[i].resource, &more) == 0) strcat(strcat(raised, limits[i].name), " ");   \
  }                                                                                               \
  if (*raised) return host->fail(builder, (mimo_string){raised, strlen(raised)}), MIMO_FAILED;
#include "toy.h"
