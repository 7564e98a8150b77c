/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_show.c - `bench show [RUN | SWEEP]`: a run as a page, a sweep as the table of its results.
 *
 * RUN is a number or the beginning of a point's hash; SWEEP a name or a sweep file; without either, the last
 * sweep. A number is a run. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/analysis/controls.h"
#include "harness/record/run_query.h"
#include "harness/report/runpage.h"
#include "harness/analysis/summary.h"
#include "harness/record/sweep_head.h"

/* ---- a sweep ------------------------------------------------------------------------------------------- */

static void add_states(const struct summary *s, struct strbuf *out) {
    strbuf_addf(out, "%d run%s", s->cells, s->cells == 1 ? "" : "s");
    const char *sep = ": ";
    for (int i = 0; i < CELL_NSTATES; i++) {
        if (!s->count[cell_states[i]]) continue;
        strbuf_addf(out, "%s%d %s", sep, s->count[cell_states[i]], cell_state_name(cell_states[i]));
        sep = ", ";
    }
}

static void add_budget(const struct summary *s, struct strbuf *out) {
    if (s->steps && s->batch_size)
        strbuf_addf(out, "; budget per run: %ld steps of %ld rows", s->steps, s->batch_size);
    else if (s->steps)
        strbuf_addf(out, "; budget per run: %ld steps", s->steps);
}

static bool has_base(const struct record_sweep *r) {
    for (int i = 0; i < r->npoint; i++)
        if (r->point[i].untouched) return true;
    return false;
}

/* A sweep without `none` still compares with the untouched base, which then is no cell of it. */
static void add_base(const struct record_sweep *r, struct strbuf *out) {
    int n = 0;
    for (int i = 0; i < r->ncell && !has_base(r); i++) {
        const struct record_cell *c = &r->cell[i];
        const struct record_point *p = &r->point[c->point];
        bool told = !c->base_run || isnan(c->base);
        for (int k = 0; k < i && !told; k++) told = r->cell[k].base_run == c->base_run;
        if (told) continue;
        strbuf_addf(out, "%suntouched base (run %lld, %s on %s): %s %.5g\n", n++ ? "" : "\n",
                    (long long)c->base_run, p->model ? p->model : "-", p->data ? p->data : "-", r->metric,
                    c->base);
    }
}

#define NOTES  12 /* runs that are not complete, told one by one */
#define RUINED 2  /* a loss so many times the base's is told: it grew, though not to infinity */

/* 0: nothing to tell; else in which order: what failed, what diverged, what grew. */
static int note_class(const struct record_cell *c) {
    if (c->state == RUN_COMPLETE) return c->base_loss > 0 && c->eval_loss > RUINED * c->base_loss ? 3 : 0;
    if (c->state == RUN_RUNNING || c->state == RUN_WAITING || c->state == CELL_NOT_STARTED) return 0;
    return c->state == RUN_DIVERGED ? 2 : 1;
}

static void add_note(const struct record_sweep *r, const struct record_cell *c, bool first,
                     enum table_format format, struct strbuf *out) {
    struct strbuf b = {0};
    const struct record_point *p = &r->point[c->point];
    bool grew = c->state == RUN_COMPLETE;
    strbuf_addf(&b, "run %lld %s: %s", (long long)c->run, grew ? "diverged" : cell_state_name(c->state),
                p->method);
    if (p->r >= 0) strbuf_addf(&b, " r=%lld", (long long)p->r);
    if (p->target_modules) strbuf_addf(&b, " %s", p->target_modules);
    if (!isnan(p->lr)) strbuf_addf(&b, " lr=%g", p->lr);
    strbuf_addf(&b, " seed %lld", (long long)c->seed);
    if (grew)
        strbuf_addf(
            &b,
            ": its loss %.3g is %.3g times that of the untouched base: the learning rate may be far too high",
            c->eval_loss, c->eval_loss / c->base_loss);
    else if (c->error)
        strbuf_addf(&b, ": %s", c->error);
    char *clean = table_clean(b.s);
    strbuf_addf(out, "%s%s%s\n", first ? "\n" : "", format == TABLE_AS_MARKDOWN ? "- " : "", clean);
    free(clean);
    strbuf_release(&b);
}

