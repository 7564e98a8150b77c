/* SPDX-License-Identifier: Apache-2.0 */
/* complete.c - see complete.h. */
#include "harness/cli/complete.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/keys.h"
#include "harness/cli/sweep_files.h"
#include "harness/core/data.h"
#include "harness/core/method.h"
#include "harness/core/task.h"
#include "harness/hub/catalog.h"
#include "harness/paper/arch.h"
#include "harness/paper/paper.h"
#include "harness/record/names.h"

enum { MOST_RUNS = 50 };

/* One question. */
struct ask {
    const struct command *const *all;
    const char *const *words;
    int n;
    const char *prefix; /* of the word, before what is completed: "--model=", "method=" */
    size_t nprefix;
    const char *begun; /* what candidates begin with */
    struct strbuf *out;
};

/* A name that would break the line is left out: nobody can type it either. */
static void add_name(const struct ask *a, const char *name, const char *about) {
    if (strncmp(name, a->begun, strlen(a->begun))) return;
    for (const char *s = name; *s; s++)
        if (iscntrl((unsigned char)*s)) return;
    strbuf_addf(a->out, "%.*s%s\t", (int)a->nprefix, a->prefix, name);
    for (; about && *about; about++) strbuf_addc(a->out, iscntrl((unsigned char)*about) ? ' ' : *about);
    strbuf_addc(a->out, '\n');
}

static void add_files(const struct ask *a) { strbuf_adds(a->out, ":files\n"); }

/* ---- names --------------------------------------------------------------------------------------------- */

static void tell_sweep_file(void *arg, const char *name, const char *comment, const char *path) {
    (void)path;
    add_name(arg, name, comment);
}

static void tell_record(void *arg, const char *name, const char *about) { add_name(arg, name, about); }

static void add_json_names(const struct ask *a, json_t *list) {
    size_t i;
    json_t *x;
    json_array_foreach(list, i, x) add_name(a, json_string_value(json_object_get(x, "name")),
                                            json_string_value(json_object_get(x, "summary")));
    json_decref(list);
}

/* The record that --db among the words names. A record that cannot be read has no names. */
static void add_record(struct ask *a, bool sweeps, bool runs) {
    const char *path = DB_DEFAULT;
    struct db *db;
    struct err e;
    for (int i = 0; i + 1 < a->n; i++) {
        if (!strcmp(a->words[i], "--db")) path = a->words[i + 1];
        if (!strncmp(a->words[i], "--db=", 5)) path = a->words[i] + 5;
    }
    if (db_open(&db, path, false, &e)) return;
    if (sweeps) record_sweep_names(db, tell_record, a, &e);
    if (runs) record_run_names(db, MOST_RUNS, tell_record, a, &e);
    db_close(db);
}

static void add_papers(const struct ask *a) {
    char **names;
    int n;
    struct err e;
    add_name(a, "claims", "what papers conclude, and whether it holds here");
    if (paper_names(&names, &n, &e)) return;
    for (int i = 0; i < n; i++) add_name(a, names[i], "");
    paper_names_free(names, n);
}

static void add_archs(const struct ask *a) {
    struct archs *book;
    struct err e;
    add_name(a, "list", "the presets");
    if (archs_load(&book, NULL, &e)) return;
    for (int i = 0; i < archs_count(book); i++) add_name(a, archs_name(book, i), archs_source(book, i));
    archs_free(book);
}

static void add_commands(const struct ask *a) {
    for (int i = 0; a->all[i]; i++)
        if (a->all[i]->summary) add_name(a, a->all[i]->name, a->all[i]->summary);
}

static void add_methods(const struct ask *a) {
    for (int i = 0; method_list[i]; i++) add_name(a, method_list[i]->name, method_list[i]->summary);
}

static void add_tasks(const struct ask *a) {
    for (int i = 0; task_list[i]; i++) add_name(a, task_list[i]->name, task_list[i]->summary);
}

static void add_names(struct ask *a, enum option_names names);

/* ---- key=value ----------------------------------------------------------------------------------------- */

/* The values of a key of a sweep file's `base`. */
static void add_key_values(struct ask *a, const struct opt *o) {
    static const struct {
        const char *key;
        enum option_names names;
    } known[] = {{"model", NAMES_MODELS},    {"task", NAMES_TASKS},       {"method", NAMES_METHODS},
                 {"data.name", NAMES_DATA},  {"data.train", NAMES_FILES}, {"data.eval", NAMES_FILES},
                 {"data.test", NAMES_FILES}, {"init", NAMES_RUNS}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i].key, o->key)) return add_names(a, known[i].names);
    if (o->type == OPT_BOOL) {
        add_name(a, "true", "");
        add_name(a, "false", "");
    }
    for (const char *s = o->type == OPT_ENUM ? o->choices : ""; *s;) {
        char word[64];
        size_t n = strcspn(s, "|");
        snprintf(word, sizeof word, "%.*s", (int)n, s);
        add_name(a, word, "");
        s += n + (s[n] == '|');
    }
}

static void add_key(const struct ask *a, const struct key_row *k) {
    char *name = xasprintf("%s=", k->opt->key);
    add_name(a, name, k->opt->help);
    free(name);
}

