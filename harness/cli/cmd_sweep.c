/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_sweep.c - see cmd_sweep.h. */
#include "harness/cli/cmd_sweep.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/sched/pending.h"
#include "harness/base/util.h"

void cmd_sweep_warn(void *arg, const char *text) {
    (void)arg;
    fprintf(stderr, "bench: warning: %s\n", text);
}

static const struct run_sweep_hooks warnings = {.warning = cmd_sweep_warn};

int cmd_sweep_open(struct sweep **ret, const struct run_sweep_options *o, struct err *e) {
    return run_sweep_open(ret, o, &warnings, e);
}

static volatile sig_atomic_t stops;

static void on_stop(int sig) {
    (void)sig;
    if (stops < 2) stops++;
}

const volatile sig_atomic_t *cmd_sweep_stops(void) {
    struct sigaction sa = {.sa_handler = on_stop}, old;
    for (int i = 0; sched_stop_signals[i]; i++) {
        int sig = sched_stop_signals[i];
        sigaction(sig, NULL, &old);
        if (sig != SIGHUP || old.sa_handler != SIG_IGN) sigaction(sig, &sa, NULL); /* nohup means it */
    }
    signal(SIGPIPE, SIG_IGN);
    return &stops;
}

/* ---- --dry-run ----------------------------------------------------------------------------------------- */

/* What a real run would find before its first run, and nothing of it written down. */
static int dry_plan(const struct run_sweep_options *o, const struct sweep *s, struct db *db,
                    struct pending *t, struct err *e) {
    struct machine m;
    machine_read(&m);
    int rc = db ? run_sweep_changed(s, db, &warnings, e) : 0;
    if (!rc)
        rc = pending_find(t, s, db, o->again ? PENDING_ALL : o->repair ? PENDING_LOST : PENDING_MISSING, e);
    return rc ? rc : pending_plan(t, s, &m, o->threads, false, NULL, e);
}

/* Every run of the sweep, `done` as the record knows it, if there is one: with --new nothing is. */
static int dry_list(const struct run_sweep_options *o, const struct sweep *s, struct db *db,
                    const struct pending *t, struct err *e) {
    int behind = s->nruns_all - s->nruns, bases = 0, arms = 0;
    const struct pending_run **items = xcalloc((size_t)s->nruns_all + 1, sizeof *items);
    for (int i = 0; i < t->n; i++) {
        if (t->v[i].cell >= 0) items[t->v[i].cell] = &t->v[i];
        bases += t->v[i].cell < 0;
    }
    int64_t run = 0;
    for (int i = 0; i < s->nruns_all && run >= 0; i++) {
        const struct sweep_point *p = s->points[s->runs[i].point];
        arms += p->is_control;
        run = db && !o->again ? db_run_done(db, p->hash, (uint64_t)s->runs[i].seed, e) : 0;
        char *label = sweep_run_label(s, i);
        char *control = sweep_control_label(s, s->runs[i].point);
        printf("%4d  %s%s%s", i + 1, label, run > 0 ? "  (done)" : "",
               i >= s->nruns ? "  (behind run_cap)" : "");
        if (control) printf("  (control: %s)", control);
        free(control);
        if (items[i] && *items[i]->refused) printf("  (%s)", items[i]->refused);
        printf("\n");
        free(label);
    }
    free(items);
    if (run < 0) return (int)run;
    printf("%s: %d run%s, %d done, %d to run", s->name, s->nruns_all, s->nruns_all == 1 ? "" : "s",
           t->finished, s->nruns - t->finished);
    if (behind) printf(", %d behind run_cap", behind);
    if (arms) printf("; %d of them %s control arm%s", arms, arms == 1 ? "is a" : "are", arms == 1 ? "" : "s");
    printf("%s\n", bases ? "; and the untouched base" : "");
    return 0;
}

int cmd_sweep_dry_run(const struct run_sweep_options *o, const struct sweep *s, struct err *e) {
    struct db *db = NULL;
    struct pending t = {0};
    if (file_exists(o->db) && db_open(&db, o->db, false, e) != 0) return e->code;
    int rc = dry_plan(o, s, db, &t, e);
    if (!rc) rc = dry_list(o, s, db, &t, e);
    pending_release(&t);
    db_close(db);
    return rc;
}
