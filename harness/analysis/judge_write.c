/* SPDX-License-Identifier: Apache-2.0 */
/* judge_write.c - scores, differences and remarks of judge.h for people. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/judge.h"

#define VALUES_SHOWN 3 /* of an unstable configuration; of more seeds the least and the most */

double judge_half(const struct verdict_spread *x) {
    return x->show == VERDICT_SHOW_POOLED || x->show == VERDICT_SHOW_BORROWED ? x->half : NAN;
}

static void loss_add(struct strbuf *out, const char *before, double v) {
    char text[TABLE_FORMAT_MAX];
    table_format_num(text, TABLE_LOSS, v);
    strbuf_addf(out, "%s%s", before, text);
}

static void values_add(const struct verdict_config *c, struct strbuf *out) {
    double least = c->score[0], most = c->score[0];
    for (int i = 0; i < c->n; i++) {
        if (c->n <= VALUES_SHOWN) loss_add(out, i ? ", " : "", c->score[i]);
        least = fmin(least, c->score[i]), most = fmax(most, c->score[i]);
    }
    if (c->n <= VALUES_SHOWN) return;
    loss_add(out, "", least);
    loss_add(out, " to ", most);
}

/* Symmetric where the metric's bounds leave it so. */
static void interval_add(const struct verdict_spread *x, struct strbuf *out) {
    bool cut = x->lo > x->mean - x->half || x->hi < x->mean + x->half;
    loss_add(out, "", x->mean);
    if (cut) {
        loss_add(out, " [", x->lo);
        loss_add(out, ", ", x->hi);
        strbuf_adds(out, "]");
    } else
        loss_add(out, " \xc2\xb1 ", x->half);
    if (x->show == VERDICT_SHOW_BORROWED) strbuf_adds(out, " \xe2\x80\xa0");
}

void judge_mean_text(const struct verdict_model *m, int c, struct strbuf *out) {
    const struct verdict_spread *x = &m->config[c];
    if (x->diverged && x->n) {
        loss_add(out, "(", x->mean);
        strbuf_addf(out, ") %d/%d", x->n, x->n + x->diverged);
    }
    if (x->diverged || !x->n) return;
    if (x->show == VERDICT_SHOW_VALUES)
        values_add(&m->in[c], out);
    else if (isnan(judge_half(x)))
        loss_add(out, "", x->mean);
    else
        interval_add(x, out);
}

void judge_mean_add(struct table *t, const struct verdict_model *m, int c) {
    struct strbuf b = {0};
    table_num_or_null(t, m->config[c].n ? m->config[c].mean : NAN);
    judge_mean_text(m, c, &b);
    if (b.len) table_shown(t, "%s", b.s);
    strbuf_release(&b);
}

void judge_difference_text(double diff, double lo, double hi, struct strbuf *out) {
    if (isnan(diff)) return;
    strbuf_addf(out, "%+.4f", diff);
    if (!isnan(lo)) strbuf_addf(out, " [%+.4f, %+.4f]", lo, hi);
}

/* ---- remarks ------------------------------------------------------------------------------------------- */

static void note_unstable(const struct judge *j, const struct record_sweep *s, struct strbuf *out) {
    for (int c = 0; c < j->model.n; c++) {
        const struct verdict_spread *x = &j->model.config[c];
        if (!x->unstable || !j->model.in[c].chosen) continue;
        char buf[32];
        const char *rate = record_point_text(&s->point[c], "lr", buf);
        strbuf_addf(out, "unstable: %s%s%s spreads ", s->point[c].method, rate ? " lr=" : "",
                    rate ? rate : "");
        if (j->model.s2 > 0)
            strbuf_addf(out, "%.0f times as much", x->sd / sqrt(j->model.s2));
        else
            strbuf_adds(out, "more");
        strbuf_adds(out, " over seeds than the others: shown and judged by its own values\n");
    }
}

void judge_notes(const struct judge *j, const struct record_sweep *s, struct strbuf *out) {
    const struct verdict_model *m = &j->model;
    bool borrowed = false, values = false;
    for (int c = 0; c < m->n; c++) {
        borrowed |= m->in[c].chosen && m->config[c].show == VERDICT_SHOW_BORROWED;
        values |= m->in[c].chosen && m->config[c].show == VERDICT_SHOW_VALUES && !m->config[c].unstable;
    }
    if (borrowed) strbuf_adds(out, "\xe2\x80\xa0: one seed, its interval is from the spread of the others\n");
    if (values)
        strbuf_adds(out, "two seeds and fewer than 3 degrees of freedom: the values are shown, an interval "
                         "would say nothing\n");
    if (m->df > 0 && m->df < 4)
        strbuf_addf(out,
                    "only %g degree%s of freedom for seeds: intervals are wide; another seed narrows them\n",
                    m->df, m->df == 1 ? "" : "s");
    note_unstable(j, s, out);
    if (j->unweighted)
        strbuf_adds(out,
                    "an older record without the weights of rows: in the rows' part of the error all rows "
                    "count alike\n");
    if (j->rows.n && j->rows.share < 0.9)
        strbuf_addf(out, "only %.0f %% of the rows were scored by all that are compared\n",
                    100 * j->rows.share);
}

void judges_notes(const struct judges *j, const struct record_sweep *s, struct strbuf *out) {
    struct strbuf all = {0};
    for (int k = 0; k < j->n; k++) {
        struct strbuf b = {0};
        judge_notes(&j->v[k], s, &b);
        for (char *line = b.len ? strtok(b.s, "\n") : NULL; line; line = strtok(NULL, "\n"))
            if (!all.len || !strstr(all.s, line)) strbuf_addf(&all, "%s\n", line);
        strbuf_release(&b);
    }
    if (all.len) strbuf_adds(out, all.s);
    strbuf_release(&all);
}
