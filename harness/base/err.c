/* SPDX-License-Identifier: Apache-2.0 */
/* err.c - errors as values, bugs as aborts. See err.h. */
#include "harness/base/err.h"

#include "harness/base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...) {
    if (!e) return code;
    va_list ap;
    va_start(ap, fmt);
    char msg[sizeof e->msg]; /* the arguments may point into e->msg */
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    utf8_clean(msg, true); /* names from files go to terminals and into the record */
    memcpy(e->msg, msg, sizeof msg);
    e->code = code;
    return code;
}

int err_wrap(struct err *e, const char *fmt, ...) {
    if (!e) return ERR_USER;
    char prefix[sizeof e->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    return err_set(e, e->code, "%.500s: %.500s", prefix, e->msg);
}

int err_exit_code(const struct err *e) {
    switch (e->code) {
    case ERR_OK:
        return 0;
    case ERR_USER:
        return 2;
    case ERR_RESOURCE:
        return 3;
    case ERR_STOP:
        return 130;
    default:
        return 1;
    }
}

void err_bug(const char *file, int line, const char *cond, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "BUG %s:%d: %s: ", file, line, cond);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}
