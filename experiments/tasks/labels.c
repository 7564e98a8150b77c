/* labels.c - the labels of a classification: found in the training rows or given. See classify.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/data/rows.h"
#include "experiments/tasks/classify.h"

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
