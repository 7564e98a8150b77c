/* SPDX-License-Identifier: Apache-2.0 */
/* lm_texts.c - see lm_texts.h.
 *
 * Texts and references are trimmed of white space. Groups are formed in order, so that memory is the same
 * whatever is generated: as many prompts as CACHE_TOKENS of the cache hold. */
#include "experiments/tasks/lm_texts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/text_metrics.h"

enum { CACHE_TOKENS = 1024, GROUP = 32 };

struct lm_prompt {
    long row; /* the first that has it */
    char **refs;
    int nrefs, refs_cap;
    struct token_ids out;
};

void lm_texts_add(struct lm_texts *t, long row, const int32_t *ids, int n, int max_tokens, char *reference) {
    int i = t->n - 1; /* rows of one prompt mostly follow each other */
    while (i >= 0 && !(t->prompts[i].n == n && !memcmp(t->prompts[i].ids, ids, (size_t)n * sizeof *ids))) i--;
    if (i < 0) {
        GROW(t->v, t->n, t->cap);
        GROW(t->prompts, t->n, t->prompts_cap);
        t->prompts[t->n] = (struct generation_prompt){ids, n, max_tokens};
        t->v[i = t->n++] = (struct lm_prompt){.row = row};
    }
    struct lm_prompt *x = &t->v[i];
    GROW(x->refs, x->nrefs, x->refs_cap);
    x->refs[x->nrefs++] = reference;
}

void lm_texts_group(struct lm_texts *t) {
    for (int i = 0, held = 0; i <= t->n; i++) {
        int more = i < t->n ? t->prompts[i].n + t->prompts[i].max_tokens : 0;
        if (i == 0 || i == t->n || held + more > CACHE_TOKENS || i - t->from[t->groups - 1] == GROUP) {
            GROW(t->from, t->groups, t->from_cap);
            t->from[t->groups++] = i;
            held = 0;
        }
        held += more;
    }
    t->groups -= t->groups > 0; /* the last entry is the end */
}

long lm_texts_tokens(const struct lm_texts *t, int k) {
    long tokens = 0;
    int passes = 0;
    for (int i = t->from[k]; i < t->from[k + 1]; i++) {
        tokens += t->prompts[i].n;
        passes = MAX_OF(passes, t->prompts[i].max_tokens - 1);
    }
    return tokens + (long)passes * PANEL;
}

void lm_texts_open(struct lm_texts *t, int k, struct task_net *tn, struct generation *g) {
    generation_open(g, tn, t->prompts + t->from[k], t->from[k + 1] - t->from[k]);
}

struct hearing {
    struct lm_texts *t;
    int first;
};

static void on_token(void *arg, int which, int32_t id) {
    struct hearing *h = arg;
    struct token_ids *out = &h->t->v[h->first + which].out;
    GROW(out->v, out->n, out->cap);
    out->v[out->n++] = id;
}

void lm_texts_run(struct lm_texts *t, int k, struct generation *g, const struct ends *stops) {
    struct hearing h = {t, t->from[k]};
    generation_run(g, stops, on_token, &h);
}

/* ---- scores -------------------------------------------------------------------------------------------- */

static void trim_text(char *s) {
    size_t from = 0, end = strlen(s);
    while (isspace((unsigned char)s[from])) from++;
    while (end > from && isspace((unsigned char)s[end - 1])) end--;
    memmove(s, s + from, end - from);
    s[end - from] = 0;
}

/* What was generated for a prompt, as UTF-8. Caller frees. */
static char *text_of(const struct lm_texts *t, const struct lm_prompt *x) {
    struct generate_text whole = {0};
    struct strbuf out = {0};
    size_t len;
    char *raw = tokenizer_decode(t->tok, x->out.v, x->out.n, true, &len);
    generate_text_add(&whole, raw, len, true, &out);
    generate_text_release(&whole);
    free(raw);
    if (!out.s) strbuf_adds(&out, "");
    trim_text(out.s);
    return out.s;
}

void lm_texts_tell(const struct lm_texts *t, const struct task_tell *tell) {
    if (!t->n) return;
    struct text_case *c = xcalloc((size_t)t->n, sizeof *c);
    char **texts = xcalloc((size_t)t->n, sizeof *texts);
    for (int i = 0; i < t->n; i++) {
        const struct lm_prompt *x = &t->v[i];
        for (int k = 0; k < x->nrefs; k++) trim_text(x->refs[k]);
        c[i] = (struct text_case){texts[i] = text_of(t, x), (const char *const *)x->refs, x->nrefs};
        tell->item(tell->arg, "rouge_l", x->row, text_rouge_l(&c[i], 1), 1);
    }
    tell->metric(tell->arg, "bleu", text_bleu(c, t->n, false));
    tell->metric(tell->arg, "bleu_lower", text_bleu(c, t->n, true));
    tell->metric(tell->arg, "nist", text_nist(c, t->n));
    tell->metric(tell->arg, "rouge_l", text_rouge_l(c, t->n));
    tell->metric(tell->arg, "rouge_l_caption", text_rouge_l_caption(c, t->n, TEXT_CAPTION));
    tell->metric(tell->arg, "cider", text_cider(c, t->n, TEXT_CAPTION));
    for (int i = 0; i < t->n; i++) free(texts[i]);
    free(texts);
    free(c);
}

void lm_texts_release(struct lm_texts *t) {
    for (int i = 0; i < t->n; i++) {
        for (int k = 0; k < t->v[i].nrefs; k++) free(t->v[i].refs[k]);
        free(t->v[i].refs);
        free(t->v[i].out.v);
    }
    free(t->v);
    free(t->prompts);
    free(t->from);
    *t = (struct lm_texts){.tok = t->tok};
}
