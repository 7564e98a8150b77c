/* SPDX-License-Identifier: Apache-2.0 */
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

/* A corrected p as people read it. */
static void p_add(struct table *t, double p) {
    num_add(t, p);
    if (isnan(p)) return;
    if (p < 0.001)
        table_shown(t, "<0.001");
    else
        table_shown(t, "%.4f", p);
}

static void diff_add(struct table *t, const struct compare_pair *p) {
    struct strbuf b = {0};
    num_add(t, p ? p->v.diff : NAN);
    if (p) judge_difference_text(p->v.diff, p->v.lo, p->v.hi, &b);
    if (b.len) table_shown(t, "%s", b.s);
    strbuf_release(&b);
}

const char *compare_verdict(const struct compare *c, const struct compare_pair *p) {
    bool within = c->margin > 0 && verdict_as_good(&p->v, c->margin);
    if (within && p->v.verdict == VERDICT_UNDECIDED) return "as good";
    if (within && p->v.verdict == VERDICT_BETTER) return "better, within the margin";
    if (within && p->v.verdict == VERDICT_WORSE) return "worse, within the margin";
    return verdict_name(p->v.verdict);
}

static const struct compare_setting *setting_of(const struct compare *c, const struct compare_arm *a) {
    const struct compare_setting *s = c->setting;
    while (s->first + s->narm <= a - c->arm) s++;
    return s;
}

/* ---- tables -------------------------------------------------------------------------------------------- */

static void verdict_add(const struct compare *c, const struct compare_arm *a, struct table *t) {
    const struct compare_point *g = a->point < 0 ? NULL : &c->point[a->point];
    if (c->point[a->any].untouched)
        table_text(t, "untouched base");
    else if (a->pair >= 0)
        table_text(t, compare_verdict(c, &c->pair[a->pair]));
    else if (g && g->diverged) {
        char text[60];
        snprintf(text, sizeof text, "diverges in %d of %d seeds", g->diverged, g->diverged + g->nscore);
        table_text(t, text);
    } else if (!compare_ranked(c, a))
        table_text(t, g ? "no score" : "not run");
    else
        table_text(t, c->against ? "reference" : "best mean");
}

static void score_add(const struct compare *c, const struct compare_arm *a, struct table *t) {
    const struct verdict_model *m = &setting_of(c, a)->judge.model;
    const struct compare_point *g = a->point < 0 ? NULL : &c->point[a->point];
    if (!g || g->untouched)
        num_add(t, g ? g->score : NAN);
    else
        judge_mean_add(t, m, a->point);
    num_add(t, g && !g->untouched ? m->config[a->point].sd : NAN);
    num_add(t, g && !g->untouched ? judge_half(&m->config[a->point]) : NAN);
    table_int(t, g ? g->nscore : 0);
}

static void arm_row(const struct compare *c, const struct compare_arm *a, struct table *t, bool settings) {
    const struct compare_point *any = &c->point[a->any], *g = a->point < 0 ? NULL : &c->point[a->point];
    const struct compare_pair *p = a->pair < 0 ? NULL : &c->pair[a->pair];
    if (settings) table_text(t, any->setting);
    table_int_or_null(t, a->rank ? a->rank : -1);
    if (a->rank) table_shown(t, "%d%s", a->rank, a->tied ? "=" : "");
    table_text(t, any->arm);
    table_text(t, g ? g->label : "no finished run");
    if (g && !strcmp(c->key[0], "method")) /* stands in the column before */
        table_shown(t, "%s", g->label[strlen(g->method)] ? g->label + strlen(g->method) + 1 : "-");
    table_int(t, a->tried);
    table_int_or_null(t, g && !g->untouched ? g->id : -1);
    if (c->has_test) num_add(t, g ? g->eval : NAN);
    score_add(c, a, t);
    table_int(t, a->rows);
    diff_add(t, p);
    num_add(t, p ? p->v.lo : NAN);
    num_add(t, p ? p->v.hi : NAN);
    p_add(t, p ? p->v.p : NAN);
    verdict_add(c, a, t);
}

static char *reference_title(const struct compare *c) {
    for (int i = 0; i < c->nsetting && c->against; i++)
        if (c->setting[i].ref >= 0) return xasprintf("to %s", c->point[c->arm[c->setting[i].ref].any].arm);
    return xstrdup("to the best");
}

