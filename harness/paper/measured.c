/* SPDX-License-Identifier: Apache-2.0 */
/* measured.c - see measured.h. */
#include "harness/paper/measured.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_columns(const struct rows *r, const char *path, const char *const *columns, int n,
                         struct err *e) {
    struct strbuf all = {0};
    bool same = rows_columns(r) == n;
    for (int i = 0; i < n; i++) {
        strbuf_addf(&all, "%s%s", i ? "," : "", columns[i]);
        same = same && !strcmp(rows_column_name(r, i), columns[i]);
    }
    int rc = same ? 0 : err_set(e, ERR_USER, "%s:1: must be %s", path, all.s);
    strbuf_release(&all);
    return rc;
}

/* Has the file a line after its first? `bench table NAME --measured > NAME.measured.csv` finds it empty, and
 * leaves a head alone where nothing was measured. */
static bool has_rows(const char *path) {
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    bool yes = f && getline(&line, &cap, f) > 0 && getline(&line, &cap, f) > 0;
    free(line);
    if (f) fclose(f);
    return yes;
}

int measured_open(struct rows **ret, const char *yaml, const char *const *columns, int n, struct err *e) {
    int rc = 0;
    *ret = NULL;
    if (!str_ends_with(yaml, ".yaml")) return 0;
    char *path = xasprintf("%.*s.measured.csv", (int)(strlen(yaml) - strlen(".yaml")), yaml);
    if (has_rows(path)) rc = rows_open(ret, path, NULL, e);
    if (!rc && *ret) rc = check_columns(*ret, path, columns, n, e);
    if (rc) {
        rows_free(*ret);
        *ret = NULL;
    }
    free(path);
    return rc;
}

void measured_text(const struct rows *r, long row, int column, char *out, size_t size) {
    struct err e;
    size_t len = 0;
    const char *s = rows_field(r, row, column, &len, &e);
    snprintf(out, size, "%.*s", s ? (int)len : 0, s ? s : "");
}

bool measured_is(const struct rows *r, long row, int column, const char *text) {
    struct err e;
    size_t len = 0;
    const char *s = rows_field(r, row, column, &len, &e);
    return s && strlen(text) == len && !memcmp(s, text, len);
}

bool measured_number(const struct rows *r, long row, int column, double *v) {
    char text[64], *end;
    measured_text(r, row, column, text, sizeof text);
    *v = *text ? strtod(text, &end) : NAN;
    return !*text || (end != text && !*end);
}
