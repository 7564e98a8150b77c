/* SPDX-License-Identifier: Apache-2.0 */
/* generate.c - see generate.h.
 *
 * The prompt goes through the model in pieces of PIECE tokens, which fill the cache of keys and values; then
 * each new token is one pass over itself. Sampling: softmax(logits / temperature), cut to the top_k most
 * probable, then to the fewest that reach top_p of what is left, then drawn by a counter-based random number.
 * Probabilities are summed in double, in descending order, equal ones by id. */
#include "harness/infer/generate.h"

#include "harness/core/generation.h"
#include "harness/nn/kernels/xent.h"
#include "harness/nn/text/chat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 512 };

/* ---- prompts ------------------------------------------------------------------------------------------- */

static void add_id(struct token_ids *ids, int id) {
    GROW(ids->v, ids->n, ids->cap);
    ids->v[ids->n++] = id;
}

/* What was rendered: special tokens are recognised in the template's own text, between the marks all is plain
 * text; words may cross from one to the other. */
static void add_rendered(struct infer *m, const char *s, size_t len, struct token_ids *out) {
    struct strbuf text = {0};
    const char *end = s + len;
    bool own = true;
    while (s < end) {
        const char *mark = strstr(s, own ? CHAT_OPEN : CHAT_CLOSE), *stop = mark ? mark : end;
        size_t at, n;
        int id;
        while (own && (id = tokenizer_find_special(m->tok, s, (size_t)(stop - s), &at, &n)) >= 0) {
            strbuf_add(&text, s, at);
            if (text.len) tokenizer_encode(m->tok, text.s, text.len, false, out);
            strbuf_reset(&text);
            add_id(out, id);
            s += at + n;
        }
        strbuf_add(&text, s, (size_t)(stop - s));
        s = mark ? mark + strlen(CHAT_OPEN) : end;
        own = !own;
    }
    if (text.len) tokenizer_encode(m->tok, text.s, text.len, false, out);
    strbuf_release(&text);
}

/* One turn of a user by the model's own template, its default system turn included. */
static int add_by_template(struct infer *m, const char *source, json_t *vars, const char *text, size_t len,
                           struct token_ids *out, struct err *e) {
    struct strbuf said = {0}, all = {0};
    strbuf_adds(&said, CHAT_OPEN);
    strbuf_add(&said, text, len);
    strbuf_adds(&said, CHAT_CLOSE);
    json_t *content = json_stringn(said.s, said.len);
    strbuf_release(&said);
    if (!content) return err_set(e, ERR_USER, "the prompt is not valid UTF-8");
    json_object_set_new(vars, "messages", json_pack("[{ss,so}]", "role", "user", "content", content));
    json_object_set_new(vars, "add_generation_prompt", json_true());
    int rc = chat_render(source, vars, &all, e);
    if (!rc && all.len) {
        strbuf_addc(&all, 0);
        add_rendered(m, all.s, all.len - 1, out);
    }
    strbuf_release(&all);
    return rc ? err_wrap(e, "%s: --chat", modelfile_path(m->file)) : 0;
}

static int add_chat(struct infer *m, const char *text, size_t len, struct token_ids *out, struct err *e) {
    static const char turn[] = "user\n", reply[] = "assistant\n";
    int start = tokenizer_id(m->tok, "<|im_start|>"), end = tokenizer_id(m->tok, "<|im_end|>");
    if (start < 0 || end < 0)
        return err_set(e, ERR_USER,
                       "this model's tokenizer has no <|im_start|> and <|im_end|>: it was not made for chat "
                       "as --chat writes it");
    struct strbuf said = {0};
    strbuf_add(&said, turn, strlen(turn));
    strbuf_add(&said, text, len);
    add_id(out, start);
    tokenizer_encode(m->tok, said.s, said.len, false, out);
    add_id(out, end);
    tokenizer_encode(m->tok, "\n", 1, false, out);
    add_id(out, start);
    tokenizer_encode(m->tok, reply, strlen(reply), false, out);
    strbuf_release(&said);
    return 0;
}

int generate_prompt(struct infer *m, const char *text, size_t len, bool chat, struct token_ids *out,
                    struct err *e) {
    int rc = infer_reads_text(m, e), bos = rc ? -1 : tokenizer_bos_to_add(m->tok);
    if (rc) return rc;
    json_t *words = NULL;
    char *source = chat ? modelfile_chat(m->file, m->tok, &words) : NULL;
    if (source) rc = add_by_template(m, source, words, text, len, out, e);
    bool done = source != NULL;
    free(source);
    json_decref(words);
    if (done) return rc;
    if (bos >= 0) add_id(out, bos);
    if (chat) return add_chat(m, text, len, out, e);
    tokenizer_encode(m->tok, text, len, true, out);
    return bos >= 0 && out->n > 1 && out->v[1] == bos;
}

/* ---- choosing a token ---------------------------------------------------------------------------------- */

struct choice {
    float logit;
    int id;
};

/* Larger logits have smaller keys; -0 is 0. */
static uint32_t sort_key(float logit) {
    uint32_t u;
    logit += 0.0f;
    memcpy(&u, &logit, sizeof u);
    return u >> 31 ? u : ~u & 0x7fffffff;
}

