/* SPDX-License-Identifier: Apache-2.0 */
/* report_claims.c - what papers say, and what the record says to it: the claims that runs of this record
 * decide. */
#include "harness/report/report.h"

#include "harness/paper/claim.h"

static void pair_write(struct strbuf *out, const struct claim_pair *p) {
    struct strbuf b = {0};
    strbuf_addf(&b, "%s against %s: ", p->b, p->a);
    claim_pair_text(p, &b);
    strbuf_adds(out, "<li>");
    report_text(out, b.s);
    strbuf_adds(out, "</li>\n");
    strbuf_release(&b);
}

static void claim_write(struct strbuf *out, const struct claim *c) {
    strbuf_adds(out, "<dt><strong>");
    claim_verdict_text(c, out);
    strbuf_adds(out, "</strong></dt><dd>");
    report_text(out, c->statement ? c->statement : c->name);
    if (c->paper) {
        strbuf_adds(out, " <span class=\"soft\">(");
        report_text(out, c->paper);
        strbuf_adds(out, ")</span>");
    }
    if (c->control) {
        strbuf_adds(out, "<br><span class=\"soft\">fair because: ");
        report_text(out, c->control);
        strbuf_adds(out, "</span>");
    }
    strbuf_adds(out, "<ul class=\"soft\">\n");
    for (int i = 0; i < c->npairs; i++) pair_write(out, &c->pairs[i]);
    strbuf_adds(out, "</ul></dd>\n");
}

int report_claims(struct db *db, struct strbuf *out, struct err *e) {
    struct claims *all;
    int decided = 0, rc = claims_load(&all, NULL, db, e);
    if (rc) return rc;
    for (int i = 0; i < all->n; i++) decided += all->v[i].verdict != CLAIM_NOT_RUN;
    strbuf_adds(out, "<section id=\"claims\">\n<h2>Claims of papers</h2>\n");
    if (decided) strbuf_adds(out, "<dl>\n");
    for (int i = 0; i < all->n; i++)
        if (all->v[i].verdict != CLAIM_NOT_RUN) claim_write(out, &all->v[i]);
    if (decided) strbuf_adds(out, "</dl>\n");
    strbuf_addf(out,
                "<p class=\"soft\">%d of %d claims have no runs here that decide them; <code>bench table "
                "claims</code> lists "
                "all, with the sweep that decides each.</p>\n</section>\n",
                all->n - decided, all->n);
    claims_free(all);
    return 0;
}
