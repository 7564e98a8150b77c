/* prefer.c - see prefer.h. */
#include "harness/analysis/prefer.h"

#include <math.h>

bool prefer_value(bool maximize, double a, double b) {
    if (isnan(a) || isnan(b)) return !isnan(a);
    return maximize ? a > b : a < b;
}
