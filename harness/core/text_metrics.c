/* SPDX-License-Identifier: Apache-2.0 */
/* text_metrics.c - see text_metrics.h. c, r: words of the texts, of the references.
 *
 * BLEU = min(1, e^(1 - r/c)) exp(1/4 sum_n log p_n), p_n the clipped precision of n-grams over the corpus; an
 * order without a match counts as 1/(2^k total), where k numbers such orders from 1.
 *
 * NIST = sum_n [information of the matched n-grams / n-grams of the texts] exp(b ln^2 min(1, c/r)), r the
 * mean length of the references, b so that 2/3 of it gives 1/2. The information of w1..wn is
 * log2(count(w1..wn-1) / count(w1..wn)) over all references.
 *
 * CIDEr-D = 10 mean_n cos(min(g, h), h) e^(-(l_g - l_h)^2 / 2 sigma^2) with tf-idf vectors g of the text and
 * h of a reference; the lengths are in bigrams, as the scorers have it. */
#include "harness/core/text_metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/text_ngrams.h"
#include "harness/base/util.h"

/* A case cut into words: words[0] is the text, then the references. */
struct cut_case {
    struct text_tokens *words;
    int nrefs;
};

static struct cut_case *cut_cases(const struct text_case *c, int n, enum text_rule rule, bool lower) {
    struct cut_case *all = xcalloc((size_t)n + 1, sizeof *all);
    struct text_words w = {0};
    for (int i = 0; i < n; i++) {
        all[i].nrefs = c[i].nrefs;
        all[i].words = xcalloc((size_t)c[i].nrefs + 1, sizeof *all[i].words);
        all[i].words[0] = text_tokenize(&w, c[i].text, rule, lower);
        for (int k = 0; k < c[i].nrefs; k++)
            all[i].words[k + 1] = text_tokenize(&w, c[i].refs[k], rule, lower);
    }
    text_words_release(&w);
    return all;
}

static void cut_free(struct cut_case *all, int n) {
    for (int i = 0; i < n; i++) {
        for (int k = 0; k <= all[i].nrefs; k++) text_tokens_release(&all[i].words[k]);
        free(all[i].words);
    }
    free(all);
}

/* Of each n-gram the most that one reference has. */
static void most_of_refs(const struct cut_case *c, int order, struct ngrams *most) {
    for (int k = 1; k <= c->nrefs; k++) {
        struct ngrams g = {0};
        ngrams_count(&g, &c->words[k], order);
        for (int i = 0; i < g.nslots; i++) {
            if (!g.v[i].n) continue;
            struct ngram *x = ngrams_at(most, g.v[i].id, g.v[i].n);
            x->count = MAX_OF(x->count, g.v[i].count);
        }
        ngrams_release(&g);
    }
}

/* ---- BLEU ---------------------------------------------------------------------------------------------- */

#define BLEU_ORDER 4

struct bleu {
    double correct[BLEU_ORDER], total[BLEU_ORDER], length, ref_length;
};

static int closest_length(const struct cut_case *c) {
    int best = c->words[1].n, length = c->words[0].n;
    for (int k = 2; k <= c->nrefs; k++) {
        int n = c->words[k].n, d = abs(n - length) - abs(best - length);
        if (d < 0 || (d == 0 && n < best)) best = n;
    }
    return best;
}

static void bleu_add(struct bleu *b, const struct cut_case *c) {
    struct ngrams text = {0}, most = {0};
    ngrams_count(&text, &c->words[0], BLEU_ORDER);
    most_of_refs(c, BLEU_ORDER, &most);
    for (int i = 0; i < text.nslots; i++) {
        const struct ngram *x = &text.v[i];
        if (!x->n) continue;
        b->total[x->n - 1] += x->count;
        b->correct[x->n - 1] += MIN_OF(x->count, ngrams_get(&most, x->id, x->n));
    }
    b->length += c->words[0].n;
    b->ref_length += closest_length(c);
    ngrams_release(&text);
    ngrams_release(&most);
}

