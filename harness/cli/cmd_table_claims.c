/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_table_claims.c - `bench table claims`: what papers conclude, and whether the record bears it out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "harness/paper/claim.h"
#include "harness/cli/cmd_table.h"
#include "harness/cli/command.h"

static const char *rule_name(enum claim_rule r) {
    static const char *const names[] = {"better", "equal", "not worse"};
    return names[r];
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void add_claim(struct strbuf *b, const struct claim *c) {
    struct strbuf remedy = {0};
    strbuf_addf(b, "%s: ", c->name);
    claim_verdict_text(c, b);
    strbuf_adds(b, "\n");
    if (c->statement) strbuf_addf(b, "  %s\n", c->statement);
    if (c->paper) strbuf_addf(b, "  from: %s\n", c->paper);
    if (c->printed) strbuf_addf(b, "  printed, of other models: %s\n", c->printed);
    if (c->why) strbuf_addf(b, "  nothing decides it: %s\n", c->why);
    if (c->sweep)
        strbuf_addf(b, "  decided by: bench table %s --run (%s, %s", c->sweep, c->value, rule_name(c->rule));
    if (c->sweep && c->margin > 0)
        strbuf_addf(b, ", margin %g%s", c->relative ? 100 * c->margin : c->margin, c->relative ? " %" : "");
    if (c->sweep) strbuf_adds(b, ")\n");
    if (c->control) strbuf_addf(b, "  fair because: %s\n", c->control);
    if (c->note) strbuf_addf(b, "  %s\n", c->note);
    if (c->kept) {
        const struct claim_pair *p = &c->pairs[0];
        strbuf_addf(b, "  kept from %s, build %s, %s\n", p->date, p->build, p->cpu);
    }
    for (int i = 0; i < c->npairs; i++) {
        strbuf_addf(b, "    %s against %s: ", c->pairs[i].b, c->pairs[i].a);
        claim_pair_text(&c->pairs[i], b);
        if (c->pairs[i].seeds && c->npairs > 1)
            strbuf_addf(b, ": %s", claim_verdict_name(c->pairs[i].verdict));
        strbuf_addc(b, '\n');
    }
    claim_remedy(c, &remedy);
    if (remedy.len) strbuf_addf(b, "  %s\n", remedy.s);
    strbuf_release(&remedy);
    strbuf_addc(b, '\n');
}

static void print_text(const struct claims *all) {
    struct strbuf b = {0};
    int count[CLAIM_NVERDICT] = {0};
    for (int i = 0; i < all->n; i++) {
        add_claim(&b, &all->v[i]);
        count[all->v[i].verdict]++;
    }
    strbuf_addf(&b, "%d claims", all->n);
    for (int v = 0; v < CLAIM_NVERDICT; v++)
        if (count[v]) strbuf_addf(&b, ", %d %s", count[v], claim_verdict_name((enum claim_verdict)v));
    puts(b.s);
    strbuf_release(&b);
}

/* ---- tables: a row for each comparison ----------------------------------------------------------------- */

static void add_row(struct table *t, const struct claim *c, const struct claim_pair *p) {
    table_text(t, c->name);
    table_text(t, claim_verdict_name(c->verdict));
    table_text(t, c->statement);
    table_text(t, c->paper);
    table_text(t, c->printed);
    table_text(t, c->sweep);
    table_text(t, c->control);
    table_text(t, c->value);
    table_text(t, c->why ? NULL : rule_name(c->rule));
    table_text(t, p ? p->a : NULL);
    table_text(t, p ? p->b : NULL);
    table_num_or_null(t, p ? p->mean_a : NAN);
    table_num_or_null(t, p ? p->mean_b : NAN);
    table_num_or_null(t, p && p->seeds ? p->gain : NAN);
    table_num_or_null(t, p ? p->lo : NAN);
    table_num_or_null(t, p ? p->hi : NAN);
    table_num_or_null(t, p ? p->margin : NAN);
    table_int(t, p ? p->seeds : 0);
    table_int(t, p ? p->rows : 0);
    table_int(t, p ? p->counted : 0);
    table_text(t, c->why);
    table_text(t, c->note);
    table_text(t, c->kept ? p->date : NULL);
}

static struct table *claims_table(const struct claims *all) {
    static const struct {
        const char *key, *title;
        enum table_where where;
    } columns[] = {{"claim", "claim", TABLE_BOTH},
                   {"verdict", "verdict", TABLE_BOTH},
                   {"statement", "statement", TABLE_BOTH},
                   {"paper", "paper", TABLE_BOTH},
                   {"printed", "printed", TABLE_BOTH},
                   {"sweep", "decided by", TABLE_BOTH},
                   {"control", "control", TABLE_BOTH},
                   {"value", "value", TABLE_BOTH},
                   {"rule", "rule", TABLE_BOTH},
                   {"a", "against", TABLE_BOTH},
                   {"b", "arm", TABLE_BOTH},
                   {"mean_a", "its mean", TABLE_DATA},
                   {"mean_b", "the arm's mean", TABLE_DATA},
                   {"gain", "gain", TABLE_BOTH},
                   {"lo", "from", TABLE_BOTH},
                   {"hi", "to", TABLE_BOTH},
                   {"margin", "margin", TABLE_BOTH},
                   {"seeds", "seeds", TABLE_BOTH},
                   {"rows", "rows", TABLE_BOTH},
                   {"counted", "rows that the interval counts", TABLE_DATA},
                   {"why", "why not run", TABLE_DATA},
                   {"note", "note", TABLE_DATA},
                   {"kept", "kept from", TABLE_DATA}};
    struct table *t = table_new();
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        table_column(t, columns[i].key, columns[i].title, TABLE_PLAIN, columns[i].where);
    for (int i = 0; i < all->n; i++) {
        const struct claim *c = &all->v[i];
        if (!c->npairs) add_row(t, c, NULL);
        for (int k = 0; k < c->npairs; k++) add_row(t, c, &c->pairs[k]);
    }
    return t;
}

int cmd_table_claims(struct db *db, enum table_format format, bool measured, struct err *e) {
    struct claims *all;
    struct strbuf kept = {0};
    int rc = claims_load(&all, NULL, db, e);
    if (!rc && !measured) rc = claims_measured(all, e);
    if (rc) {
        claims_free(all);
        return rc;
    }
    if (measured) {
        claims_measured_write(all, &kept);
        command_print(&kept);
    } else if (format == TABLE_AS_TEXT) {
        print_text(all);
    } else {
        struct table *t = claims_table(all);
        struct strbuf b = {0};
        table_write(t, format, 0, &b);
        command_print(&b);
        table_free(t);
    }
    claims_free(all);
    return 0;
}
