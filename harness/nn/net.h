#include "harness/net.h"
