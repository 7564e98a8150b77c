/* SPDX-License-Identifier: Apache-2.0 */
/* plot_memory.c - where a run's memory goes: a bar per method, rank and modules, stacked by the categories of
 * the allocation gate at the moment of its total peak, with the process's largest resident size beside it.
 *
 * Learning rates and seeds do not change a run's memory, so that a bar stands for the run at the best rate.
 * Batches and lengths do: where they vary, each has its bar, as long as there are not more than BARS_SPLIT.
 */
#include "harness/plot/plot_private.h"
#include "harness/analysis/prefer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/mem.h"

#define BARS_SPLIT 40
#define BARS_MAX   100

struct bar {
    int arm, point;
    int run;                         /* index into runs */
    double at[MEM_NCAT], total, rss; /* bytes; NaN: unknown */
    double y;
};

struct bars {
    const struct plot_set *s;
    struct plot_figure *f;
    struct bar *bar;
    int n, cap;
    bool used[MEM_NCAT]; /* categories that occur */
    double unit;         /* bytes of the axis's unit */
};

/* ---- which runs ---------------------------------------------------------------------------------------- */

static bool same_batch(const struct plot_point *a, const struct plot_point *b) {
    return a->batch_size == b->batch_size && a->max_length == b->max_length;
}

/* A complete run, else one that got far enough to diverge; -1: none (indices). */
static int run_of(const struct plot_set *s, int point) {
    int ok = plot_first_ok(s, point);
    const struct plot_point *p = &s->point[point];
    for (int i = p->first; ok < 0 && i < p->first + p->nruns; i++)
        if (s->run[i].state == PLOT_DIVERGED) ok = i;
    return ok;
}

static void bars_choose(struct bars *b, bool split) {
    const struct plot_set *s = b->s;
    b->n = 0;
    for (int c = 0; c < s->narm; c++) {
        int first = b->n;
        for (int i = s->arm[c].first; i < s->arm[c].first + s->arm[c].n; i++) {
            int run = run_of(s, i);
            int k = first;
            while (k < b->n && split && !same_batch(&s->point[b->bar[k].point], &s->point[i])) k++;
            if (run < 0 ||
                (k < b->n && !prefer_value(s->maximize, s->point[i].mean, s->point[b->bar[k].point].mean)))
                continue;
            if (k == b->n) {
                GROW(b->bar, b->n, b->cap);
                b->n++;
            }
            b->bar[k] = (struct bar){.arm = c, .point = i, .run = run, .total = NAN, .rss = NAN};
        }
    }
}

static int bar_read(struct bars *b, struct bar *bar, struct err *e) {
    const struct record_cell *c = b->s->run[bar->run].cell;
    if (c->peak_bytes >= 0) bar->total = (double)c->peak_bytes;
    if (c->rss_bytes >= 0) bar->rss = (double)c->rss_bytes;
    int rc = record_memory_read(bar->at, b->s->db, c->run, e);
    for (int k = 0; k < MEM_NCAT; k++) b->used[k] |= bar->at[k] > 0;
    return rc;
}

/* Keeps bars with a known peak, the base above, full below, groups of a method apart. */
static int bars_read(struct bars *b, struct err *e) {
    int kept = 0;
    for (int i = 0; i < b->n; i++) {
        int rc = bar_read(b, &b->bar[i], e);
        if (rc) return rc;
        if (b->bar[i].total > 0) b->bar[kept++] = b->bar[i];
    }
    b->n = kept;
    return 0;
}

static int bar_rank(const struct bars *b, const struct bar *x) {
    const struct plot_point *p = &b->s->point[x->point];
    return p->untouched ? 0 : p->full ? 2 : 1;
}

/* Bars that a reader compares stand together: of one method and one choice of modules, by rank. */
static bool bar_before(const struct bars *b, const struct bar *x, const struct bar *y) {
    const struct plot_point *p = &b->s->point[x->point], *q = &b->s->point[y->point];
    int d = bar_rank(b, x) - bar_rank(b, y);
    if (!d) d = p->method_order - q->method_order;
    if (!d) d = strcmp(p->method, q->method);
    if (!d) d = p->target - q->target;
    if (!d) d = (p->r > q->r) - (p->r < q->r);
    return d ? d < 0 : x->arm < y->arm;
}

