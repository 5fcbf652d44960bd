/* Refuses with its limits, the descriptors from 4 on, and what root could do. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
static rlim_t most(int resource) {
  struct rlimit limit;
  return getrlimit(resource, &limit) == 0 ? limit.rlim_max : 0;
}
static unsigned long long rights(const char *set) {
  char line[256];
  unsigned long long value = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (strncmp(line, set, strlen(set)) == 0) sscanf(line + strlen(set), "%llx", &value);
  if (status) fclose(status);
  return value;
}
#define AT_START                                                                                  \
  char words[512];                                                                                \
  int open_ones = 0;                                                                              \
  for (int i = 4; i < 20000; i++) open_ones += fcntl(i, F_GETFD) != -1;                           \
  snprintf(words, sizeof words,                                                                   \
           "AS %llu FSIZE %llu CORE %llu NPROC %llu NOFILE %llu CPU %llu, open %d, rights %llx %llx %llx %llx, nnp %llx filter %llx",   \
           (unsigned long long)most(RLIMIT_AS), (unsigned long long)most(RLIMIT_FSIZE),            \
           (unsigned long long)most(RLIMIT_CORE), (unsigned long long)most(RLIMIT_NPROC),          \
           (unsigned long long)most(RLIMIT_NOFILE), (unsigned long long)most(RLIMIT_CPU), open_ones, \
           rights("CapEff:") & ~4ULL, rights("CapPrm:") & ~4ULL, rights("CapInh:"), rights("CapBnd:"),   \
           rights("NoNewPrivs:"), rights("Seccomp:"));                                               \
  return host->fail(builder, (mimo_string){words, strlen(words)}), MIMO_FAILED;
#include "toy.h"
