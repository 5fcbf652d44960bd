/* Compiles the layout assertions of the contract on their own. */
#include "mimo_plugin.h"