static void bars_arrange(struct bars *b) {
    struct bar *out = xmalloc((size_t)(b->n + 1) * sizeof *out);
    int n = b->n;
    for (int i = 0; i < n; i++) {
        int k = i;
        for (; k > 0 && bar_before(b, &b->bar[i], &out[k - 1]); k--) out[k] = out[k - 1];
        out[k] = b->bar[i];
    }
    double y = 0;
    for (int i = 0; i < n; i++) {
        if (i) y += strcmp(b->s->point[out[i].point].method, b->s->point[out[i - 1].point].method) ? 1.5 : 1;
        out[i].y = y;
    }
    memcpy(b->bar, out, (size_t)n * sizeof *out);
    free(out);
}

/* ---- what is written ----------------------------------------------------------------------------------- */

/* "q, v,  r = 8" and the batch where several differ. */
static char *bar_label(const struct bars *b, const struct bar *x, bool batches) {
    const struct plot_point *p = &b->s->point[x->point];
    struct strbuf t = {0};
    if (p->target >= 0) strbuf_adds(&t, b->s->target[p->target].label);
    if (p->r >= 0 && !p->full && !p->untouched)
        strbuf_addf(&t, "%sr = %lld", t.len ? ",  " : "", (long long)p->r);
    if (batches && p->batch_size > 0)
        strbuf_addf(&t, "%s%lld x %lld", t.len ? ", " : "", (long long)p->batch_size,
                    (long long)p->max_length);
    return strbuf_detach(&t);
}

static bool batches_differ(const struct bars *b) {
    for (int i = 1; i < b->n; i++) {
        const struct plot_point *p = &b->s->point[b->bar[i].point], *q = &b->s->point[b->bar[i - 1].point];
        if (!p->untouched && !q->untouched && !same_batch(p, q)) return true;
    }
    return false;
}

static void labels_write(struct bars *b) {
    size_t n = (size_t)b->n + 1;
    const char **label = xmalloc(n * sizeof *label), **method = xmalloc(n * sizeof *method),
               **total = xmalloc(n * sizeof *total);
    char(*text)[TABLE_FORMAT_MAX] = xmalloc(n * sizeof *text);
    bool batches = batches_differ(b);
    int width = 0, wide = 0;
    for (int i = 0; i < b->n; i++) {
        const char *name = b->s->point[b->bar[i].point].method;
        label[i] = bar_label(b, &b->bar[i], batches);
        method[i] = i && !strcmp(name, b->s->point[b->bar[i - 1].point].method) ? "" : name;
        double v = b->bar[i].total / b->unit;
        snprintf(text[i], sizeof text[i], v < 9.995 ? "%.2f" : v < 99.95 ? "%.1f" : "%.0f", v);
        total[i] = text[i];
        width = MAX_OF(width, table_width(label[i])), wide = MAX_OF(wide, table_width(method[i]));
    }
    plot_texts(b->f, "bar", label, b->n);
    plot_texts(b->f, "bar_method", method, b->n);
    plot_texts(b->f, "bar_total", total, b->n);
    plot_num(b->f, "bar_width", width);
    plot_num(b->f, "method_width", wide);
    for (int i = 0; i < b->n; i++) free((void *)(uintptr_t)label[i]);
    free(label), free(method), free(total), free(text);
}

static void categories_write(struct bars *b) {
    static const char *const colors[MEM_NCAT] = {"#d4d4d4", "#0072b2", "#56b4e9", "#e69f00", "#d55e00",
                                                 "#009e73", "#cc79a7", "#f0e442", "#777777"};
    static const char *const words[MEM_NCAT] = {
        "base weights", "trained parameters", "fixed (method)", "gradients",
        "optimizer",    "activations",        "scratch",        "data",
        "misc"};
    const char *name[MEM_NCAT], *word[MEM_NCAT], *color[MEM_NCAT];
    int n = 0;
    for (int c = 0; c < MEM_NCAT; c++)
        if (b->used[c]) name[n] = mem_cat_name((enum mem_cat)c), word[n] = words[c], color[n++] = colors[c];
    plot_texts(b->f, "cat", name, n);
    plot_texts(b->f, "cat_word", word, n);
    plot_texts(b->f, "cat_color", color, n);
}

