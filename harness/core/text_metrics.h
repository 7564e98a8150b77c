/* SPDX-License-Identifier: Apache-2.0 */
/* text_metrics.h - scores of generated texts against references: BLEU, NIST, ROUGE-L, CIDEr.
 *
 * All are of a whole corpus: n texts, each with one reference or more. Higher is better. */
#ifndef BENCH_TEXT_METRICS_H
#define BENCH_TEXT_METRICS_H

#include "harness/core/text_tokens.h"

struct text_case {
    const char *text;        /* what was generated, UTF-8 */
    const char *const *refs; /* nrefs >= 1 */
    int nrefs;
};

/* BLEU-4 (Papineni et al., 2002) as sacreBLEU computes it: 13a, exponential smoothing, the closest reference
 * length. 0 to 100. */
double text_bleu(const struct text_case *c, int n, bool lower);
/* NIST-5 (Doddington, 2002) as mteval-v13a computes it, in lower case: matches weighed by log2 of how much
 * rarer an n-gram of the references is than its first n-1 words. */
double text_nist(const struct text_case *c, int n);
/* ROUGE-L (Lin, 2004) as the package rouge-score computes it, without stemming: F1 of the longest common
 * subsequence, the best over the references, mean over the texts. 0 to 1. */
double text_rouge_l(const struct text_case *c, int n);
/* ROUGE-L as the caption scorers compute it, and E2E's with them: F with beta = 1.2 of the best precision and
 * the best recall over the references, on words cut by `rule`, TEXT_CAPTION for plain texts. 0 to 1. */
double text_rouge_l_caption(const struct text_case *c, int n, enum text_rule rule);
/* CIDEr-D (Vedantam et al., 1411.5726) as the caption scorers compute it and E2E's with them: tf-idf of 1- to
 * 4-grams over the references, clipped, sigma 6, times 10. `rule`: how texts are cut, TEXT_CAPTION for plain
 * ones. One text alone scores 0: its n-grams are in every document. */
double text_cider(const struct text_case *c, int n, enum text_rule rule);

#endif
