/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h - every key of a sweep file, from the option tables of the core, the tasks and the methods.
 *
 * Rows that several tasks or methods have alike are one row. */
#ifndef BENCH_KEYS_H
#define BENCH_KEYS_H

#include "harness/base/util.h"
#include "harness/config/opt.h"

/* Where a key stands. */
enum key_place { KEY_TOP, KEY_BASE, KEY_TASK, KEY_METHOD };

struct key_row {
    enum key_place place;
    const struct opt *opt;
    struct strbuf of; /* "lm, pairs": the tasks or methods that have it; empty for TOP and BASE */
};

struct key_list {
    struct key_row *v;
    int n, cap;
};

/* task, method: only rows of this one beside those of all runs; search: only rows with this word in key or
 * help, whatever its case. NULL: no such condition; where task or method is given the other one's rows are
 * left out. Error (ERR_USER): no such task or method. keys_release frees, also after an error. */
int keys_read(struct key_list *l, const char *task, const char *method, const char *search, struct err *e);
void keys_release(struct key_list *l);

/* "a whole number", "one of"; what it takes beyond that, "1 to 1e6" or "adamw, sgd" ("": nothing more),
 * appended. */
const char *key_type(const struct opt *o);
void key_range(const struct opt *o, struct strbuf *out);
/* "top", "base", "task lm, pairs". Appended. */
void key_place(const struct key_row *k, struct strbuf *out);

/* `bench help sweep`: how a sweep file is written, and all its keys. */
void keys_manual_text(struct strbuf *out);
void keys_manual_markdown(struct strbuf *out);

#endif
