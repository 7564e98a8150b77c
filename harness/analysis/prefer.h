/* prefer.h - the one rule of what is better. */
#ifndef BENCH_PREFER_H
#define BENCH_PREFER_H

#include <stdbool.h>

/* Is the value a better than b? NaN is worse than anything, and two of them are equal. */
bool prefer_value(bool maximize, double a, double b);

#endif
