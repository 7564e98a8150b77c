/* SPDX-License-Identifier: Apache-2.0 */
/* claim.c - see claim.h. */
#include "harness/paper/claim.h"

#include "harness/record/query.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/stats.h"
#include "harness/base/util.h"
#include "harness/config/yaml.h"

static const char *const keys[] = {"name",  "paper", "statement", "printed",  "sweep",   "control",
                                   "value", "rule",  "margin",    "relative", "compare", "skip"};

const char *claim_verdict_name(enum claim_verdict v) {
    static const char *const names[] = {"supported", "not supported", "undecided", "no verdict", "not run"};
    return names[v];
}

/* ---- judging ------------------------------------------------------------------------------------------- */

enum claim_verdict claim_judge(enum claim_rule rule, const struct claim_pair *p, bool exact) {
    static const enum verdict_rule rules[] = {VERDICT_IS_BETTER, VERDICT_IS_AS_GOOD, VERDICT_IS_NOT_WORSE};
    static const enum claim_verdict answers[] = {CLAIM_NO_VERDICT, CLAIM_UNDECIDED, CLAIM_SUPPORTED,
                                                 CLAIM_NOT_SUPPORTED};
    const struct verdict_model gains = {.sign = 1};
    struct verdict_pair d = {.lo1 = exact ? p->gain : p->lo, .hi1 = exact ? p->gain : p->hi};
    if (!p->seeds) return CLAIM_NOT_RUN;
    if (!exact && p->rows > p->counted) return CLAIM_NO_VERDICT;
    return answers[verdict_answer(&gains, &d, rules[rule], p->margin)];
}

enum claim_verdict claim_together(const struct claim *c) {
    bool have[CLAIM_NVERDICT] = {false};
    for (int i = 0; i < c->npairs; i++) have[c->pairs[i].verdict] = true;
    return have[CLAIM_NOT_SUPPORTED]           ? CLAIM_NOT_SUPPORTED
           : have[CLAIM_NOT_RUN] || !c->npairs ? CLAIM_NOT_RUN
           : have[CLAIM_NO_VERDICT]            ? CLAIM_NO_VERDICT
           : have[CLAIM_UNDECIDED]             ? CLAIM_UNDECIDED
                                               : CLAIM_SUPPORTED;
}

/* ---- texts --------------------------------------------------------------------------------------------- */

/* The pair for which there is no verdict. */
static const struct claim_pair *open_pair(const struct claim *c) {
    for (int i = 0; i < c->npairs; i++)
        if (c->pairs[i].verdict == CLAIM_NO_VERDICT) return &c->pairs[i];
    return NULL;
}

void claim_verdict_text(const struct claim *c, struct strbuf *out) {
    const struct claim_pair *p = c->verdict == CLAIM_NO_VERDICT ? open_pair(c) : NULL;
    strbuf_adds(out, claim_verdict_name(c->verdict));
    if (p && !isnan(p->lo))
        strbuf_addf(out, " (%d rows)", p->rows);
    else if (p)
        strbuf_adds(out, " (one seed)");
}

void claim_remedy(const struct claim *c, struct strbuf *out) {
    const struct claim_pair *p = c->verdict == CLAIM_NO_VERDICT ? open_pair(c) : NULL;
    double wide = 0, margin = 0;
    for (int i = 0; i < c->npairs && c->verdict == CLAIM_UNDECIDED; i++)
        wide = fmax(wide, (c->pairs[i].hi - c->pairs[i].lo) / 2), margin = c->pairs[i].margin;
    if (p && !isnan(p->lo))
        strbuf_addf(
            out,
            "the interval does not know which rows were drawn: run it again to record them, about 2,000 "
            "where a margin of 0.02 is asked for (bench table %s --run --set eval.rows=2000)",
            c->sweep);
    else if (p)
        strbuf_addf(out, "two seeds more would tell (bench table %s --run --set seeds=0,1,2)", c->sweep);
    else if (wide > margin && margin > 0)
        strbuf_addf(out, "the margin %.3g is below what these runs can tell, %.3g: more rows or seeds",
                    margin, wide);
}

void claim_pair_text(const struct claim_pair *p, struct strbuf *out) {
    if (!p->seeds) {
        strbuf_adds(out, "not run");
        return;
    }
    strbuf_addf(out, "gain %+.4g", p->gain);
    if (!isnan(p->lo)) strbuf_addf(out, " [%+.4g, %+.4g]", p->lo, p->hi);
    strbuf_addf(out, ", %d seed%s", p->seeds, p->seeds == 1 ? "" : "s");
    if (p->counted) strbuf_addf(out, ", %d rows", p->counted);
    if (p->rows > p->counted)
        strbuf_addf(out, isnan(p->lo) ? ", of %d rows" : "; by seeds alone, of %d rows", p->rows);
}

