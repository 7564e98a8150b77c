/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c - see keys.h. */
#include "harness/cli/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/method.h"
#include "harness/core/task.h"
#include "harness/sweep/sweep.h"

/* ---- collecting ---------------------------------------------------------------------------------------- */

static bool text_equal(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool rows_equal(const struct opt *a, const struct opt *b) {
    return !strcmp(a->key, b->key) && a->type == b->type && a->min == b->min && a->max == b->max &&
           text_equal(a->def, b->def) && text_equal(a->choices, b->choices) && text_equal(a->help, b->help);
}

static bool has_word(const struct opt *o, const char *word) {
    return !word || strcasestr(o->key, word) || strcasestr(o->help, word);
}

static void add_table(struct key_list *l, enum key_place place, const char *of, const struct opt *o,
                      const char *search) {
    for (; o && o->key; o++) {
        struct key_row *row = NULL;
        if (!has_word(o, search)) continue;
        for (int i = 0; i < l->n && !row; i++)
            if (l->v[i].place == place && rows_equal(l->v[i].opt, o)) row = &l->v[i];
        if (!row) {
            GROW(l->v, l->n, l->cap);
            row = &l->v[l->n++];
            *row = (struct key_row){.place = place, .opt = o};
        }
        if (of) strbuf_addf(&row->of, "%s%s", row->of.len ? ", " : "", of);
    }
}

int keys_read(struct key_list *l, const char *task, const char *method, const char *search, struct err *e) {
    *l = (struct key_list){0};
    if (task && !task_find(task))
        return err_set(e, ERR_USER, "there is no task '%.60s': `bench ls tasks` lists them", task);
    if (method && !method_find(method))
        return err_set(e, ERR_USER, "there is no method '%.60s': `bench ls methods` lists them", method);
    add_table(l, KEY_TOP, NULL, sweep_opts, search);
    add_table(l, KEY_BASE, NULL, opt_core, search);
    for (const struct task *const *t = task_list; *t; t++)
        if (task ? !strcmp(task, (*t)->name) : !method)
            add_table(l, KEY_TASK, (*t)->name, (*t)->opts, search);
    for (const struct method *const *m = method_list; *m; m++)
        if (method ? !strcmp(method, (*m)->name) : !task)
            add_table(l, KEY_METHOD, (*m)->name, (*m)->opts, search);
    return 0;
}

void keys_release(struct key_list *l) {
    for (int i = 0; i < l->n; i++) strbuf_release(&l->v[i].of);
    free(l->v);
    *l = (struct key_list){0};
}

/* ---- what a row says ----------------------------------------------------------------------------------- */

const char *key_type(const struct opt *o) {
    static const char *const names[] = {
        [OPT_INT] = "whole number", [OPT_NUM] = "number",  [OPT_BOOL] = "true or false",
        [OPT_STR] = "text",         [OPT_ENUM] = "one of", [OPT_NUMS] = "list of numbers",
        [OPT_SIZE] = "size",        [OPT_TIME] = "time",   [OPT_ANY] = "value or list",
    };
    return names[o->type];
}

/* 1000000 as 1e6, 1e-06 as 1e-6. */
static void add_number(double x, struct strbuf *out) {
    char s[40];
    snprintf(s, sizeof s, x >= 1e6 ? "%g" : "%.10g", x);
    char *e = strchr(s, 'e'), *digits = e ? e + 2 + strspn(e + 2, "0") : NULL;
    if (e) memmove(e + 1 + (e[1] == '-'), digits, strlen(digits) + 1);
    strbuf_adds(out, s);
}

void key_range(const struct opt *o, struct strbuf *out) {
    bool number = o->type == OPT_INT || o->type == OPT_NUM || o->type == OPT_NUMS || o->type == OPT_SIZE ||
                  o->type == OPT_TIME;
    if (o->type == OPT_ENUM)
        for (const char *s = o->choices; *s; s++) strbuf_adds(out, *s == '|' ? ", " : (char[]){*s, 0});
    if (!number) return;
    if (o->min == o->max) {
        strbuf_adds(out, "only ");
        return add_number(o->min, out);
    }
    if (o->max >= OPT_BIG) strbuf_adds(out, "at least ");
    add_number(o->min, out);
    if (o->max >= OPT_BIG) return;
    strbuf_adds(out, " to ");
    add_number(o->max, out);
}

void key_place(const struct key_row *k, struct strbuf *out) {
    static const char *const names[] = {"top", "base", "task ", "method "};
    strbuf_addf(out, "%s%s", names[k->place], k->of.s ? k->of.s : "");
}
