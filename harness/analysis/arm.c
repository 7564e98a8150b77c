/* arm.c - see arm.h. Keys become conditions on the table `param`; values are bound, never put into the
 * SQL. */
#include "harness/analysis/arm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/task.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

/* ---- values -------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *sql;
    int sign; /* 0: the sweep's goal */
    bool exact;
} values[] = {
    {"metric", "COALESCE(u.test_metric, c.metric)", 0, false},
    {"eval", "c.metric", 0, false},
    {"half",
     "(SELECT value FROM metric WHERE run = u.run_id AND key = c.metric_name AND 2 * step <= u.steps ORDER "
     "BY step DESC LIMIT 1)",
     0, false},
    {"train_loss", "u.train_loss", -1, false},
    {"peak_bytes", "u.peak_bytes", -1, true},
    {"act_bytes", "u.act_bytes", -1, true},
    {"checkpoint_bytes", "u.checkpoint_bytes", -1, true},
    {"trainable", "u.trainable", -1, true},
    {"train_s", "u.train_s", -1, false},
};

static size_t value_index(const char *name) {
    size_t i = 0;
    while (i < ARRAY_LEN(values) && strcmp(values[i].name, name) != 0) i++;
    return i;
}

/* "eval/bleu": "maximize"; NULL: not a metric of an evaluation. */
static const char *metric_goal(const char *value) {
    const char *goal = NULL;
    for (int i = 0; task_list[i] && !goal; i++)
        if (!strncmp(value, "eval/", 5)) goal = task_list[i]->metric_goal(value + 5);
    return goal;
}

bool arm_value_known(const char *value) {
    return value_index(value) < ARRAY_LEN(values) || metric_goal(value);
}

bool arm_value_exact(const char *value) {
    size_t i = value_index(value);
    return i < ARRAY_LEN(values) && values[i].exact;
}

int arm_value_sign(const char *value, const char *goal) {
    size_t i = value_index(value);
    if (i == ARRAY_LEN(values))
        goal = metric_goal(value);
    else if (values[i].sign)
        return values[i].sign;
    return strcmp(goal, "maximize") ? -1 : 1;
}

static const char *value_sql(const char *value) {
    size_t i = value_index(value);
    return i < ARRAY_LEN(values)
               ? values[i].sql
               : "(SELECT value FROM metric WHERE run = u.run_id AND key = ?2 ORDER BY step DESC LIMIT 1)";
}

/* ---- the query ----------------------------------------------------------------------------------------- */

int arm_check(const struct ynode *where, struct err *e) {
    if (!where || where->kind != YNODE_MAP || !where->n)
        return err_set(e, ERR_USER, "an arm is a map: {method: lora, r: 8}");
    for (int i = 0; i < where->n; i++)
        if (where->items[i]->kind != YNODE_SCALAR)
            return err_set(e, ERR_USER,
                           "'%.40s' of an arm must be one value (target_modules as \"q_proj,v_proj\")",
                           where->keys[i]->text);
    return 0;
}

static void add_condition(struct strbuf *sql, const struct ynode *where, int i) {
    json_t *v = ynode_json(where->items[i]);
    if (!strcmp(where->keys[i]->text, "target_modules"))
        strbuf_addf(sql, " AND u.target_modules = ?%d", 4 + 2 * i);
    else
        strbuf_addf(
            sql,
            " AND EXISTS (SELECT 1 FROM param p WHERE p.point = u.point_id AND p.key = ?%d AND p.%s = ?%d)",
            3 + 2 * i, json_is_string(v) ? "txt" : "num", 4 + 2 * i);
    json_decref(v);
}

static void bind_keys(struct db_query *q, const struct ynode *where, int i) {
    json_t *v = ynode_json(where->items[i]);
    if (strcmp(where->keys[i]->text, "target_modules") != 0)
        db_query_bind_text(q, 3 + 2 * i, where->keys[i]->text);
    if (json_is_number(v) && strcmp(where->keys[i]->text, "target_modules") != 0)
        db_query_bind_num(q, 4 + 2 * i, json_number_value(v));
    else if (json_is_boolean(v))
        db_query_bind_num(q, 4 + 2 * i, json_is_true(v));
    else
        db_query_bind_text(q, 4 + 2 * i, where->items[i]->text);
    json_decref(v);
}

