/* compare_write.c - a comparison as tables, JSON and the remarks below them. */
#include "harness/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/analysis/prefer.h"

static void num_add(struct table *t, double v) {
    if (isfinite(v))
        table_num(t, v);
    else
        table_null(t);
}

static bool several_settings(const struct compare *c) {
    for (int i = 1; i < c->npoint; i++)
        if (strcmp(c->point[i].setting, c->point[0].setting)) return true;
    return false;
}

/* "3.2750 ± 0.0021" */
static void mean_add(struct table *t, const struct stats_mean *m) {
    num_add(t, m->n ? m->mean : NAN);
    if (m->n < 2) return;
    char mean[TABLE_FORMAT_MAX], ci[TABLE_FORMAT_MAX];
    table_format_num(mean, TABLE_LOSS, m->mean);
    table_format_num(ci, TABLE_LOSS, m->ci);
    table_shown(t, "%s \xc2\xb1 %s", mean, ci);
}

/* A corrected p as people read it. */
static void p_add(struct table *t, double p) {
    num_add(t, p);
    if (isnan(p)) return;
    if (p < 0.001)
        table_shown(t, "<0.001");
    else
        table_shown(t, "%.4f", p);
}

/* "+0.0120 [+0.0043, +0.0197]" */
static void diff_shown(struct table *t, const struct stats_diff *d) {
    if (isfinite(d->diff) && isfinite(d->lo))
        table_shown(t, "%+.4f [%+.4f, %+.4f]", d->diff, d->lo, d->hi);
    else if (isfinite(d->diff))
        table_shown(t, "%+.4f", d->diff);
}

static const char *verdict_of(const struct compare *c, const struct compare_pair *p) {
    if (isnan(p->holm)) return "undecided";
    if (p->holm > 0.05) return "within the noise";
    return prefer_value(c->maximize, p->d.diff, 0) ? "better" : "worse";
}

/* ---- tables -------------------------------------------------------------------------------------------- */

static void arm_row(const struct compare *c, const struct compare_arm *a, struct table *t, bool settings) {
    const struct compare_point *any = &c->point[a->any], *g = a->point < 0 ? NULL : &c->point[a->point];
    const struct compare_pair *p = a->pair < 0 ? NULL : &c->pair[a->pair];
    static const struct stats_mean none = {0, NAN, NAN, NAN};
    if (settings) table_text(t, any->setting);
    table_int_or_null(t, a->rank ? a->rank : -1);
    if (a->rank) table_shown(t, "%d%s", a->rank, a->tied ? "=" : "");
    table_text(t, any->arm);
    table_text(t, g ? g->label : "no finished run");
    if (g && !strcmp(c->key[0], "method")) /* stands in the column before */
        table_shown(t, "%s", g->label[strlen(g->method)] ? g->label + strlen(g->method) + 1 : "-");
    table_int(t, a->tried);
    table_int_or_null(t, g && !g->untouched ? g->id : -1);
    if (c->has_test) mean_add(t, g ? &g->eval : &none);
    mean_add(t, g ? &g->score : &none);
    num_add(t, g ? g->score.sd : NAN);
    num_add(t, g ? g->score.ci : NAN);
    table_int(t, g ? g->score.n : 0);
    table_int(t, a->rows);
    num_add(t, p ? p->d.diff : NAN);
    if (p) diff_shown(t, &p->d);
    num_add(t, p ? p->d.lo : NAN);
    num_add(t, p ? p->d.hi : NAN);
    p_add(t, p ? p->holm : NAN);
    if (any->untouched)
        table_text(t, "untouched base");
    else if (p)
        table_text(t, verdict_of(c, p));
    else
        table_text(t, g ? "best mean" : "not run");
}