struct table *compare_arms_table(const struct compare *c) {
    struct table *t = table_new();
    struct strbuf by = {0};
    bool settings = several_settings(c), rows = false, seeds = false;
    char *to = reference_title(c);
    for (int i = 0; i < c->narm; i++) {
        rows |= c->arm[i].rows > 0;
        seeds |= c->arm[i].point >= 0 && c->point[c->arm[i].point].nscore > 1;
    }
    for (int i = 0; i < c->nkey; i++) strbuf_addf(&by, "%s%s", i ? ", " : "", c->key[i]);
    if (settings) table_column(t, "setting", "setting", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "rank", "rank", TABLE_PLAIN, c->against ? TABLE_DATA : TABLE_BOTH);
    table_column(t, "arm", by.s, TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "configuration", "at", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "tried", "tried", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "point_id", "", TABLE_PLAIN, TABLE_DATA);
    if (c->has_test) table_column(t, "eval", c->metric, TABLE_LOSS, TABLE_BOTH);
    table_column(t, "score", c->reported, TABLE_LOSS, TABLE_BOTH);
    table_column(t, "sd", "sd", TABLE_LOSS, seeds ? TABLE_BOTH : TABLE_DATA);
    table_column(t, "ci95", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "seeds", "seeds", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "rows", "rows", TABLE_PLAIN, rows ? TABLE_BOTH : TABLE_DATA);
    table_column(t, "difference", to, TABLE_LOSS, TABLE_BOTH);
    table_column(t, "low", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "high", "", TABLE_LOSS, TABLE_DATA);
    table_column(t, "p", "p", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "verdict", "", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; i < c->narm; i++) arm_row(c, &c->arm[i], t, settings);
    strbuf_release(&by);
    free(to);
    return t;
}

struct table *compare_pairs_table(const struct compare *c) {
    struct table *t = table_new();
    static const char *const num[] = {"difference", "low", "high", "se",      "se_seeds",
                                      "se_rows",    "df",  "p",    "p_alone", "allowance"};
    table_column(t, "setting", "setting", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "a", "a", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "b", "b", TABLE_WHOLE, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(num); i++) table_column(t, num[i], num[i], TABLE_LOSS, TABLE_BOTH);
    table_column(t, "pairs", "pairs", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "rows", "rows", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "verdict", "b is", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; i < c->npair; i++) {
        const struct compare_pair *p = &c->pair[i];
        const struct verdict_pair *d = &p->v;
        const struct compare_point *a = &c->point[c->arm[p->a].any], *b = &c->point[c->arm[p->b].any];
        const double v[] = {d->diff,        d->lo,         d->hi, sqrt(d->seeds + d->rows),
                            sqrt(d->seeds), sqrt(d->rows), d->df, d->p,
                            d->p1,          d->allow};
        table_text(t, a->setting);
        table_text(t, a->arm);
        table_text(t, b->arm);
        for (size_t k = 0; k < ARRAY_LEN(v); k++) num_add(t, v[k]);
        table_int(t, d->family);
        table_int(t, p->rows);
        table_text(t, compare_verdict(c, p));
    }
    return t;
}

/* ---- the plan ------------------------------------------------------------------------------------------ */

/* Half the interval must come below this: to leave 0 out or to lie within the margin, what is nearer. */
static double plan_target(const struct compare *c, const struct verdict_pair *p) {
    return fmax(fabs(p->diff) - p->allow, c->margin - fabs(p->diff) - p->allow);
}

struct table *compare_plan_table(const struct compare *c) {
    struct table *t = table_new();
    bool settings = several_settings(c);
    if (settings) table_column(t, "setting", "setting", TABLE_TEXT, TABLE_BOTH);
    table_column(t, "a", "a", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "b", "b", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "difference", "difference", TABLE_LOSS, TABLE_BOTH);
    table_column(t, "told_from", "told from", TABLE_LOSS, TABLE_BOTH);
    table_column(t, "seeds", "seeds, with these rows", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "rows", "rows, with these seeds", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "both_seeds", "seeds and", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "both_rows", "rows", TABLE_PLAIN, TABLE_BOTH);
    for (int i = 0; i < c->npair; i++) {
        const struct compare_pair *p = &c->pair[i];
        const struct compare_setting *s = &c->setting[p->setting];
        if (p->a != s->ref || p->v.verdict != VERDICT_UNDECIDED) continue;
        if (c->margin > 0 && verdict_as_good(&p->v, c->margin)) continue;
        struct verdict_need n = verdict_plan(&s->judge.model, &p->v, plan_target(c, &p->v));
        const int need[] = {n.seeds, n.rows, n.both_seeds, n.both_rows};
        if (settings) table_text(t, c->point[c->arm[p->a].any].setting);
        table_text(t, c->point[c->arm[p->a].any].arm);
        table_text(t, c->point[c->arm[p->b].any].arm);
        num_add(t, p->v.diff);
        table_shown(t, "%+.4f", p->v.diff);
        num_add(t, (p->v.hi - p->v.lo) / 2);
        for (size_t k = 0; k < ARRAY_LEN(need); k++) {
            table_int_or_null(t, need[k] ? need[k] : -1);
            if (!need[k]) table_shown(t, "-");
        }
    }
    return t;
}