/* Descending logits, equal ones as they are: three stable passes by 11 bits of the key, a tenth of the time
 * of a sort by comparisons. more: room for n. */
static void sort_choices(struct choice *c, struct choice *more, int n) {
    struct choice *from = c, *to = more;
    for (int shift = 0; shift < 33; shift += 11) {
        int at[1 << 11] = {0}, sum = 0;
        for (int i = 0; i < n; i++) at[sort_key(from[i].logit) >> shift & 2047]++;
        for (int b = 0; b < 1 << 11; b++) {
            int count = at[b];
            at[b] = sum;
            sum += count;
        }
        for (int i = 0; i < n; i++) to[at[sort_key(from[i].logit) >> shift & 2047]++] = from[i];
        struct choice *other = from;
        from = to;
        to = other;
    }
    memcpy(c, from, (size_t)n * sizeof *c); /* an odd number of passes ends in `more` */
}

int generate_pick(float *logits, int V, const struct generate_options *o, uint64_t place) {
    int best = generation_best(logits, V), n = o->top_k > 0 ? MIN_OF(o->top_k, V) : V;
    if (o->temperature <= 0 || !isfinite(logits[best])) return best;
    struct choice *c = xcalloc(2 * (size_t)V, sizeof *c);
    for (int i = 0; i < V; i++) c[i] = (struct choice){isnan(logits[i]) ? -INFINITY : logits[i], i};
    sort_choices(c, c + V, V);
    double *p = xcalloc((size_t)n, sizeof *p), total = 0, sum = 0;
    for (int i = 0; i < n; i++)
        total += p[i] = exp(((double)c[i].logit - (double)c[0].logit) / o->temperature);
    int kept = 0;
    while (kept < n && (kept == 0 || sum < o->top_p * total)) sum += p[kept++];
    double x = (double)rng_uniform(rng_make(o->seed, "generate", 0), place) * sum;
    int at = 0;
    while (at + 1 < kept && x >= p[at]) x -= p[at++];
    int id = c[at].id;
    free(p);
    free(c);
    return id;
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

static int check_prompt(const struct infer *m, const int32_t *ids, int n, struct err *e) {
    if (!m->model->extend) return err_set(e, ERR_USER, "models of type %s cannot generate", m->model->name);
    if (n < 1) return err_set(e, ERR_USER, "the prompt has no tokens");
    if (n > m->facts.max_positions)
        return err_set(e, ERR_USER, "the prompt has %d tokens, the model has %d positions: shorten it", n,
                       m->facts.max_positions);
    for (int i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= m->facts.vocab)
            return err_set(
                e, ERR_USER,
                "the tokenizer gives id %d but the model has %d tokens: they do not belong together", ids[i],
                m->facts.vocab);
    return 0;
}

/* Logits after the last of ids[0..n). */
static void advance_sequences(struct infer *m, struct kv *kv, const int32_t *ids, int n, float *logits) {
    const struct param *bias = m->facts.head_bias;
    int D = m->facts.hidden;
    for (int at = 0; at < n; at += PIECE) {
        int len = MIN_OF(PIECE, n - at);
        const float *hidden = m->model->extend(m->state, &m->net, kv, NULL, ids + at, len);
        if (at + len < n) continue;
        float *last = net_keep(&m->net, MEM_SCRATCH, 1, D);
        int32_t which = len - 1;
        panel_gather(m->team, last, D, hidden, D, D, &which, 1);
        logits_rows(m->team, logits, &m->facts.head->w, bias ? bias->value : NULL, last, D, 1);
    }
}

int generate_run(struct infer *m, const int32_t *prompt, int n, const struct generate_options *o,
                 bool (*tell)(void *arg, int32_t id), void *arg, enum generate_end *end, struct err *e) {
    int rc = check_prompt(m, prompt, n, e);
    if (rc) return rc;
    struct ends stops = model_stops(&m->facts, m->tok);
    int room = (int)MIN_OF((long)n + o->max_tokens, (long)m->facts.max_positions);
    size_t bytes = (size_t)m->facts.vocab * sizeof(float);
    float *logits = mem_alloc(&m->mem, MEM_SCRATCH, bytes);
    struct kv *kv = m->model->kv_new(m->state, &m->net, &room, 1);
    *end = GENERATE_LENGTH;
    advance_sequences(m, kv, prompt, n, logits);
    for (int i = 0; i < o->max_tokens; i++) {
        rc = infer_finite(m, logits, (size_t)m->facts.vocab, "the logits", e);
        if (rc) break;
        int32_t id = generate_pick(logits, m->facts.vocab, o, (uint64_t)i);
        bool ended = ends_has(&stops, id), more = !ended && tell(arg, id);
        if (!more) *end = ended ? GENERATE_STOPPED : GENERATE_REFUSED;
        if (more && n + i + 1 > room) *end = GENERATE_POSITIONS;
        if (*end != GENERATE_LENGTH) break;
        if (i + 1 < o->max_tokens) advance_sequences(m, kv, &id, 1, logits);
    }
    m->model->kv_free(kv);
    mem_free(&m->mem, MEM_SCRATCH, logits, bytes);
    return rc;
}