struct table *compare_arms_table(const struct compare *c) {
    struct table *t = table_new();
    struct strbuf by = {0};
    bool settings = several_settings(c), rows = false;
    for (int i = 0; i < c->narm; i++) rows |= c->arm[i].rows > 0;
    for (int i = 0; i < c->nkey; i++) strbuf_addf(&by, "%s%s", i ? ", " : "", c->key[i]);
    if (settings) table_column(t, "setting", "setting", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "rank", "rank", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "arm", by.s, TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "configuration", "at", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "tried", "tried", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "point_id", "", TABLE_PLAIN, TABLE_DATA);
    if (c->has_test) table_column(t, "eval", c->metric, TABLE_LOSS, TABLE_BOTH);
    table_column(t, "score", c->reported, TABLE_LOSS, TABLE_BOTH);
    table_column(t, "sd", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "ci95", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "seeds", "seeds", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "rows", "rows", TABLE_PLAIN, rows ? TABLE_BOTH : TABLE_DATA);
    table_column(t, "difference", "to the best", TABLE_LOSS, TABLE_BOTH);
    table_column(t, "low", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "high", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "p_holm", "p", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "verdict", "", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; i < c->narm; i++) arm_row(c, &c->arm[i], t, settings);
    strbuf_release(&by);
    return t;
}

struct table *compare_pairs_table(const struct compare *c) {
    struct table *t = table_new();
    static const char *const num[] = {"difference", "low", "high", "p", "p_holm", "rows_low", "rows_high"};
    table_column(t, "setting", "setting", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "a", "a", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "b", "b", TABLE_WHOLE, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_LOSS, TABLE_BOTH);
    table_column(t, "seeds", "seeds", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "rows", "rows", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "verdict", "b is", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; i < c->npair; i++) {
        const struct compare_pair *p = &c->pair[i];
        const struct compare_point *a = &c->point[c->arm[p->a].any], *b = &c->point[c->arm[p->b].any];
        const double v[] = {p->d.diff, p->d.lo, p->d.hi, p->d.p, p->holm, p->boot.lo, p->boot.hi};
        table_text(t, a->setting);
        table_text(t, a->arm);
        table_text(t, b->arm);
        for (size_t k = 0; k < ARRAY_LEN(v); k++) num_add(t, v[k]);
        table_int(t, p->seeds);
        table_int(t, p->rows);
        table_text(t, verdict_of(c, p));
    }
    return t;
}

/* Data names the dominating configuration, people see its number in the table. */
static void dominator_add(const struct compare *c, struct table *t, int by) {
    if (by >= 0) {
        int k = 0;
        while (k < c->nfront && c->front[k].point != by) k++;
        table_text(t, c->point[by].label);
        table_shown(t, "< #%d", k + 1);
    }
    if (by < 0) {
        table_null(t);
        table_shown(t, by == -1 ? "front" : "-");
    }
}

struct table *compare_front_table(const struct compare *c) {
    struct table *t = table_new();
    bool settings = several_settings(c);
    if (settings) table_column(t, "setting", "setting", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "number", "#", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "configuration", "configuration", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "score", c->reported, TABLE_LOSS, TABLE_BOTH);
    table_column(t, "checkpoint_bytes", "saved", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "peak_bytes", "memory", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "train_s", "train", TABLE_SECONDS, TABLE_BOTH);
    table_column(t, "by_bytes", "for bytes", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "by_memory", "for memory", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "by_time", "for time", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; i < c->nfront; i++) {
        const struct compare_front *f = &c->front[i];
        const struct compare_point *g = &c->point[f->point];
        if (settings) table_text(t, g->setting);
        table_int(t, i + 1);
        table_text(t, g->label);
        num_add(t, g->score.mean);
        table_int_or_null(t, g->bytes);
        table_int_or_null(t, g->peak);
        num_add(t, g->train_s);
        if (isfinite(g->train_s) && g->concurrent) {
            char text[TABLE_FORMAT_MAX];
            table_format_num(text, TABLE_SECONDS, g->train_s);
            table_shown(t, "%s*", text);
        }
        for (int axis = 0; axis < 3; axis++) dominator_add(c, t, f->by[axis]);
    }
    return t;
}

/* ---- JSON and remarks ---------------------------------------------------------------------------------- */