/* ---- reading ------------------------------------------------------------------------------------------- */

/* Runs of its sweep that are missing, and values that were overridden on the command line. */
static int read_sweep(struct claim *c, struct db *db, struct err *e) {
    struct record_sweep r;
    struct strbuf b = {0};
    int64_t id = db_sweep_find(db, c->sweep, e);
    if (id <= 0) return (int)id;
    int missing = 0, rc = record_sweep_read_id(&r, db, id, NULL, e);
    if (rc) return rc;
    for (int i = 0; i < r.ncell; i++)
        missing += r.cell[i].state != RUN_COMPLETE && r.cell[i].state != RUN_DIVERGED;
    if (missing) strbuf_addf(&b, "so far: %d of %d runs are not done", missing, r.ncell);
    if (r.overrides) strbuf_addf(&b, "%srun with --set %s", b.len ? "; " : "", r.overrides);
    for (size_t i = 0; i < b.len; i++)
        if (b.s[i] == '\n') b.s[i] = ' ';
    c->partial = missing > 0;
    c->note = b.len ? strbuf_detach(&b) : NULL;
    record_sweep_release(&r);
    return 0;
}

static int read_pair(struct claim *c, struct claim_pair *p, struct db *db, const struct ynode *a,
                     const struct ynode *b, struct err *e) {
    struct arm_pair x;
    int rc = arm_judge(&x, db, c->sweep, a, b, c->value, e);
    if (rc) return rc;
    p->mean_a = stats_mean(x.a.value, x.a.n).mean;
    p->mean_b = stats_mean(x.b.value, x.b.n).mean;
    p->margin = c->relative ? c->margin * fabs(p->mean_a) : c->margin;
    memcpy(p->build, x.b.build, sizeof p->build);
    memcpy(p->cpu, x.b.cpu, sizeof p->cpu);
    memcpy(p->date, x.b.date, sizeof p->date);
    if (isnan(x.d.diff)) return 0; /* seeds stays 0 */
    p->seeds = MIN_OF(x.a.n, x.b.n);
    p->gain = x.sign * x.d.diff;
    p->lo = x.sign > 0 ? x.d.lo1 : -x.d.hi1, p->hi = x.sign > 0 ? x.d.hi1 : -x.d.lo1;
    p->rows = p->counted = x.rows;
    p->verdict = claim_judge(c->rule, p, arm_value_exact(c->value));
    return 0;
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static int err_at(const struct claims *all, const struct ynode *n, struct err *e) {
    return err_wrap(e, "%s:%d", all->path, n->line);
}

static char *read_text(const struct ynode *map, const char *key) {
    const struct ynode *n = ynode_get(map, key);
    return n && n->kind == YNODE_SCALAR && !ynode_is_null(n) ? xstrdup(n->text) : NULL;
}

static int check_keys(const struct claims *all, const struct ynode *n, struct err *e) {
    if (n->kind != YNODE_MAP || !ynode_get(n, "name")) {
        err_set(e, ERR_USER, "a claim is a map with `name`");
        return err_at(all, n, e);
    }
    for (int i = 0; i < n->n; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) known |= !strcmp(keys[k], n->keys[i]->text);
        if (known) continue;
        err_set(e, ERR_USER, "unknown key '%.40s' of a claim", n->keys[i]->text);
        return err_at(all, n->keys[i], e);
    }
    return 0;
}

/* "lora r=8": the method, then the rest. */
static char *arm_name(const struct ynode *where) {
    struct strbuf b = {0};
    const struct ynode *m = ynode_get(where, "method");
    if (m && m->kind == YNODE_SCALAR) strbuf_adds(&b, m->text);
    for (int i = 0; i < where->n; i++)
        if (where->items[i] != m)
            strbuf_addf(&b, "%s%s=%s", b.len ? " " : "", where->keys[i]->text, where->items[i]->text);
    return strbuf_detach(&b);
}

