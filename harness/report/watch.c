/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c - see watch.h. Everything is read from the record, which a runner brings up to date about once a
 * second, and from /proc. Times left suppose that the rest goes like what is done: of a run its steps, of the
 * sweep its runs, as many at once as now. */
#include "harness/report/watch.h"

#include "harness/record/listing.h"
#include "harness/record/query.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sched/progress.h"
#include "harness/table/table.h"

#define SPARK  24 /* columns */
#define LATEST 6  /* finished runs */

void watch_sparkline(const double *v, int n, struct strbuf *out) {
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < n; i++)
        if (isfinite(v[i])) lo = fmin(lo, v[i]), hi = fmax(hi, v[i]);
    for (int i = 0; i < n; i++) {
        if (!isfinite(v[i])) {
            strbuf_addc(out, ' ');
            continue;
        }
        int eighth = hi > lo ? (int)((v[i] - lo) / (hi - lo) * 7.999) : 3;
        strbuf_addf(out, "\xe2\x96%c", 0x81 + eighth); /* U+2581 ... U+2588 */
    }
}

size_t watch_children(long pid, int *n) {
    DIR *d = opendir("/proc");
    size_t bytes = 0;
    *n = 0;
    for (struct dirent *f; d && (f = readdir(d));) {
        long child = strtol(f->d_name, NULL, 10), parent = 0, resident = 0;
        if (child <= 0) continue;
        char *path = xasprintf("/proc/%ld/stat", child), text[512] = "";
        FILE *s = fopen(path, "r");
        if (s && fgets(text, sizeof text, s)) {
            const char *after = strrchr(text, ')'); /* names may hold anything */
            if (after) sscanf(after + 1, " %*c %ld", &parent);
        }
        if (s) fclose(s);
        free(path);
        if (parent != pid) continue;
        path = xasprintf("/proc/%ld/statm", child);
        if ((s = fopen(path, "r"))) {
            if (fscanf(s, "%*d %ld", &resident) == 1)
                bytes += (size_t)resident * (size_t)sysconf(_SC_PAGESIZE), ++*n;
            fclose(s);
        }
        free(path);
    }
    if (d) closedir(d);
    return bytes;
}

/* ---- the sweep ----------------------------------------------------------------------------------------- */

struct sweep {
    int64_t id;
    char *name, *metric;
    int total, done, bad, running, ended; /* bad: of those done, not complete */
    double seconds;                       /* that the ended runs took, of one each */
};

