/* plot_axis.c - see plot_axis.h. */
#include "harness/plot/plot_axis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"

bool plot_point_counts(const struct plot_point *p) { return !p->untouched && p->nok > 0; }

static int axis_read(const struct plot_set *s, const char *key, double *value, struct err *e) {
    struct db_query *q;
    for (int i = 0; i < s->npoint; i++) value[i] = NAN;
    for (int i = 0; i < s->npoint; i++) {
        if (!plot_point_counts(&s->point[i])) continue;
        int rc = db_query(s->db, &q, "SELECT num FROM param WHERE point = ?1 AND key = ?2", e);
        if (rc) return rc;
        db_query_bind_int(q, 1, s->point[i].id);
        db_query_bind_text(q, 2, key);
        if ((rc = db_query_next(q, e)) == 1) value[i] = db_query_num(q, 0);
        db_query_close(q);
        if (rc < 0) return rc;
    }
    return 0;
}

/* Does this number take two values within some method? */
static bool varies_key(const struct plot_set *s, const double *v) {
    for (int i = 0; i < s->npoint; i++)
        for (int k = 0; k < i && isfinite(v[i]); k++)
            if (isfinite(v[k]) && v[k] != v[i] && !strcmp(s->point[i].method, s->point[k].method))
                return true;
    return false;
}

/* Do two numbers tell the same points apart? */
static bool axis_same(const struct plot_set *s, const double *a, const double *b) {
    for (int i = 0; i < s->npoint; i++)
        for (int k = 0; k < i; k++) {
            if (!plot_point_counts(&s->point[i]) || !plot_point_counts(&s->point[k]) ||
                strcmp(s->point[i].method, s->point[k].method))
                continue;
            if ((a[i] != a[k]) != (b[i] != b[k])) return false;
        }
    return true;
}

int plot_axes_read(const struct plot_set *s, struct plot_axis *axis, int most, int *n, struct err *e) {
    struct strbuf sql = {0};
    struct db_query *q;
    *n = 0;
    strbuf_adds(&sql,
                "SELECT key FROM param WHERE num IS NOT NULL AND key NOT IN ('train.lr') AND point IN (0");
    for (int i = 0; i < s->npoint; i++)
        if (plot_point_counts(&s->point[i])) strbuf_addf(&sql, ",%lld", (long long)s->point[i].id);
    strbuf_adds(&sql, ") GROUP BY key HAVING count(DISTINCT num) > 1 ORDER BY key <> 'r', key");
    int rc = db_query(s->db, &q, sql.s, e);
    strbuf_release(&sql);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1 && *n < most) {
        struct plot_axis x = {xstrdup(db_query_text(q, 0)),
                              xmalloc((size_t)(s->npoint + 1) * sizeof *x.value)};
        rc = axis_read(s, x.key, x.value, e);
        bool keep = !rc && varies_key(s, x.value);
        for (int k = 0; k < *n && keep; k++) keep = !axis_same(s, x.value, axis[k].value);
        if (keep)
            axis[(*n)++] = x;
        else
            plot_axes_release(&x, 1);
        if (rc) break;
    }
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

void plot_axes_release(struct plot_axis *axis, int n) {
    for (int i = 0; i < n; i++) free(axis[i].key), free(axis[i].value);
}

bool plot_point_preferred(const struct plot_set *s, const struct plot_point *a, const struct plot_point *b) {
    if ((a->ndiverged > 0) != (b->ndiverged > 0)) return b->ndiverged > 0;
    return prefer_value(s->maximize, a->mean, b->mean);
}