/* The runs that did not end well, with their reasons. */
static void add_notes(const struct record_sweep *r, enum table_format format, struct strbuf *out) {
    int n = 0;
    for (int class = 1; class <= 3; class ++)
        for (int i = 0; i < r->ncell; i++)
            if (note_class(&r->cell[i]) == class && n++ < NOTES)
                add_note(r, &r->cell[i], n == 1, format, out);
    if (n > NOTES)
        strbuf_addf(out, "... and %d more: bench ls runs --sweep %s --where \"state <> 'complete'\"\n",
                    n - NOTES, r->name);
}

/* ---- remarks: what a number is not --------------------------------------------------------------------- */

static int add_remarks(struct db *db, int64_t sweep, enum table_format format, struct strbuf *out,
                       struct err *e) {
    json_t *list = NULL, *v;
    size_t i;
    int rc = record_remarks_read(&list, db, sweep, e);
    json_array_foreach(list, i, v) {
        json_int_t runs = json_integer_value(json_object_get(v, "runs"));
        char *clean = table_clean(json_string_value(json_object_get(v, "text")));
        strbuf_addf(out, "%s%s%s (%lld run%s)\n", i ? "" : "\n", format == TABLE_AS_MARKDOWN ? "- " : "",
                    clean, (long long)runs, runs == 1 ? "" : "s");
        free(clean);
    }
    json_decref(list);
    return rc;
}

/* The methods beside their control arms, if the sweep has any. */
static int add_controls(struct db *db, int64_t sweep, enum table_format format, struct strbuf *out,
                        struct err *e) {
    struct control_set c;
    int rc = controls_read(&c, db, sweep, e);
    if (rc || !c.n) {
        controls_release(&c);
        return rc;
    }
    struct table *t = controls_table(&c);
    strbuf_adds(out, "\n");
    table_write(t, format, format == TABLE_AS_TEXT ? table_terminal() : 0, out);
    if (format == TABLE_AS_TEXT) {
        strbuf_adds(out,
                    "\ndifference: method less control, each at its best lr, 95 % interval; (by seed): they "
                    "share their noise and are paired; a / b: of the method / of its control\n");
        if (c.notes) strbuf_adds(out, c.notes);
    }
    table_free(t);
    controls_release(&c);
    return 0;
}

static void write_text(const struct summary *s, struct strbuf *out) {
    char *name = table_clean(s->name);
    strbuf_addf(out, "sweep %s, %s (%s); ", name, s->metric, s->goal);
    add_states(s, out);
    add_budget(s, out);
    strbuf_adds(out, "\n\n");
    free(name);
    table_write(s->table, TABLE_AS_TEXT, table_terminal(), out);
    strbuf_adds(out, "\nbest lr: with the best mean over the seeds, (of so many tried); ");
    strbuf_adds(out, s->several_seeds
                         ? "seeds: of the mean; \xc2\xb1: its 95 % interval, from the spread of all "
                           "over seeds; sd: of one run\n"
                         : "one seed: differences may be chance, no interval\n");
    if (s->notes) strbuf_adds(out, s->notes);
    if (s->more_keys)
        strbuf_addf(out, "rows differ in more keys than fit here: %s (--csv and --json have them)\n",
                    s->more_keys);
    if (s->concurrent) strbuf_adds(out, "*: other runs were under way at the same time: not comparable\n");
}

