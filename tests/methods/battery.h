/* battery.h - the one list that the batteries run over: every method of the registry (a new one by being in
 * methods.def), some with an option of theirs, on every architecture. BATTERY_METHOD=name: that method alone.
 */
#ifndef BENCH_TESTS_BATTERY_H
#define BENCH_TESTS_BATTERY_H

#include <unistd.h>

#include "tests/engine.h"

/* ---- architectures ------------------------------------------------------------------------------------- */

struct arch {
    const char *name, *golden; /* a tiny model: vocabulary 97, two layers, no tokenizer */
    const char *task;          /* of whole runs */
    const char *task_type;     /* PEFT's */
    char *folder;              /* for whole runs: one with the smoke model's tokenizer */
};
#define SMOKE "build/share/models/smoke"
static char made_untied[] = "/tmp/bench-battery-XXXXXX", made_gpt2[] = "/tmp/bench-battery-XXXXXX",
            made_bert[] = "/tmp/bench-battery-XXXXXX", smoke[] = SMOKE;
static const struct arch archs[] = {
    {"llama", "tests/golden/llama_tied", "lm", "CAUSAL_LM", smoke},
    {"untied llama", "tests/golden/llama_untied", "lm", "CAUSAL_LM", made_untied},
    {"gpt2", "tests/golden/gpt2_tiny", "lm", "CAUSAL_LM", made_gpt2},
    {"bert", "tests/golden/bert_tiny", "classify", "FEATURE_EXTRACTION", made_bert}};
static const struct arch *arch = archs; /* the one at work */

/* ---- arms: a method and its options -------------------------------------------------------------------- */

struct arm {
    const struct method *m;
    const char *over; /* JSON, or NULL */
};
static const struct {
    const char *method, *over;
} more_arms[] = {{"lora_fa", "{\"correct\": true}"}, {"ia3", "{\"feedforward_modules\": [\"*\"]}"}};

static inline const struct arm *arm_list(void) {
    static struct arm list[64];
    const char *only = getenv("BATTERY_METHOD");
    int n = 0;
    if (list[0].m) return list;
    for (const struct method *const *m = method_list; *m; m++)
        if (!only || !strcmp(only, (*m)->name)) list[n++] = (struct arm){*m, NULL};
    for (size_t i = 0; i < ARRAY_LEN(more_arms); i++)
        if (!only || !strcmp(only, more_arms[i].method))
            list[n++] = (struct arm){method_find(more_arms[i].method), more_arms[i].over};
    if (!n) fail_msg("no method %s", only);
    return list;
}

static inline void open_arm(struct engine *g, const struct arm *a, int threads, bool counting) {
    engine_open(g, arch->golden, a->m->name, a->over, threads, 7, counting);
}

static inline void open_base(struct engine *g, bool counting) {
    engine_open(g, arch->golden, "none", NULL, 1, 7, counting);
}

/* Does the model have what this method trains? (Else it is refused: there is a test.) */
static inline bool fits(const struct arm *a) {
    struct engine g;
    int found = 0;
    if (!a->m->nothing) return true;
    open_base(&g, true);
    for (int i = 0; i < g.net.nparams; i++) found += a->m->select(&g.net, g.net.params[i]);
    engine_close(&g);
    return found > 0;
}

/* "gpt2 lora" */
static inline const char *label(const struct arm *a) {
    static char text[96];
    snprintf(text, sizeof text, "%s %s%s%s", arch->name, a->m->name, a->over ? " " : "",
             a->over ? a->over : "");
    return text;
}

/* On every architecture, every arm that fits it. */
#define EACH_ARM(a)                                                                                          \
    for (arch = archs; arch < archs + ARRAY_LEN(archs); arch++)                                              \
        for (const struct arm *a = arm_list(); a->m; a++)                                                    \
            if (fits(a))

/* ---- passes -------------------------------------------------------------------------------------------- */

/* Adapters away from their start, where some gradients are zero: every trained adapter tensor gets small
 * noise. */
static inline void disturb(struct engine *g) {
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        if (p->role != PARAM_TRAIN || !p->site) continue;
        struct rng r = rng_make(99, p->name, 0);
        for (size_t k = 0; k < param_size(p); k++) p->value[k] += 0.1f * (rng_uniform(r, k) - 0.5f);
    }
}

static inline void steps(struct engine *g, struct engine_batch *b, int n) {
    for (int i = 0; i < n; i++) {
        engine_loss(g, b, true, NULL);
        engine_update(g);
    }
}

/* Sequences of these lengths, labels on all but the first three of each. */
static inline void batch_of(struct engine_batch *b, const int *lengths, int nseq) {
    int ids[256], labels[256], offsets[16] = {0};
    for (int s = 0; s < nseq; s++) {
        offsets[s + 1] = offsets[s] + lengths[s];
        for (int t = offsets[s]; t < offsets[s + 1]; t++) {
            ids[t] = (t * 37 + s * 11) % 97;
            labels[t] = t > offsets[s] + 2 ? ids[t] : -100;
        }
    }
    engine_batch_init(b, ids, labels, offsets, nseq);
}

#endif