static json_t *real_or_null(double v) { return isfinite(v) ? json_real(v) : json_null(); }

/* The front of a configuration is null in by_*; a cost that is not known must not look like it. */
static json_t *front_json(const struct compare *c) {
    static const char *const axis[] = {"bytes", "memory", "time"};
    struct table *t = compare_front_table(c);
    json_t *rows = table_json(t);
    table_free(t);
    for (int i = 0; i < c->nfront; i++) {
        json_t *on = json_array();
        for (int k = 0; k < 3; k++)
            if (c->front[i].by[k] == -1) json_array_append_new(on, json_string(axis[k]));
        json_object_set_new(json_array_get(rows, (size_t)i), "on_front", on);
    }
    return rows;
}

json_t *compare_json(const struct compare *c) {
    struct table *arms = compare_arms_table(c), *pairs = compare_pairs_table(c);
    json_t *by = json_array();
    for (int i = 0; i < c->nkey; i++) json_array_append_new(by, json_string(c->key[i]));
    json_t *v =
        json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:{s:o, s:i, s:o, s:i}, s:o, s:o, s:o}", "sweep", c->sweep,
                  "metric", c->metric, "reported", c->reported, "goal", c->goal, "optimistic", !c->has_test,
                  "by", by, "noise", "sd", real_or_null(c->noise_sd), "df", c->noise_df, "difference95",
                  real_or_null(c->noise_difference), "seeds", c->noise_seeds, "arms", table_json(arms),
                  "pairs", table_json(pairs), "pareto", front_json(c));
    table_free(arms);
    table_free(pairs);
    return v;
}

static void note_noise(const struct compare *c, struct strbuf *out) {
    if (!c->noise_df) {
        strbuf_adds(
            out,
            "noise floor: unknown, no configuration ran with two seeds; differences between seeds may be as "
            "large as those between arms\n");
        return;
    }
    char sd[TABLE_FORMAT_MAX], d[TABLE_FORMAT_MAX];
    table_format_num(sd, TABLE_LOSS, c->noise_sd);
    table_format_num(d, TABLE_LOSS, c->noise_difference);
    strbuf_addf(out,
                "noise floor: equal configurations (the better half) spread by sd %s over seeds (%d degrees "
                "of freedom); two "
                "%s differ by %s or more by chance in 5 %% of cases\n",
                sd, c->noise_df, c->noise_seeds == 1 ? "single runs" : "means", d);
}

static void note_differences(const struct compare *c, struct strbuf *out) {
    bool rows = false, noise = false, open = false, paired = false;
    for (int i = 0; i < c->npair; i++) {
        const struct compare_pair *p = &c->pair[i];
        rows |= p->rows > 1, noise |= p->noise, paired |= p->seeds > 1, open |= isnan(p->d.p);
    }
    if (!c->npair) return;
    strbuf_addf(out, "differences: %s%s%s, 95 %% interval\n", paired ? "paired by seed" : "one seed",
                rows ? (paired ? " and by row" : ", paired by row") : "",
                noise ? "; where only one seed is shared, its spread is taken from the noise floor" : "");
    if (open) strbuf_adds(out, "undecided: one seed, no scores per row, and no noise floor to judge by\n");
    if (rows && !paired && !noise)
        strbuf_adds(
            out, "one seed: the intervals know which rows were scored, not what another seed would give\n");
}

void compare_notes(const struct compare *c, struct strbuf *out) {
    if (c->has_test)
        strbuf_addf(out, "chosen by %s, judged by %s\n", c->metric, c->reported);
    else
        strbuf_addf(
            out,
            "optimistic: chosen and judged by %s, since not every run has a test score (data.test): the more "
            "an arm tried, the better it looks\n",
            c->reported);
    strbuf_adds(out, "rank: 1 + the arms that are better with p <= 0.05 (Holm, over all pairs); =: cannot be "
                     "told apart\n");
    note_differences(c, out);
    note_noise(c, out);
}