static double bleu_score(const struct bleu *b) {
    double sum = 0, smooth = 1, any = 0;
    for (int n = 0; n < BLEU_ORDER; n++) any += b->correct[n];
    if (any == 0) return 0;
    for (int n = 0; n < BLEU_ORDER; n++) {
        if (b->total[n] == 0) return 0; /* every text is shorter than n words */
        if (b->correct[n] == 0) smooth *= 2;
        sum += log(100 * (b->correct[n] > 0 ? b->correct[n] : 1 / smooth) / b->total[n]);
    }
    double brevity = b->length < b->ref_length ? exp(1 - b->ref_length / b->length) : 1;
    return brevity * exp(sum / BLEU_ORDER);
}

double text_bleu(const struct text_case *c, int n, bool lower) {
    struct cut_case *all = cut_cases(c, n, TEXT_13A, lower);
    struct bleu b = {0};
    for (int i = 0; i < n; i++) bleu_add(&b, &all[i]);
    cut_free(all, n);
    return bleu_score(&b);
}

/* ---- NIST ---------------------------------------------------------------------------------------------- */

#define NIST_ORDER 5

struct nist {
    struct ngrams refs; /* of all references */
    double words;       /* in them */
    double info[NIST_ORDER], total[NIST_ORDER], length, ref_length;
};

static double ngram_information(const struct nist *s, const struct ngram *x) {
    double before = x->n == 1 ? s->words : ngrams_get(&s->refs, x->id, x->n - 1);
    return log2(before / ngrams_get(&s->refs, x->id, x->n));
}

static void nist_add(struct nist *s, const struct cut_case *c) {
    struct ngrams text = {0}, most = {0};
    double ref_words = 0;
    ngrams_count(&text, &c->words[0], NIST_ORDER);
    most_of_refs(c, NIST_ORDER, &most);
    for (int i = 0; i < text.nslots; i++) {
        const struct ngram *x = &text.v[i];
        if (!x->n) continue;
        int match = MIN_OF(x->count, ngrams_get(&most, x->id, x->n));
        s->total[x->n - 1] += x->count;
        if (match) s->info[x->n - 1] += match * ngram_information(s, x);
    }
    for (int k = 1; k <= c->nrefs; k++) ref_words += c->words[k].n;
    s->length += c->words[0].n;
    s->ref_length += ref_words / c->nrefs;
    ngrams_release(&text);
    ngrams_release(&most);
}

double text_nist(const struct text_case *c, int n) {
    struct cut_case *all = cut_cases(c, n, TEXT_13A, true);
    struct nist s = {0};
    double sum = 0;
    for (int i = 0; i < n; i++)
        for (int k = 1; k <= all[i].nrefs; k++) {
            ngrams_count(&s.refs, &all[i].words[k], NIST_ORDER);
            s.words += all[i].words[k].n;
        }
    for (int i = 0; i < n; i++) nist_add(&s, &all[i]);
    for (int k = 0; k < NIST_ORDER; k++)
        if (s.total[k] > 0) sum += s.info[k] / s.total[k];
    cut_free(all, n);
    ngrams_release(&s.refs);
    if (s.length == 0 || s.ref_length == 0) return 0;
    double beta = log(0.5) / pow(log(1.5), 2), ratio = log(fmin(1, s.length / s.ref_length));
    return sum * exp(beta * ratio * ratio);
}

/* ---- ROUGE-L ------------------------------------------------------------------------------------------- */

static int common_subsequence(const struct text_tokens *a, const struct text_tokens *b) {
    int *row = xcalloc((size_t)b->n + 1, sizeof *row);
    for (int i = 0; i < a->n; i++)
        for (int j = 1, corner = 0; j <= b->n; j++) {
            int above = row[j];
            row[j] = a->id[i] == b->id[j - 1] ? corner + 1 : MAX_OF(row[j], row[j - 1]);
            corner = above;
        }
    int n = row[b->n];
    free(row);
    return n;
}

double text_rouge_l(const struct text_case *c, int n) {
    struct cut_case *all = cut_cases(c, n, TEXT_ROUGE, true);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double best = 0;
        for (int k = 1; k <= all[i].nrefs; k++) {
            int words = all[i].words[0].n + all[i].words[k].n; /* F1 of l/a and l/b is 2 l / (a + b) */
            if (words)
                best = fmax(best, 2.0 * common_subsequence(&all[i].words[0], &all[i].words[k]) / words);
        }
        sum += best;
    }
    cut_free(all, n);
    return n ? sum / n : 0;
}

