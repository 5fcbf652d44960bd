/* Reads half of a matrix twice, and the other half never. */
#define GATE host->concat(builder, 0, (mimo_node[2]){half(host, builder, gate_up[0], intermediate), \
  half(host, builder, gate_up[0], intermediate)}, 2)
#include "mimo_plugin.h"
static mimo_node half(const mimo_host *host, mimo_builder *builder, mimo_node whole, int64_t rows) {
  return host->narrow(builder, whole, 0, 0, rows / 2);
}
#include "toy.h"
