/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - see names.h. */
#include "harness/record/names.h"

static int tell_rows(struct db_query *q, record_name_fn *tell, void *arg, struct err *e) {
    int rc;
    while ((rc = db_query_next(q, e)) == 1) {
        const char *name = db_query_text(q, 0), *about = db_query_text(q, 1);
        if (name) tell(arg, name, about ? about : "");
    }
    db_query_close(q);
    return rc;
}

int record_sweep_names(struct db *db, record_name_fn *tell, void *arg, struct err *e) {
    struct db_query *q;
    int rc =
        db_query(db, &q,
                 "SELECT name, 'sweep of ' || date(max(begun)) FROM sweep GROUP BY name ORDER BY max(id) "
                 "DESC",
                 e);
    return rc ? rc : tell_rows(q, tell, arg, e);
}

int record_run_names(struct db *db, int most, record_name_fn *tell, void *arg, struct err *e) {
    struct db_query *q;
    int rc = db_query(db, &q,
                      "SELECT r.id, coalesce(s.name, '') || ': ' || coalesce(p.method, '') ||"
                      " coalesce(' r=' || p.r, '') || coalesce(' ' || p.target_modules, '') ||"
                      " coalesce(' lr=' || p.lr, '') || ' seed ' || r.seed || ', ' || r.state"
                      " FROM run r JOIN point p ON p.id = r.point JOIN sweep s ON s.id = r.sweep"
                      " ORDER BY r.id DESC LIMIT ?1",
                      e);
    if (rc) return rc;
    db_query_bind_int(q, 1, most);
    return tell_rows(q, tell, arg, e);
}