static void add_keys(struct ask *a) {
    struct key_list l;
    struct err e;
    const char *eq = strchr(a->begun, '=');
    size_t n = eq ? (size_t)(eq - a->begun) : 0;
    const struct opt *last = NULL;
    BUG_ON(keys_read(&l, NULL, NULL, NULL, &e), "%s", e.msg);
    for (int i = 0; i < l.n; i++) {
        const struct opt *o = l.v[i].opt;
        if (!eq && (!last || strcmp(last->key, o->key))) add_key(a, &l.v[i]);
        if (!eq) last = o;
        if (eq && !last && strlen(o->key) == n && !strncmp(o->key, a->begun, n)) last = o;
    }
    if (eq && last) {
        a->nprefix += n + 1;
        a->begun = eq + 1;
        add_key_values(a, last);
    }
    keys_release(&l);
}

/* ---- what a row takes ---------------------------------------------------------------------------------- */

static void add_names(struct ask *a, enum option_names names) {
    struct err e;
    switch (names) {
    case NAMES_NONE:
        return;
    case NAMES_FILES:
        return add_files(a);
    case NAMES_MODELS:
        add_json_names(a, catalog_list(&e));
        return add_files(a);
    case NAMES_METHODS:
        return add_methods(a);
    case NAMES_TASKS:
        return add_tasks(a);
    case NAMES_DATA:
        add_json_names(a, data_list());
        return add_files(a);
    case NAMES_SWEEP_FILES:
        sweep_files_each(tell_sweep_file, a);
        return add_files(a);
    case NAMES_SWEEPS:
        return add_record(a, true, false);
    case NAMES_RUNS:
        add_record(a, false, true);
        return add_files(a);
    case NAMES_RESULTS:
        return add_record(a, true, true);
    case NAMES_KEYS:
        return add_keys(a);
    case NAMES_PAPERS:
        return add_papers(a);
    case NAMES_ARCHS:
        add_archs(a);
        return add_files(a);
    case NAMES_COMMANDS:
        add_commands(a);
        return add_name(a, "sweep", "the keys of a sweep file");
    }
}

static void add_values(struct ask *a, const struct option_row *r) {
    char word[64];
    const char *comma = r->type == OPTION_SET ? strrchr(a->begun, ',') : NULL;
    if (comma) {
        a->nprefix += (size_t)(comma + 1 - a->begun);
        a->begun = comma + 1;
    }
    for (int i = 0; option_choice(r, i, word, sizeof word); i++)
        add_name(a, word, r->words ? r->words[i].help : "");
    add_names(a, r->names);
}

static void add_options(const struct ask *a, const struct option_row *rows) {
    for (; rows && rows->help; rows++) {
        char name[64];
        if (option_is_argument(rows)) continue;
        option_shown(rows, name, sizeof name);
        add_name(a, name, rows->help);
    }
    add_name(a, "--help", "what the command does, its options, examples");
}

/* ---- where the word stands ----------------------------------------------------------------------------- */

/* The row of "--name", n bytes, or of "-x" that ends a word of letters; NULL: none. */
static const struct option_row *row_of_word(const struct option_row *rows, const char *word, size_t n) {
    for (; rows && rows->help; rows++) {
        if (rows->name && n == strlen(rows->name) + 2 && !strncmp(word, "--", 2) &&
            !strncmp(word + 2, rows->name, n - 2))
            return rows;
        if (rows->letter && n > 1 && word[0] == '-' && word[1] != '-' && word[n - 1] == rows->letter)
            return rows;
    }
    return NULL;
}

static const struct option_row *argument_row(const struct option_row *rows, int place) {
    for (; rows && rows->help; rows++)
        if (option_is_argument(rows) && (place-- == 0 || rows->type == OPTION_LIST)) return rows;
    return NULL;
}

static void complete_argument(struct ask *a, const struct command *c) {
    const struct option_row *waits = NULL, *r;
    const char *word = a->words[a->n - 1], *eq = strchr(word, '=');
    int place = 0;
    bool only_arguments = false;
    for (int i = 1; i < a->n - 1; i++) {
        const char *w = a->words[i];
        if (waits)
            waits = NULL;
        else if (!only_arguments && !strcmp(w, "--"))
            only_arguments = true;
        else if (!only_arguments && w[0] == '-' && w[1])
            waits = (r = row_of_word(c->rows, w, strlen(w))) && option_takes_value(r) ? r : NULL;
        else
            place++;
    }
    if (waits) return add_values(a, waits);
    if (only_arguments || word[0] != '-') {
        if ((r = argument_row(c->rows, place))) add_values(a, r);
    } else if (eq && (r = row_of_word(c->rows, word, (size_t)(eq - word)))) {
        a->nprefix = (size_t)(eq + 1 - word);
        a->begun = eq + 1;
        add_values(a, r);
    } else {
        add_options(a, c->rows);
    }
}

void complete_words(const struct command *const *all, const char *const *words, int n, struct strbuf *out) {
    if (n < 1) return;
    const char *word = words[n - 1];
    struct ask a = {.all = all, .words = words, .n = n, .prefix = word, .begun = word, .out = out};
    const struct command *c = n > 1 ? command_find(all, words[0]) : NULL;
    if (c) return complete_argument(&a, c);
    if (n > 1) return;
    add_commands(&a);
    if (*word != '-') return;
    add_name(&a, "--help", "the list of commands");
    add_name(&a, "--version", "which bench this is");
}