static int open_query(struct db *db, const char *sweep, const struct ynode *where, const char *value,
                      struct db_query **q, struct err *e) {
    struct strbuf sql = {0};
    strbuf_addf(&sql,
                "SELECT u.point_id, u.seed, u.state = 'complete', c.metric, %s, u.lr, c.goal, v.build, "
                "v.cpu, substr(r.ended, 1, 10)"
                " FROM sweep_runs c JOIN runs u USING (run_id) JOIN run r ON r.id = u.run_id LEFT JOIN env v "
                "ON v.id = r.env"
                " WHERE c.sweep = ?1 AND u.state IN ('complete', 'nan')",
                value_sql(value));
    for (int i = 0; i < where->n; i++) add_condition(&sql, where, i);
    strbuf_adds(&sql, " ORDER BY u.point_id, u.seed");
    int rc = db_query(db, q, sql.s, e);
    strbuf_release(&sql);
    if (rc) return rc;
    db_query_bind_text(*q, 1, sweep);
    if (value_index(value) == ARRAY_LEN(values)) db_query_bind_text(*q, 2, value);
    for (int i = 0; i < where->n; i++) bind_keys(*q, where, i);
    return 0;
}

/* ---- the best point ------------------------------------------------------------------------------------ */

struct point {
    struct arm arm;
    int64_t id;
    double chosen_by; /* sum of the metric, turned so that less is better */
};

/* Is p to be preferred to best? */
static bool beats_arm(const struct point *p, const struct point *best) {
    if (!best->arm.n) return true;
    if (p->arm.diverged != best->arm.diverged) return best->arm.diverged;
    if (p->arm.n != best->arm.n) return p->arm.n > best->arm.n;
    return p->chosen_by / p->arm.n < best->chosen_by / best->arm.n;
}

static void end_point(struct point *p, struct arm *best, struct point *best_point) {
    if (!p->arm.n && !p->arm.diverged) return;
    int points = best->points + 1;
    if (points == 1 || beats_arm(p, best_point)) {
        *best_point = *p;
        *best = p->arm;
    }
    best->points = points;
    memset(p, 0, sizeof *p);
}

static void add_run(struct point *p, const struct db_query *q, int sign) {
    struct arm *a = &p->arm;
    const char *texts[] = {db_query_text(q, 7), db_query_text(q, 8), db_query_text(q, 9)};
    if (!db_query_int(q, 2) || !isfinite(db_query_num(q, 4))) a->diverged = true;
    if (a->n >= ARM_MAX_SEEDS || !isfinite(db_query_num(q, 4))) return;
    a->seed[a->n] = db_query_int(q, 1);
    a->value[a->n++] = db_query_num(q, 4);
    a->lr = db_query_num(q, 5);
    p->chosen_by += sign * db_query_num(q, 3);
    snprintf(a->build, sizeof a->build, "%s", texts[0] ? texts[0] : "");
    snprintf(a->cpu, sizeof a->cpu, "%s", texts[1] ? texts[1] : "");
    snprintf(a->date, sizeof a->date, "%s", texts[2] ? texts[2] : "");
}

int arm_read(struct arm *a, struct db *db, const char *sweep, const struct ynode *where, const char *value,
             char goal[16], struct err *e) {
    struct db_query *q;
    struct point now = {0}, best = {0};
    char found[16] = "";
    int rc;
    *a = (struct arm){.lr = NAN};
    if (goal) *goal = 0;
    rc = arm_check(where, e);
    if (!rc) rc = open_query(db, sweep, where, value, &q, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        int64_t id = db_query_int(q, 0);
        if (now.id && id != now.id) end_point(&now, a, &best);
        now.id = id;
        snprintf(found, sizeof found, "%s", db_query_text(q, 6));
        add_run(&now, q, strcmp(found, "maximize") ? 1 : -1);
    }
    end_point(&now, a, &best);
    db_query_close(q);
    if (goal) memcpy(goal, found, sizeof found);
    return rc;
}

struct stats_diff arm_compare(const struct arm *a, const struct arm *b) {
    double x[ARM_MAX_SEEDS], y[ARM_MAX_SEEDS];
    int n = 0;
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if (a->seed[i] == b->seed[k]) {
                x[n] = a->value[i];
                y[n++] = b->value[k];
            }
    return stats_paired(x, y, n);
}