/* Can the sweep tell the lead of point `by` over point i apart? */
static bool lead_told(const struct compare *c, int by, int i) {
    for (int k = 0; k < c->nsetting; k++) {
        const struct compare_setting *s = &c->setting[k];
        if (compare_same_setting(c, c->arm[s->first].any, i))
            return fabs(c->point[by].score - c->point[i].score) > s->resolution.difference;
    }
    return false;
}

/* Data names the dominating configuration, people see its number in the table. */
static void dominator_add(const struct compare *c, struct table *t, const struct compare_front *f, int axis) {
    int by = f->by[axis];
    if (by >= 0) {
        int k = 0;
        while (k < c->nfront && c->front[k].point != by) k++;
        table_text(t, c->point[by].label);
        table_shown(t, "%s #%d", lead_told(c, by, f->point) ? "<" : "~", k + 1);
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
        num_add(t, g->score);
        table_int_or_null(t, g->bytes);
        table_int_or_null(t, g->peak);
        num_add(t, g->train_s);
        if (isfinite(g->train_s) && g->concurrent) {
            char text[TABLE_FORMAT_MAX];
            table_format_num(text, TABLE_SECONDS, g->train_s);
            table_shown(t, "%s*", text);
        }
        for (int axis = 0; axis < 3; axis++) dominator_add(c, t, f, axis);
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

static json_t *setting_json(const struct compare *c, const struct compare_setting *s) {
    const struct verdict_model *m = &s->judge.model;
    json_t *unstable = json_array();
    for (int i = 0; i < m->n; i++)
        if (m->config[i].unstable) json_array_append_new(unstable, json_string(c->point[i].label));
    return json_pack(
        "{s:s, s:i, s:{s:o, s:f, s:i, s:o}, s:{s:i, s:o, s:b}, s:{s:o, s:o, s:i}}", "setting",
        c->point[c->arm[s->first].any].setting, "family", s->family, "seed", "sd", real_or_null(sqrt(m->s2)),
        "df", m->df, "configurations", m->pooled, "unstable", unstable, "row", "rows", m->rows, "residual_sd",
        m->rows ? real_or_null(sqrt(m->residual)) : json_null(), "weighted", m->rows && !s->judge.unweighted,
        "resolution", "difference", real_or_null(s->resolution.difference), "seeds_share",
        real_or_null(s->resolution.seeds), "pairs", s->resolution.pairs);
}

json_t *compare_json(const struct compare *c) {
    struct table *arms = compare_arms_table(c), *pairs = compare_pairs_table(c),
                 *plan = compare_plan_table(c);
    json_t *by = json_array(), *settings = json_array();
    for (int i = 0; i < c->nkey; i++) json_array_append_new(by, json_string(c->key[i]));
    for (int i = 0; i < c->nsetting; i++) json_array_append_new(settings, setting_json(c, &c->setting[i]));
    json_t *v = json_pack(
        "{s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "sweep", c->sweep, "metric",
        c->metric, "reported", c->reported, "goal", c->goal, "optimistic", !c->has_test, "by", by, "margin",
        c->margin > 0 ? json_real(c->margin) : json_null(), "settings", settings, "arms", table_json(arms),
        "pairs", table_json(pairs), "plan", table_json(plan), "pareto", front_json(c));
    table_free(arms), table_free(pairs), table_free(plan);
    return v;
}

/* ---- remarks ------------------------------------------------------------------------------------------- */

static void add_loss(struct strbuf *out, const char *before, double v) {
    char text[TABLE_FORMAT_MAX];
    table_format_num(text, TABLE_LOSS, v);
    strbuf_addf(out, "%s%s", before, text);
}

/* Of the pairs with the reference the one whose interval is the sweep's resolution. */
static const struct compare_pair *typical_pair(const struct compare *c, const struct compare_setting *s) {
    const struct compare_pair *best = NULL;
    double least = INFINITY;
    for (int i = 0; i < c->npair; i++) {
        const struct compare_pair *p = &c->pair[i];
        double off = fabs((p->v.hi - p->v.lo) / 2 - s->resolution.difference);
        if (&c->setting[p->setting] == s && p->a == s->ref && off < least) best = p, least = off;
    }
    return best;
}

static void note_resolution(const struct compare *c, const struct compare_setting *s, struct strbuf *out) {
    const struct verdict_model *m = &s->judge.model;
    const struct compare_pair *p = typical_pair(c, s);
    if (!p || !s->resolution.pairs) return;
    int seeds = MIN_OF(m->config[p->v.a].n, m->config[p->v.b].n);
    add_loss(out, "this sweep can tell differences of about ", s->resolution.difference);
    if (p->rows)
        strbuf_addf(out, " apart: %.0f %% of their variance is seeds, %.0f %% rows",
                    100 * s->resolution.seeds, 100 * (1 - s->resolution.seeds));
    strbuf_addf(out, "; with %d seeds", 2 * seeds);
    add_loss(out, " about ", verdict_expect(m, &p->v, 2 * seeds, MAX_OF(m->rows, 2)));
    if (p->rows) {
        strbuf_addf(out, ", with %d rows", 4 * m->rows);
        add_loss(out, " about ", verdict_expect(m, &p->v, seeds, 4 * m->rows));
    }
    strbuf_adds(out, " (bench compare --plan)\n");
}

static void note_family(const struct compare *c, const struct compare_setting *s, struct strbuf *out) {
    const struct verdict_model *m = &s->judge.model;
    if (c->against)
        strbuf_addf(out, "verdict: the interval leaves out 0. %d comparison%s with %s %s judged together",
                    s->family, s->family == 1 ? "" : "s", c->point[c->arm[s->ref].any].arm,
                    s->family == 1 ? "is" : "are");
    else
        strbuf_addf(out, "verdict: the interval leaves out 0. %d pair%s judged together", s->family,
                    s->family == 1 ? " is" : "s are");
    strbuf_addf(out, ", %g degree%s of freedom for seeds; %s\n", m->df, m->df == 1 ? "" : "s",
                m->rows ? "seeds and rows both count" : "seeds alone count");
    if (c->margin > 0) strbuf_addf(out, "as good: the whole interval lies within %g\n", c->margin);
}

static void note_luck(const struct compare *c, int setting, struct strbuf *out) {
    const struct compare_setting *s = &c->setting[setting];
    int least = 0, most = 0;
    double luck = 0;
    for (int i = 0; i < c->npair; i++)
        if (c->pair[i].setting == setting) luck = fmax(luck, fabs(c->pair[i].v.flat));
    if (!(luck > 0)) return;
    for (int i = s->first; i < s->first + s->narm; i++) {
        if (!compare_ranked(c, &c->arm[i])) continue;
        least = least ? MIN_OF(least, c->arm[i].tried) : c->arm[i].tried;
        most = MAX_OF(most, c->arm[i].tried);
    }
    strbuf_addf(out, "the arms tried %d to %d configurations: up to", least, most);
    add_loss(out, " ", luck);
    strbuf_adds(out, " of a difference may be luck of the choice; the verdicts allow for it\n");
}

static void note_pairs(const struct compare *c, int setting, struct strbuf *out) {
    const struct compare_setting *s = &c->setting[setting];
    bool no_rows = false, approximate = false, none = false;
    int pairs = 0;
    for (int i = 0; i < c->npair; i++) {
        const struct verdict_pair *p = &c->pair[i].v;
        if (c->pair[i].setting != setting) continue;
        pairs++;
        no_rows |= p->no_rows, approximate |= p->approximate, none |= p->verdict == VERDICT_NONE;
    }
    if (!pairs) return;
    if (none && s->judge.model.df == 0)
        strbuf_adds(out,
                    "no verdict, one seed each: these are differences between trained models, not between "
                    "methods; two more seeds (--set seeds=0,1,2) would tell\n");
    if (s->judge.model.df > 0) note_family(c, s, out);
    note_resolution(c, s, out);
    note_luck(c, setting, out);
    if (no_rows && s->judge.model.df > 0)
        strbuf_adds(out, "no scores per row: the intervals do not know which rows were drawn\n");
    if (approximate)
        strbuf_adds(out, "rows are weighted unlike the score: the rows' part of the error is approximate\n");
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
    if (!c->against)
        strbuf_adds(out, "rank: 1 + the arms that are better; =: shared, which does not say equal\n");
    for (int i = 0; i < c->nsetting; i++) {
        struct strbuf b = {0};
        note_pairs(c, i, &b);
        judge_notes(&c->setting[i].judge, &c->record, &b);
        if (b.len && c->nsetting > 1)
            strbuf_addf(out, "of %s:\n", c->point[c->arm[c->setting[i].first].any].setting);
        if (b.len) strbuf_adds(out, b.s);
        strbuf_release(&b);
    }
}