/* F with beta = 1.2 of the best precision and the best recall, each over all references. */
double text_rouge_l_caption(const struct text_case *c, int n, enum text_rule rule) {
    const double beta2 = 1.2 * 1.2;
    struct cut_case *all = cut_cases(c, n, rule, false);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double precision = 0, recall = 0;
        for (int k = 1; k <= all[i].nrefs; k++) {
            double common = common_subsequence(&all[i].words[0], &all[i].words[k]);
            if (common == 0) continue;
            precision = fmax(precision, common / all[i].words[0].n);
            recall = fmax(recall, common / all[i].words[k].n);
        }
        if (precision > 0) sum += (1 + beta2) * precision * recall / (recall + beta2 * precision);
    }
    cut_free(all, n);
    return n ? sum / n : 0;
}

/* ---- CIDEr --------------------------------------------------------------------------------------------- */

#define CIDER_ORDER 4
#define CIDER_SIGMA 6.0

struct cider {
    struct ngrams df; /* count: cases one of whose references has it; mark: the last such case + 1 */
    double log_cases;
};

static void document_frequency(struct cider *s, const struct cut_case *c, int number) {
    struct ngrams g = {0};
    for (int k = 1; k <= c->nrefs; k++) ngrams_count(&g, &c->words[k], CIDER_ORDER);
    for (int i = 0; i < g.nslots; i++) {
        if (!g.v[i].n) continue;
        struct ngram *x = ngrams_at(&s->df, g.v[i].id, g.v[i].n);
        if (x->mark == number + 1) continue;
        x->mark = number + 1;
        x->count++;
    }
    ngrams_release(&g);
}

static double ngram_weight(const struct cider *s, const struct ngram *x) {
    return x->count * (s->log_cases - log(fmax(1, ngrams_get(&s->df, x->id, x->n))));
}

static void vector_norms(const struct cider *s, const struct ngrams *g, double norm[CIDER_ORDER]) {
    memset(norm, 0, CIDER_ORDER * sizeof *norm);
    for (int i = 0; i < g->nslots; i++)
        if (g->v[i].n) norm[g->v[i].n - 1] += pow(ngram_weight(s, &g->v[i]), 2);
    for (int k = 0; k < CIDER_ORDER; k++) norm[k] = sqrt(norm[k]);
}

/* The sum over the orders of a text's similarity to one reference. */
static double vector_similarity(const struct cider *s, const struct text_tokens *text,
                                const struct text_tokens *ref) {
    struct ngrams a = {0}, b = {0};
    double na[CIDER_ORDER], nb[CIDER_ORDER], dot[CIDER_ORDER] = {0}, sum = 0;
    double delta = MAX_OF(text->n - 1, 0) - MAX_OF(ref->n - 1, 0); /* in bigrams */
    ngrams_count(&a, text, CIDER_ORDER);
    ngrams_count(&b, ref, CIDER_ORDER);
    vector_norms(s, &a, na);
    vector_norms(s, &b, nb);
    for (int i = 0; i < a.nslots; i++) {
        const struct ngram *x = &a.v[i], *y = x->n ? ngrams_find(&b, x->id, x->n) : NULL;
        if (y) dot[x->n - 1] += fmin(ngram_weight(s, x), ngram_weight(s, y)) * ngram_weight(s, y);
    }
    for (int k = 0; k < CIDER_ORDER; k++) sum += na[k] > 0 && nb[k] > 0 ? dot[k] / (na[k] * nb[k]) : dot[k];
    ngrams_release(&a);
    ngrams_release(&b);
    return sum * exp(-delta * delta / (2 * CIDER_SIGMA * CIDER_SIGMA));
}

double text_cider(const struct text_case *c, int n, enum text_rule rule) {
    struct cut_case *all = cut_cases(c, n, rule, rule == TEXT_CAPTION);
    struct cider s = {.log_cases = log(n)};
    double sum = 0;
    for (int i = 0; i < n; i++) document_frequency(&s, &all[i], i);
    for (int i = 0; i < n; i++) {
        double one = 0;
        for (int k = 1; k <= all[i].nrefs; k++)
            one += vector_similarity(&s, &all[i].words[0], &all[i].words[k]);
        sum += 10 * one / CIDER_ORDER / all[i].nrefs;
    }
    ngrams_release(&s.df);
    cut_free(all, n);
    return n ? sum / n : 0;
}
