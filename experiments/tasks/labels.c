/* SPDX-License-Identifier: Apache-2.0 */
/* labels.c - the labels of a classification: found in the training rows or given. See classify.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/data/rows.h"
#include "experiments/tasks/classify.h"
#include "harness/nn/format/jsonfile.h"

void labels_release(struct labels *l) {
    for (int i = 0; i < l->n; i++) free(l->name[i]);
    free(l->name);
    *l = (struct labels){0};
}

static void add_label(struct labels *l, const char *name) {
    GROW(l->name, l->n, l->cap);
    l->name[l->n++] = xstrdup(name);
}

static int find_label(const struct labels *l, const char *name) {
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->name[i], name)) return i;
    return -1;
}

int labels_given(struct labels *l, const json_t *list, struct err *e) {
    char number[32];
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        const char *name = json_is_string(v) ? json_string_value(v) : json_is_integer(v) ? number : "";
        if (!*name || find_label(l, name) >= 0)
            return err_set(
                e, ERR_USER,
                "data.labels: a list of different texts or whole numbers, as [negative, positive]");
        add_label(l, name);
    }
    if (l->n < 2 || l->n > LABELS_MOST)
        return err_set(e, ERR_USER, "data.labels: from 2 to %d labels", LABELS_MOST);
    return 0;
}

static bool read_whole_number(const char *s, long long *v) {
    char *end;
    errno = 0;
    *v = strtoll(s, &end, 10);
    return *s && !*end && !errno;
}

static int by_number(const void *a, const void *b) {
    long long x = 0, y = 0;
    read_whole_number(*(char *const *)a, &x);
    read_whole_number(*(char *const *)b, &y);
    return (x > y) - (x < y);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void sort_labels(struct labels *l) {
    bool numbers = true;
    long long v;
    for (int i = 0; i < l->n; i++) numbers &= read_whole_number(l->name[i], &v);
    qsort(l->name, (size_t)l->n, sizeof *l->name, numbers ? by_number : by_text);
}

/* The label of a row, without white space around it, in b. */
static int render_label(const struct template *t, const struct rows *rows, long row, struct strbuf *b,
                        const char **ret, struct err *e) {
    strbuf_reset(b);
    if (template_render(t, row, b, e)) return ERR_USER;
    strbuf_addc(b, '\0');
    char *s = b->s + strspn(b->s, " \t\r\n"), *end = s + strlen(s);
    while (end > s && strchr(" \t\r\n", end[-1])) *--end = '\0';
    *ret = s;
    return *s ? 0 : rows_error(rows, row, e, "the label is blank");
}

int labels_found(struct labels *l, const struct template *t, const struct rows *rows, struct err *e) {
    struct strbuf b = {0};
    int rc = 0, last = -1;
    for (long i = 0; i < rows_count(rows) && !rc; i++) {
        const char *s;
        rc = render_label(t, rows, i, &b, &s, e);
        if (rc || (last >= 0 && !strcmp(l->name[last], s))) continue;
        last = find_label(l, s);
        if (last < 0) add_label(l, s), last = l->n - 1;
        if (l->n > LABELS_MOST)
            rc = rows_error(rows, i, e, "more than %d different labels: is data.label the column of classes?",
                            LABELS_MOST);
    }
    rows_drop_cells(rows);
    strbuf_release(&b);
    if (!rc && l->n < 2)
        rc = err_set(e, ERR_USER, "%s: all rows have the label '%.60s': nothing to tell apart",
                     rows_source(rows, -1), l->name[0]);
    if (!rc) sort_labels(l);
    return rc;
}

int labels_of(const struct labels *l, const struct template *t, const struct rows *rows, long row,
              struct err *e) {
    struct strbuf b = {0};
    const char *s;
    int at = render_label(t, rows, row, &b, &s, e) ? -2 : find_label(l, s);
    if (at == -1)
        rows_error(rows, row, e, "the label '%.60s' is none of the %d classes (%.40s, %.40s, ...)", s, l->n,
                   l->name[0], l->name[1]);
    strbuf_release(&b);
    return at < 0 ? -1 : at;
}

/* ---- that a folder brings along ------------------------------------------------------------------------ */

json_t *labels_json(const struct labels *l) {
    json_t *list = json_array();
    for (int i = 0; i < l->n; i++) json_array_append_new(list, json_string(l->name[i]));
    return list;
}

bool labels_same(const struct labels *a, const struct labels *b) {
    bool same = a->n == b->n;
    for (int i = 0; i < a->n && same; i++) same = !strcmp(a->name[i], b->name[i]);
    return same;
}

bool labels_within(const struct labels *a, const struct labels *b) {
    for (int i = 0; i < a->n; i++)
        if (find_label(b, a->name[i]) < 0) return false;
    return true;
}

/* NULL: no such file, or (e filled) a damaged one. */
static json_t *folder_json(const char *dir, const char *name, struct err *e) {
    char *path = path_join(dir, name);
    json_t *c = file_exists(path) ? jsonfile_object(path, 0, e) : NULL;
    free(path);
    return c;
}

/* id2label: {"0": name, "1": name, ...}. */
static int read_id2label(struct labels *l, const json_t *map, bool *plain, struct err *e) {
    char key[24], word[32];
    *plain = true;
    for (size_t i = 0; i < json_object_size(map); i++) {
        snprintf(key, sizeof key, "%zu", i);
        snprintf(word, sizeof word, "LABEL_%zu", i);
        const char *name = json_string_value(json_object_get(map, key));
        if (!name || l->n == LABELS_MOST || find_label(l, name) >= 0)
            return err_set(e, ERR_USER, "id2label names no class %s, or one twice", key);
        add_label(l, name);
        *plain &= !strcmp(name, word);
    }
    if (!*plain) return 0;
    for (int i = 0; i < l->n; i++) {
        free(l->name[i]);
        l->name[i] = xasprintf("%d", i);
    }
    return 0;
}

int labels_of_folder(struct labels *l, const char *dir, bool *plain, char **pooling, struct err *e) {
    struct err local = {0};
    *l = (struct labels){0};
    *plain = false;
    if (pooling) *pooling = NULL;
    json_t *task = folder_json(dir, "task.json", &local);
    const json_t *list = json_object_get(task, "labels");
    const char *how = json_string_value(json_object_get(task, "pooling"));
    int rc = local.code;
    if (!rc && list) rc = labels_given(l, list, &local);
    if (!rc && how && pooling) *pooling = xstrdup(how);
    if (!rc && !list) {
        json_t *config = folder_json(dir, "config.json", &local);
        rc = local.code;
        if (!rc) rc = read_id2label(l, json_object_get(config, "id2label"), plain, &local);
        json_decref(config);
    }
    json_decref(task);
    if (!rc) return 0;
    labels_release(l);
    return err_set(e, ERR_USER, strchr(local.msg, '/') ? "%.0s%s" : "%s: %s", dir, local.msg);
}
