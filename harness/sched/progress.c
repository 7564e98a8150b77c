/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c - lines about running and finished runs (see progress.h). */
#include "harness/sched/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void progress_init(struct progress *p, const char *sweep, int total, int before, double now) {
    *p = (struct progress){.sweep = sweep, .total = total, .before = before, .begun = now};
}

void progress_release(struct progress *p) {
    free(p->runs);
    p->runs = NULL;
    p->nruns = p->cap = 0;
}

static struct progress_run *find_worker(struct progress *p, int job) {
    for (int i = 0; i < p->nruns; i++)
        if (p->runs[i].job == job) return &p->runs[i];
    return NULL;
}

/* A run keeps its line while it lives; a new one takes the first that is free. */
void progress_start(struct progress *p, int job, const char *label, double now) {
    struct progress_run *r = find_worker(p, -1);
    if (!r) {
        GROW(p->runs, p->nruns, p->cap);
        r = &p->runs[p->nruns++];
    }
    *r = (struct progress_run){.label = label, .job = job, .started = now};
}

void progress_update(struct progress *p, int job, const struct train_progress *t) {
    struct progress_run *r = find_worker(p, job);
    if (!r) return;
    r->p = *t;
    snprintf(r->phase, sizeof r->phase, "%s", t->phase ? t->phase : "");
    r->p.phase = r->phase;
    r->told = true;
}

void progress_end(struct progress *p, int job, double now) {
    struct progress_run *r = find_worker(p, job);
    if (r) {
        p->run_s += now - r->started;
        p->ended++;
        r->job = -1;
    }
    p->done++;
    while (p->nruns && p->runs[p->nruns - 1].job == -1) p->nruns--;
}

/* ---- text ---------------------------------------------------------------------------------------------- */

const char *progress_time(double s, char buf[32]) {
    if (!isfinite(s) || s < 0 || s > 1e9) return strcpy(buf, "-");
    long t = lround(s);
    if (s < 99.95)
        snprintf(buf, 32, "%.1f s", s);
    else if (t < 3600)
        snprintf(buf, 32, "%ld:%02ld", t / 60, t % 60);
    else
        snprintf(buf, 32, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
    return buf;
}

const char *progress_bytes(double n, char buf[32]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;
    while (n >= 1023.95 && u < 4) {
        n /= 1024;
        u++;
    }
    snprintf(buf, 32, u ? "%.1f %s" : "%.0f %s", n, units[u]);
    return buf;
}

/* One column per code point: labels are names and numbers. Control characters (a model's path may hold any)
 * would spoil the picture. */
static void add_line(struct strbuf *out, const char *line, int width) {
    int col = 0;
    for (const char *s = line; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c & 0xC0) != 0x80 && ++col > width) break;
        strbuf_addc(out, c < ' ' || c == 127 ? '?' : *s);
    }
    strbuf_addc(out, '\n');
}

/* Time until all is done: what the running ones say, and the waiting ones at the mean so far. */
static double sweep_eta(const struct progress *p, double now) {
    double left = 0, mean = p->ended ? p->run_s / p->ended : NAN, latest = 0;
    int running = 0;
    for (int i = 0; i < p->nruns; i++) {
        const struct progress_run *r = &p->runs[i];
        if (r->job < 0) continue;
        running++;
        double eta = r->told && isfinite(r->p.eta_s) ? r->p.eta_s : fmax(mean - (now - r->started), 0);
        left += eta;
        latest = fmax(latest, eta);
        if (!p->ended && r->told && isfinite(r->p.eta_s)) mean = now - r->started + r->p.eta_s;
    }
    int waiting = p->total - p->done - running;
    if (!running) return NAN;
    if (!waiting) return isfinite(left) ? latest : NAN;
    return (left + waiting * mean) / running;
}

static void draw_run(const struct progress_run *r, double now, int width, struct strbuf *out) {
    struct strbuf b = {0};
    char t[32];
    /* The label gives way, the numbers do not. */
    int room = width - 62 > 16 ? width - 62 : 16;
    strbuf_addf(&b, "  %-*.*s ", room, room, r->label);
    if (!r->told)
        strbuf_addf(&b, " starting  %s", progress_time(now - r->started, t));
    else if (r->p.steps > 0)
        strbuf_addf(&b, " %-5s step %ld/%ld  loss %.4g  %.0f tok/s  eta %s", r->phase, r->p.step, r->p.steps,
                    r->p.loss, isfinite(r->p.tokens_per_s) ? r->p.tokens_per_s : 0.0,
                    progress_time(r->p.eta_s, t));
    else
        strbuf_addf(&b, " %-5s %s", r->phase, progress_time(now - r->started, t));
    add_line(out, b.s, width);
    strbuf_release(&b);
}

void progress_draw(const struct progress *p, double now, int width, int height, struct strbuf *out,
                   int *lines) {
    struct strbuf b = {0};
    char t[32], eta[32];
    int running = 0;
    *lines = 0;
    for (int i = 0; i < p->nruns; i++) {
        running += p->runs[i].job >= 0;
        if (*lines + 1 >= height) continue;
        ++*lines;
        if (p->runs[i].job >= 0) draw_run(&p->runs[i], now, width, out);
        /* keep the others where they are */
        else
            strbuf_addc(out, '\n');
    }
    ++*lines;
    strbuf_addf(&b, "%s: %d of %d runs done, %d running, %s, eta %s", p->sweep, p->before + p->done,
                p->before + p->total, running, progress_time(now - p->begun, t),
                progress_time(sweep_eta(p, now), eta));
    add_line(out, b.s, width);
    strbuf_release(&b);
}

void progress_line(const struct progress *p, const char *label, const char *metric,
                   const struct train_result *res, struct strbuf *out) {
    char t[32];
    int all = p->before + p->total, digits = snprintf(NULL, 0, "%d", all);
    strbuf_addf(out, "[%*d/%d] %s: ", digits, p->before + p->done, all, label);
    if (!isnan(res->metric)) strbuf_addf(out, "%s %.4f, ", metric, res->metric);
    strbuf_addf(out, "%s, %s", progress_time(res->total_s, t), run_state_name(res->state));
    if (*res->error) strbuf_addf(out, ": %s", res->error);
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->s[i] < ' ') out->s[i] = ' ';
}
