/* SPDX-License-Identifier: Apache-2.0 */
/* encode.c - see encode.h. Texts of one length beside each other make batches that differ little in time;
 * nothing is padded, so the order matters for nothing else. */
#include "harness/infer/encode.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

/* Tokens of a batch: enough for the kernels of a small model, and its activations still fit the caches. */
enum { BATCH_TOKENS = 512 };

struct place {
    int tokens;
    long text;
};

/* Longest first; equals in their order. */
static int by_length(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->tokens != y->tokens) return x->tokens < y->tokens ? 1 : -1;
    return x->text < y->text ? -1 : 1;
}

/* One batch: the vectors of order[0..n) to their places. */
static void encode_batch(struct embedder *E, struct task_net *tn, const struct embed_text *const *texts,
                         const struct place *order, int n, const struct embed_text **batch, float *out) {
    size_t row = (size_t)embedder_dim(E);
    for (int i = 0; i < n; i++) batch[i] = texts[order[i].text];
    struct embed_batch *b = embedder_batch_new(E, batch, NULL, n);
    arena_reset(&tn->net->tape);
    embedder_layout(E, tn, b, EMBED_SCORE);
    const float *y = embedder_forward(E, tn, b);
    for (int i = 0; i < n; i++)
        memcpy(out + (size_t)order[i].text * row, y + (size_t)i * row, row * sizeof *out);
    arena_reset(&tn->net->tape);
    embedder_batch_free(E, b);
}

bool encode_texts(struct embedder *E, struct task_net *tn, const struct embed_text *const *texts, long n,
                  float *out, bool (*progress)(void *arg, long done), void *arg) {
    struct place *order = xcalloc((size_t)n + 1, sizeof *order);
    const struct embed_text **batch = xcalloc((size_t)n + 1, sizeof *batch);
    bool going = true;
    for (long i = 0; i < n; i++) order[i] = (struct place){texts[i]->n, i};
    qsort(order, (size_t)n, sizeof *order, by_length);
    for (long done = 0; done < n && going;) {
        int tokens = 0, k = 0;
        while (done + k < n && order[done + k].tokens &&
               (k == 0 || tokens + order[done + k].tokens <= BATCH_TOKENS))
            tokens += order[done + k++].tokens;
        if (k)
            encode_batch(E, tn, texts, order + done, k, batch, out);
        else /* the rest have no tokens */
            for (k = 0; done + k < n; k++)
                memset(out + (size_t)order[done + k].text * (size_t)embedder_dim(E), 0,
                       (size_t)embedder_dim(E) * sizeof *out);
        done += k;
        going = !progress || progress(arg, done);
    }
    free(order);
    free(batch);
    return going;
}
