/* Refuses without saying what. */
#define MISSING(key) FAIL("bad config")
#define BIASED FAIL("not supported")
#define AT_START if (host->config_kind(builder, TEXT("hidden_size")) == MIMO_KIND_LIST) FAIL("bad config");
#include "toy.h"