static int sweep_read(struct db *db, struct sweep *s, struct err *e) {
    struct db_query *q;
    int rc = listing_progress(&q, db, e);
    if (rc) return rc;
    if ((rc = db_query_next(q, e)) == 1) {
        s->id = db_query_int(q, 0);
        s->name = table_clean(db_query_text(q, 1));
        s->metric = table_clean(db_query_text(q, 2));
        s->total = (int)db_query_int(q, 3);
        s->done = (int)db_query_int(q, 4);
        s->bad = (int)db_query_int(q, 5);
        s->running = (int)db_query_int(q, 6);
        s->ended = (int)db_query_int(q, 7);
        s->seconds = db_query_num(q, 8);
    }
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

static void bar_draw(const struct sweep *s, int width, struct strbuf *out) {
    int n = width > 20 ? (width < 70 ? width - 10 : 60) : 10, done = s->total ? n * s->done / s->total : 0,
        now = s->total ? n * (s->done + s->running) / s->total : 0;
    for (int i = 0; i < n; i++)
        strbuf_adds(out, i < done ? "\xe2\x96\x88" : i < now ? "\xe2\x96\x92" : "\xe2\x96\x91");
    strbuf_addf(out, " %d %%\n", s->total ? 100 * s->done / s->total : 0);
}

static void sweep_draw(const struct sweep *s, const struct watch *w, struct strbuf *out) {
    char left[32];
    int rest = s->total - s->done;
    strbuf_addf(out, "sweep %s: %d of %d runs ended", s->name, s->done, s->total);
    if (s->bad) strbuf_addf(out, ", %d of them not well", s->bad);
    if (s->running) strbuf_addf(out, ", %d running", s->running);
    if (w->pid && rest && s->ended)
        strbuf_addf(out, "; about %s left",
                    progress_time(s->seconds / s->ended * rest / fmax(1, s->running), left));
    strbuf_addc(out, '\n');
    bar_draw(s, w->width, out);
}

/* ---- its runs ------------------------------------------------------------------------------------------ */

/* The training loss of a run in SPARK parts of its steps; the part's mean. *step: the last one told. */
static int losses_read(struct db *db, int64_t run, double steps, double *v, double *step, double *last,
                       struct err *e) {
    struct record_curve c;
    int count[SPARK] = {0};
    int rc = record_curve_read(&c, db, run, "train/loss", e);
    for (int i = 0; i < SPARK; i++) v[i] = 0;
    *step = 0, *last = NAN;
    for (int i = 0; i < c.n; i++) {
        int at = steps > 0 ? (int)((c.step[i] - 1) / steps * SPARK) : 0;
        *step = c.step[i], *last = c.value[i];
        if (at < 0 || at >= SPARK) continue;
        v[at] += *last, count[at]++;
    }
    record_curve_release(&c);
    for (int i = 0; i < SPARK; i++) v[i] = count[i] ? v[i] / count[i] : NAN;
    return rc;
}

static void label_add(const struct db_query *q, int col, struct strbuf *b) {
    char lr[TABLE_FORMAT_MAX];
    strbuf_addf(b, "run %lld %s", (long long)db_query_int(q, 0), db_query_text(q, col));
    if (db_query_type(q, col + 1) != DB_NULL) strbuf_addf(b, " r=%lld", (long long)db_query_int(q, col + 1));
    if (db_query_text(q, col + 2)) strbuf_addf(b, " %s", db_query_text(q, col + 2));
    if (db_query_type(q, col + 3) != DB_NULL) {
        table_format_num(lr, TABLE_RATE, db_query_num(q, col + 3));
        strbuf_addf(b, " lr=%s", lr);
    }
    strbuf_addf(b, " seed %lld", (long long)db_query_int(q, col + 4));
}

static int running_draw(struct db *db, const struct sweep *s, struct strbuf *out, struct err *e) {
    struct db_query *q;
    int rc = listing_under_way(&q, db, s->id, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        double v[SPARK], step, last, steps = db_query_num(q, 2), since = db_query_num(q, 1);
        char left[32], number[TABLE_FORMAT_MAX];
        struct strbuf label = {0};
        if ((rc = losses_read(db, db_query_int(q, 0), steps, v, &step, &last, e))) break;
        label_add(q, 3, &label);
        char *clean = table_clean(label.s);
        watch_sparkline(v, SPARK, out);
        if (step > 0 && steps > 0) {
            table_format_num(number, TABLE_LOSS, last);
            strbuf_addf(out, "  %.0f/%.0f  %s  %s left  %s\n", step, steps, number,
                        progress_time(since * (steps - step) / step, left), clean);
        } else
            strbuf_addf(out, "  starting  %s\n", clean);
        free(clean);
        strbuf_release(&label);
    }
    db_query_close(q);
    return rc < 0 ? rc : 0;
}

static int latest_draw(struct db *db, const struct sweep *s, struct strbuf *out, struct err *e) {
    struct db_query *q;
    int n = 0, rc = listing_latest(&q, db, s->id, LATEST, e);
    if (rc) return rc;
    while ((rc = db_query_next(q, e)) == 1) {
        struct strbuf label = {0};
        char took[32], number[TABLE_FORMAT_MAX] = "-";
        label_add(q, 3, &label);
        char *clean = table_clean(label.s);
        if (db_query_type(q, 2) != DB_NULL) table_format_num(number, TABLE_LOSS, db_query_num(q, 2));
        if (!n++) strbuf_addf(out, "\nlatest, %s\n", s->metric);
        strbuf_addf(out, "%-11s %9s  %8s  %s\n", db_query_text(q, 1), number,
                    progress_time(db_query_num(q, 8), took), clean);
        free(clean);
        strbuf_release(&label);
    }
    db_query_close(q);
    return rc;
}

/* ---- the block ----------------------------------------------------------------------------------------- */

/* Cut to the terminal: lines that wrapped would push the block up. */
static void cut_add(const char *text, int width, int height, struct strbuf *out) {
    for (int line = 0; *text && line < height; line++) {
        size_t n = strcspn(text, "\n");
        char *one = xstrndup(text, n);
        size_t bytes = n;
        while (bytes && table_width(one) > width) { /* from the end, a character at a time */
            while (bytes && ((unsigned char)one[bytes - 1] & 0xc0) == 0x80) bytes--;
            one[bytes ? --bytes : 0] = 0;
        }
        strbuf_addf(out, "%s\n", one);
        free(one);
        text += n + (text[n] == '\n');
    }
}

int watch_draw(struct db *db, const struct watch *w, struct strbuf *out, struct err *e) {
    struct sweep s = {0};
    struct strbuf b = {0};
    int rc = sweep_read(db, &s, e);
    if (!rc && !s.name)
        strbuf_adds(&b, "no sweep yet\n");
    else if (!rc) {
        sweep_draw(&s, w, &b);
        if (w->pid) {
            strbuf_addc(&b, '\n');
            rc = running_draw(db, &s, &b, e);
        }
        if (!rc) rc = latest_draw(db, &s, &b, e);
        if (w->pid && w->local) {
            int n;
            char bytes[32];
            size_t held = watch_children(w->pid, &n);
            if (n)
                strbuf_addf(&b, "\nmemory: %s resident in %d worker%s\n", progress_bytes((double)held, bytes),
                            n, n == 1 ? "" : "s");
        }
    }
    if (!rc) cut_add(b.s ? b.s : "", w->width, w->height, out);
    free(s.name), free(s.metric);
    strbuf_release(&b);
    return rc;
}
