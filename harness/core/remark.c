/* SPDX-License-Identifier: Apache-2.0 */
/* remark.c - see remark.h. */
#include "harness/core/remark.h"

#include "harness/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>

void remark_count(remark_fn *say, void *arg, const char *kind, long n, const char *fmt, ...) {
    char text[320];
    if (n <= 0) return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    utf8_clean(text, false); /* names of columns */
    say(arg, kind, text);
}