static void csv_write(struct bars *b) {
    struct table *t = b->f->csv = table_new();
    static const char *const num[] = {"y", "peak_bytes", "rss_bytes"};
    static const char *const rest[] = {"r", "batch_size", "max_length", "run_id"};
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_PLAIN, TABLE_BOTH);
    for (int c = 0; c < MEM_NCAT; c++)
        table_column(t, mem_cat_name((enum mem_cat)c), "", TABLE_BYTES, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(rest); i++) table_column(t, rest[i], rest[i], TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "method", "", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "target_modules", "", TABLE_TEXT, TABLE_BOTH);
    for (int i = 0; i < b->n; i++) {
        const struct bar *x = &b->bar[i];
        const struct plot_point *p = &b->s->point[x->point];
        const int64_t last[] = {p->full ? -1 : p->r, p->batch_size, p->max_length, x->run};
        table_num(t, x->y);
        table_num(t, x->total);
        if (isnan(x->rss))
            table_null(t);
        else
            table_num(t, x->rss);
        for (int c = 0; c < MEM_NCAT; c++) table_num(t, x->at[c]);
        for (size_t k = 0; k < ARRAY_LEN(last); k++)
            if (last[k] < 0)
                table_null(t);
            else
                table_int(t, last[k]);
        table_text(t, p->method);
        table_text(t, p->target_modules);
    }
}

static void head_write(struct bars *b, int of) {
    double most = 0;
    for (int i = 0; i < b->n; i++)
        most = fmax(most, fmax(b->bar[i].total, isnan(b->bar[i].rss) ? 0 : b->bar[i].rss));
    static const char *const unit[] = {"KiB", "MiB", "GiB", "TiB"};
    double size = 1024;
    size_t u = 0;
    while (most >= 2 * 1024 * size && u + 1 < ARRAY_LEN(unit)) size *= 1024, u++;
    char *what = xasprintf("memory at the peak of a run by category, total in %s", unit[u]);
    if (b->n < of) {
        char *all = what;
        what = xasprintf("%s (the first %d of %d)", all, b->n, of);
        free(all);
    }
    b->unit = size;
    plot_head(b->f, b->s, what);
    plot_text(b->f, "unit", unit[u]);
    plot_num(b->f, "unit_bytes", size);
    plot_num(b->f, "most", most / size);
    plot_num(b->f, "tic_step", plot_tic_step(most / size, 9));
    plot_num(b->f, "y_last", b->bar[b->n - 1].y);
    double *y = xmalloc((size_t)b->n * sizeof *y), *end = xmalloc((size_t)b->n * sizeof *end);
    for (int i = 0; i < b->n; i++) {
        const struct bar *x = &b->bar[i];
        bool room = isnan(x->rss) || x->rss < x->total || x->rss - x->total > 0.11 * most;
        y[i] = x->y, end[i] = (room ? x->total : x->rss) / size;
    }
    plot_nums(b->f, "bar_y", y, b->n);
    plot_nums(b->f, "bar_end", end, b->n); /* where its number fits */
    free(what), free(y), free(end);
}

int plot_memory(struct plot_figure *f, const struct plot_set *s, struct err *e) {
    struct bars b = {.s = s, .f = f};
    bars_choose(&b, true);
    if (b.n > BARS_SPLIT) bars_choose(&b, false);
    int rc = bars_read(&b, e);
    if (!rc && !b.n) {
        err_set(e, ERR_RESOURCE, "sweep '%.100s': no run has recorded its memory yet (bench status)",
                s->sweep);
        rc = PLOT_NOTHING;
    }
    if (!rc) {
        int of = b.n;
        bars_arrange(&b);
        b.n = MIN_OF(b.n, BARS_MAX);
        head_write(&b, of);
        labels_write(&b);
        categories_write(&b);
        csv_write(&b);
    }
    free(b.bar);
    return rc;
}
