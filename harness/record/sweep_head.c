/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_head.c - see sweep_head.h. */
#include "harness/record/sweep_head.h"

#include <stdlib.h>

#include "harness/base/util.h"

enum { LISTED = 64 };

int sweep_head_unknown(struct db *db, const char *what, const char *word, struct err *e) {
    struct db_query *q;
    const char *names[LISTED];
    size_t n = 0;
    struct strbuf list = {0};
    int rc = db_query(db, &q, "SELECT name FROM sweep GROUP BY name ORDER BY max(id) DESC", e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1 && n < LISTED) {
        strbuf_addf(&list, "%s%s", n ? ", " : "", db_query_text(q, 0));
        names[n++] = xstrdup(db_query_text(q, 0));
    }
    db_query_close(q);
    const char *close = word ? str_closest(word, names, n) : NULL;
    if (rc >= 0 && (!word || !n))
        rc = err_set(e, ERR_RESOURCE, "%s holds no sweep yet: fill it with `bench run SWEEP.yaml`",
                     db_path(db));
    else if (rc >= 0)
        rc = err_set(e, ERR_USER, "%s holds no %s '%.100s'%s%s%s; its sweeps: %s", db_path(db), what, word,
                     close ? " (did you mean '" : "", close ? close : "", close ? "'?)" : "", list.s);
    for (size_t i = 0; i < n; i++) free((char *)(uintptr_t)names[i]);
    strbuf_release(&list);
    return rc;
}

static char *text_copy(const struct db_query *q, int col) {
    const char *s = db_query_text(q, col);
    return xstrdup(s ? s : "");
}

int sweep_head_read(struct sweep_head *ret, struct db *db, const char *name, struct err *e) {
    struct db_query *q;
    int64_t id = db_sweep_find(db, name, e);
    *ret = (struct sweep_head){0};
    if (id < 0) return (int)id;
    if (!id) return sweep_head_unknown(db, "sweep", name, e);
    int rc = db_query(db, &q,
                      "SELECT id, name, metric, goal FROM sweep WHERE id ="
                      " (SELECT max(id) FROM sweep WHERE name = (SELECT name FROM sweep WHERE id = ?1))",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, id);
    rc = db_query_next(q, e);
    if (rc == 1)
        *ret = (struct sweep_head){db_query_int(q, 0), text_copy(q, 1), text_copy(q, 2), text_copy(q, 3)};
    else if (rc == 0)
        rc = err_set(e, ERR_RESOURCE, "%s: the sweep is gone", db_path(db));
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

void sweep_head_release(struct sweep_head *h) {
    free(h->name);
    free(h->metric);
    free(h->goal);
    *h = (struct sweep_head){0};
}
