/* SPDX-License-Identifier: Apache-2.0 */
/* pairs_gold.c - the gold score of a row of pairs. See pairs.h. */
#include <math.h>
#include <stdlib.h>

#include "experiments/tasks/pairs.h"
#include "harness/base/util.h"

int pairs_gold(struct pairs *p, enum split s, long row, float *ret, struct err *e) {
    struct strbuf b = {0};
    char *end;
    const struct rows *rows = p->split[s].rows;
    int rc = template_render(p->gold[s], row, &b, e);
    double v = strtod(b.s ? b.s : "", &end);
    bool range = !isnan(p->score_min);
    double lo = range ? p->score_min : -1, hi = range ? p->score_max : 1;
    if (!rc && (!b.len || *end || !isfinite(v)))
        rc = rows_error(rows, row, e, "the score '%.40s' is not a number", b.s ? b.s : "");
    else if (!rc && (range || p->loss.kind == LOSS_COSINE_MSE) && !(v >= lo && v <= hi))
        rc = rows_error(rows, row, e, "the score %g is outside %g..%g%s", v, lo, hi,
                        range ? "" : ", where cosines lie: give data.score_min and data.score_max");
    strbuf_release(&b);
    *ret = (float)(range ? (v - lo) / (hi - lo) : v);
    return rc;
}