static int write_json(const struct summary *s, struct db *db, int64_t sweep, struct strbuf *out,
                      struct err *e) {
    struct control_set c;
    json_t *remarks = NULL;
    int rc = record_remarks_read(&remarks, db, sweep, e);
    if (!rc) rc = controls_read(&c, db, sweep, e);
    if (rc) {
        json_decref(remarks);
        return rc;
    }
    struct table *controls = controls_table(&c);

    json_t *states = json_object();
    for (int i = 0; i < CELL_NSTATES; i++) {
        char *key = xstrdup(cell_state_name(cell_states[i]));
        if (strchr(key, ' ')) *strchr(key, ' ') = '_';
        json_object_set_new(states, key, json_integer(s->count[cell_states[i]]));
        free(key);
    }
    json_t *v =
        json_pack("{s:s, s:s?, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o}", "sweep", s->name, "path", s->path,
                  "begun", s->begun, "metric", s->metric, "goal", s->goal, "runs", s->cells, "states", states,
                  "steps", s->steps ? json_integer(s->steps) : json_null(), "batch_size",
                  s->batch_size ? json_integer(s->batch_size) : json_null(), "rows", table_json(s->table));
    json_object_set_new(v, "controls", table_json(controls));
    json_object_set_new(v, "remarks", remarks);
    table_json_write(v, out);
    json_decref(v);
    table_free(controls);
    controls_release(&c);
    return 0;
}

static int show_sweep(struct db *db, int64_t sweep, enum table_format format, struct err *e) {
    struct summary s;
    struct strbuf out = {0};
    int rc = summary_read(&s, db, sweep, e);
    if (rc) return rc;
    if (format == TABLE_AS_TEXT)
        write_text(&s, &out);
    else if (format == TABLE_AS_JSON)
        rc = write_json(&s, db, sweep, &out, e);
    else
        table_write(s.table, format, 0, &out);
    if (!rc && (format == TABLE_AS_TEXT || format == TABLE_AS_MARKDOWN)) {
        rc = add_controls(db, sweep, format, &out, e);
        add_base(&s.record, &out);
        add_notes(&s.record, format, &out);
        if (!rc) rc = add_remarks(db, sweep, format, &out, e);
    }
    summary_release(&s);
    command_print(&out);
    return rc;
}

/* ---- a run --------------------------------------------------------------------------------------------- */

static int show_run(struct db *db, int64_t run, enum table_format format, struct err *e) {
    struct strbuf out = {0};
    if (format == TABLE_AS_CSV || format == TABLE_AS_MARKDOWN)
        return err_set(e, ERR_USER,
                       "a run is shown as text or with --json; `bench ls runs` has --csv and --markdown");
    if (format == TABLE_AS_TEXT) {
        int rc = runpage_text(db, run, table_terminal(), &out, e);
        if (rc) strbuf_release(&out);
        if (!rc) command_print(&out);
        return rc;
    }
    json_t *page = run_json(db, run, e);
    if (!page) return e->code;
    table_json_write(page, &out);
    json_decref(page);
    command_print(&out);
    return 0;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int print_sweep(struct db *db, const char *word, enum table_format format, struct err *e) {
    int64_t id = word ? run_find(db, word, e) : 0;
    if (id > 0) return show_run(db, id, format, e);
    if (id < 0) return (int)id;
    if ((id = db_sweep_find(db, word, e)) > 0) return show_sweep(db, id, format, e);
    if (id < 0) return (int)id;
    return sweep_head_unknown(db, "run and no sweep", word, e);
}

struct options {
    const char *word, *db;
    enum table_format format;
};

static int run_show(void *options, struct err *e) {
    const struct options *o = options;
    struct db *db;
    int rc = db_open(&db, o->db, false, e);
    if (!rc) rc = print_sweep(db, o->word, o->format, e);
    db_close(db);
    return rc;
}

static const struct option_row show_options[] = {
    {NULL, 0, AT_TEXT(word), "RUN|SWEEP",
     "a run's number, or the first characters of its point's hash: a page (text or --json); a sweep's name "
     "or file: one row per method, rank and modules",
     .otherwise = "the last sweep", .names = NAMES_RESULTS},
    ROW_DB(db),
    ROWS_FORMAT(format),
    {0}};

const struct command cmd_show = {
    .name = "show",
    .summary = "a run as a page, a sweep as the table of its results",
    .rows = show_options,
    .size = sizeof(struct options),
    .examples = "bench show rank --markdown\n"
                "bench show 12\n",
    .run = run_show,
};
