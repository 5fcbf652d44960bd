/* A gate before system calls, for LD_PRELOAD: stops the program at a call that is counted, not timed.
 *
 *   GATE_STOP=CALL:PATH:N:SIGNAL   sends SIGNAL to the process before its N-th CALL on a file whose path holds PATH
 *   GATE_CLOCK=SECONDS             lets so much time pass on the monotonic clock with each look at it
 *
 * CALL is pwrite, pread, sync (fsync and fdatasync) or rename. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static char call_name[32], part[256];
static long stop_at, signal_number;
static double clock_step;
static atomic_long seen, looks;

__attribute__((constructor)) static void read_orders(void) {
  const char *stop = getenv("GATE_STOP"), *step = getenv("GATE_CLOCK");
  if (stop) sscanf(stop, "%31[^:]:%255[^:]:%ld:%ld", call_name, part, &stop_at, &signal_number);
  if (step) clock_step = atof(step);
}

static void pass(const char *call, const char *path) {
  if (!stop_at || strcmp(call, call_name) || !strstr(path, part)) return;
  if (atomic_fetch_add(&seen, 1) + 1 == stop_at) kill(getpid(), (int)signal_number);
}

static void pass_descriptor(const char *call, int descriptor) {
  char link[64], path[4096];
  if (!stop_at || strcmp(call, call_name)) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return;
  path[length] = 0;
  pass(call, path);
}

#define NEXT(name, type) ((type)dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int f, const void *b, size_t n, off_t at) {
  pass_descriptor("pwrite", f);
  return NEXT(pwrite, ssize_t (*)(int, const void *, size_t, off_t))(f, b, n, at);
}
ssize_t pwritev2(int f, const struct iovec *v, int n, off_t at, int flags) {
  pass_descriptor("pwrite", f);
  return NEXT(pwritev2, ssize_t (*)(int, const struct iovec *, int, off_t, int))(f, v, n, at, flags);
}
ssize_t pread(int f, void *b, size_t n, off_t at) {
  pass_descriptor("pread", f);
  return NEXT(pread, ssize_t (*)(int, void *, size_t, off_t))(f, b, n, at);
}
int fsync(int f) {
  pass_descriptor("sync", f);
  return NEXT(fsync, int (*)(int))(f);
}
int fdatasync(int f) {
  pass_descriptor("sync", f);
  return NEXT(fdatasync, int (*)(int))(f);
}
int rename(const char *from, const char *to) {
  pass("rename", to);
  return NEXT(rename, int (*)(const char *, const char *))(from, to);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  pass("rename", to);
  return NEXT(renameat2, int (*)(int, const char *, int, const char *, unsigned))(a, from, b, to, flags);
}
int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = NEXT(clock_gettime, int (*)(clockid_t, struct timespec *))(clock, time);
  if (result == 0 && clock_step > 0 && clock == CLOCK_MONOTONIC)
    time->tv_sec += (time_t)(clock_step * (double)(atomic_fetch_add(&looks, 1) + 1));
  return result;
}
