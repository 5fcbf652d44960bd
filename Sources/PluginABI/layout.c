#include "mimo_plugin.h"