static int read_rule(struct claim *c, const struct ynode *n, struct err *e) {
    static const char *const rules[] = {"better", "equal", "not worse"};
    char *rule = read_text(n, "rule"), *margin = read_text(n, "margin"), *relative = read_text(n, "relative");
    int rc = 0, k = 0;
    json_t *v = NULL;
    while (rule && k < 3 && strcmp(rule, rules[k]) != 0) k++;
    if (!rule || k == 3) rc = err_set(e, ERR_USER, "`rule` must be better, equal or not worse");
    if (!rc && margin && (!ynode_number(margin, &v) || json_number_value(v) < 0))
        rc = err_set(e, ERR_USER, "`margin` must be a number from 0");
    if (!rc && k == CLAIM_EQUAL && !margin)
        rc = err_set(e, ERR_USER, "`rule: equal` needs a margin: within how much is equal?");
    if (!rc && !arm_value_known(c->value)) rc = err_set(e, ERR_USER, "unknown value '%.40s'", c->value);
    c->rule = (enum claim_rule)k;
    c->margin = v ? json_number_value(v) : 0;
    c->relative = relative && !strcmp(relative, "true");
    json_decref(v);
    free(rule);
    free(margin);
    free(relative);
    return rc;
}

static int read_compare(struct claim *c, struct db *db, const struct ynode *list, struct err *e) {
    if (!list || list->kind != YNODE_LIST || !list->n)
        return err_set(e, ERR_USER, "`compare` must be a list of {a: ..., b: ...}");
    c->pairs = xcalloc((size_t)list->n, sizeof *c->pairs);
    for (int i = 0; i < list->n; i++) {
        const struct ynode *pair = list->items[i], *a = pair->kind == YNODE_MAP ? ynode_get(pair, "a") : NULL,
                           *b = a ? ynode_get(pair, "b") : NULL;
        if (arm_check(a, e) || arm_check(b, e)) return ERR_USER;
        struct claim_pair *p = &c->pairs[c->npairs++];
        *p = (struct claim_pair){.a = arm_name(a),
                                 .b = arm_name(b),
                                 .mean_a = NAN,
                                 .mean_b = NAN,
                                 .gain = NAN,
                                 .lo = NAN,
                                 .hi = NAN,
                                 .verdict = CLAIM_NOT_RUN};
        int rc = db ? read_pair(c, p, db, a, b, e) : 0;
        if (rc) return rc;
    }
    return 0;
}

static int read_claim(struct claims *all, struct db *db, const struct ynode *n, struct err *e) {
    int rc = check_keys(all, n, e);
    if (rc) return rc;
    GROW(all->v, all->n, all->cap);
    struct claim *c = &all->v[all->n++];
    *c = (struct claim){.name = read_text(n, "name"),
                        .paper = read_text(n, "paper"),
                        .statement = read_text(n, "statement"),
                        .printed = read_text(n, "printed"),
                        .sweep = read_text(n, "sweep"),
                        .control = read_text(n, "control"),
                        .value = read_text(n, "value"),
                        .why = read_text(n, "skip"),
                        .line = n->line,
                        .verdict = CLAIM_NOT_RUN};
    if (!c->value) c->value = xstrdup("metric");
    if (c->why) return 0;
    if (!c->sweep)
        rc = err_set(e, ERR_USER, "a claim needs `sweep`, or `skip` saying why nothing decides it");
    else
        rc = read_rule(c, n, e);
    if (!rc) rc = read_compare(c, db, ynode_get(n, "compare"), e);
    if (rc) return err_at(all, n, e);
    c->verdict = claim_together(c);
    if (db) rc = read_sweep(c, db, e);
    if (c->partial && c->verdict != CLAIM_NOT_RUN && c->verdict != CLAIM_NO_VERDICT)
        c->verdict = CLAIM_UNDECIDED;
    return rc;
}

int claims_load(struct claims **ret, const char *path, struct db *db, struct err *e) {
    struct claims *all = xcalloc(1, sizeof *all);
    struct ynode *root = NULL;
    char *share = share_dir();
    all->path = path ? xstrdup(path) : path_join(share, "tables/claims.yaml");
    free(share);
    int rc = ynode_load(&root, all->path, e);
    const struct ynode *list = !rc && root->kind == YNODE_MAP ? ynode_get(root, "claims") : NULL;
    if (!rc && (!list || list->kind != YNODE_LIST))
        rc = err_set(e, ERR_USER, "%s: must have a list `claims`", all->path);
    for (int i = 0; !rc && i < list->n; i++) rc = read_claim(all, db, list->items[i], e);
    ynode_free(root);
    if (rc) {
        claims_free(all);
        all = NULL;
    }
    *ret = all;
    return rc;
}

void claims_free(struct claims *all) {
    if (!all) return;
    for (int i = 0; i < all->n; i++) {
        struct claim *c = &all->v[i];
        for (int k = 0; k < c->npairs; k++) free(c->pairs[k].a), free(c->pairs[k].b);
        free(c->pairs);
        free(c->name), free(c->paper), free(c->statement), free(c->printed);
        free(c->sweep), free(c->control), free(c->value), free(c->why), free(c->note);
    }
    free(all->v);
    free(all->path);
    free(all);
}
