/* SPDX-License-Identifier: Apache-2.0 */
/* generation.c - many prompts continued together, and text out of bytes (generation.h).
 *
 * All prompts go through the model one behind the other, in pieces of PIECE tokens; then each pass takes the
 * newest token of every sequence that has not ended. The first piece is the largest pass, so that its memory
 * is that of all. */
#include "harness/core/generation.h"
#include "harness/nn/kernels/xent.h"

#include <string.h>

enum { PIECE = 512 };

/* The tokens of one pass, and which of them end a sequence. */
struct pass {
    int32_t id[PIECE], last[PIECE];
    int sequence[PIECE];
    int n, ends;
};

static long prompt_tokens(const struct generation *g) {
    long total = 0;
    for (int i = 0; i < g->n; i++) total += g->prompts[i].n;
    return total;
}

void generation_open(struct generation *g, struct task_net *tn, const struct generation_prompt *prompts,
                     int n) {
    struct net *net = tn->net;
    int capacity[PIECE];
    *g = (struct generation){.tn = tn, .prompts = prompts, .n = n};
    net_draw(net, NULL, NULL); /* nothing is dropped out */
    BUG_ON(n < 1 || n > PIECE, "%d prompts", n);
    /* the last one is not read */
    for (int i = 0; i < n; i++) capacity[i] = prompts[i].n + prompts[i].max_tokens - 1;
    g->kv = tn->model->kv_new(tn->model_state, net, capacity, n);
    g->logits_bytes = (size_t)n * (size_t)tn->facts.vocab * sizeof(float);
    g->logits = mem_alloc(net->mem, MEM_SCRATCH, g->logits_bytes);
    g->last_bytes = panel_floats(panels(n), tn->facts.hidden) * sizeof(float);
    g->last = mem_alloc(net->mem, MEM_SCRATCH, g->last_bytes);
    if (net->mem->counting)
        tn->model->extend(tn->model_state, net, g->kv, NULL, NULL,
                          (int)MIN_OF(prompt_tokens(g), (long)PIECE));
}

void generation_close(struct generation *g) {
    if (!g->tn) return;
    struct mem *mem = g->tn->net->mem;
    if (g->kv) g->tn->model->kv_free(g->kv);
    if (g->logits) mem_free(mem, MEM_SCRATCH, g->logits, g->logits_bytes);
    if (g->last) mem_free(mem, MEM_SCRATCH, g->last, g->last_bytes);
    *g = (struct generation){0};
}

int32_t generation_best(const float *logits, int V) {
    int32_t best = 0;
    for (int32_t i = 1; i < V; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

/* Through the model; next[s] of every sequence that ended here is its new token. */
static void pass_run(struct generation *g, struct pass *p, int32_t *next) {
    struct task_net *tn = g->tn;
    const struct param *bias = tn->facts.head_bias;
    int D = tn->facts.hidden, V = tn->facts.vocab;
    if (!p->n) return;
    const float *hidden = tn->model->extend(tn->model_state, tn->net, g->kv, p->sequence, p->id, p->n);
    if (p->ends) {
        panel_gather(tn->net->team, g->last, D, hidden, D, D, p->last, p->ends);
        logits_rows(tn->net->team, g->logits, &tn->facts.head->w, bias ? bias->value : NULL, g->last, D,
                    p->ends);
    }
    for (int i = 0; i < p->ends; i++)
        next[p->sequence[p->last[i]]] = generation_best(g->logits + (size_t)i * (size_t)V, V);
    p->n = p->ends = 0;
}

static void pass_add(struct pass *p, int sequence, int32_t id, bool ends) {
    if (ends) p->last[p->ends++] = p->n;
    p->sequence[p->n] = sequence;
    p->id[p->n++] = id;
}

void generation_run(struct generation *g, const struct ends *stops,
                    void (*tell)(void *arg, int which, int32_t id), void *arg) {
    struct pass pass = {.n = 0}, *p = &pass; /* not on the heap: a refusal of the gate does not come back */
    int32_t next[PIECE];
    int left[PIECE];
    for (int s = 0; s < g->n; s++) {
        left[s] = g->prompts[s].max_tokens;
        for (int t = 0; t < g->prompts[s].n; t++) {
            pass_add(p, s, g->prompts[s].ids[t], t + 1 == g->prompts[s].n);
            if (p->n == PIECE) pass_run(g, p, next);
        }
    }
    pass_run(g, p, next);
    for (bool more = true; more;) {
        for (int s = 0; s < g->n; s++) {
            if (left[s] == 0) continue;
            bool ended = ends_has(stops, next[s]);
            left[s] = ended ? 0 : left[s] - 1;
            if (!ended) tell(arg, s, next[s]);
            if (left[s]) pass_add(p, s, next[s], true);
        }
        more = p->n > 0;
        pass_run(g, p, next);
    }
}

/* ---- text ---------------------------------------------------------------------------------------------- */

/* Can s[0..n), n < 4, still become a character? */
static bool is_begun(const unsigned char *s, size_t n) {
    size_t want = s[0] >= 0xF0 && s[0] <= 0xF4 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC2 ? 2 : 0;
    if (s[0] > 0xF4 || n >= want) return false;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return false;
    return true;
}

void generate_text_add(struct generate_text *t, const char *s, size_t n, bool last, struct strbuf *out) {
    strbuf_add(&t->held, s, n);
    const char *p = t->held.s;
    size_t left = t->held.len;
    while (left) {
        size_t good = utf8_valid_prefix(p, left);
        strbuf_add(out, p, good);
        p += good;
        left -= good;
        if (!left || (!last && is_begun((const unsigned char *)p, left))) break;
        size_t bad = 1; /* a begun character and what cannot go on with it: one sign for them */
        while (bad < left && is_begun((const unsigned char *)p, bad) &&
               ((unsigned char)p[bad] & 0xC0) == 0x80)
            bad++;
        strbuf_add(out, "\xEF\xBF\xBD", 3);
        p += bad;
        left -= bad;
    }
    if (left) memmove(t->held.s, p, left); /* at most three bytes */
    t->held.len = left;
}

void generate_text_release(struct generate_text *t) { strbuf_release(&t->held); }
