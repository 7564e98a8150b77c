/* SPDX-License-Identifier: Apache-2.0 */
/* battery.h - the two lists that the batteries run over: every method of the registry (a new one by being in
 * methods.def), some with an option of theirs, on every architecture of models.def, in each of its tiny
 * instances. BATTERY_METHOD=name: that method alone. BATTERY_MODEL=name: that architecture alone.
 */
#ifndef BENCH_TESTS_BATTERY_H
#define BENCH_TESTS_BATTERY_H

#include <unistd.h>

#include "experiments/models/tiny.h"
#include "harness/core/task.h"
#include "tests/engine.h"

/* ---- architectures ------------------------------------------------------------------------------------- */

struct arch {
    const struct model *model; /* NULL: behind the last */
    char name[32];             /* "llama 2": its second instance */
    char *folder;              /* a tiny model with a tokenizer */
    const char *task;          /* of whole runs */
};
enum { ARCHS = 64 };
static struct arch arch_made[ARCHS + 1];
static const struct arch *arch; /* the one at work */
static char arch_dir[] = "/tmp/bench-battery-XXXXXX";

static void remove_archs(void) {
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", arch_dir);
    if (system(cmd)) fprintf(stderr, "%s failed\n", cmd);
    for (struct arch *a = arch_made; a->model; a++) free(a->folder);
}

/* The task that a tiny model is for: language where it has a head for that. */
static const char *task_of(const char *folder) {
    struct engine g;
    engine_open(&g, folder, method_base()->name, NULL, 1, 7, true);
    const char *task = g.facts.head ? "lm" : "classify";
    engine_close(&g);
    return task;
}

static inline const struct arch *arch_list(void) {
    const char *only = getenv("BATTERY_MODEL");
    struct err e = {0};
    int n = 0;
    if (arch_made[0].model) return arch_made;
    if (!mkdtemp(arch_dir)) fail_msg("%s", arch_dir);
    atexit(remove_archs);
    for (const struct model *const *m = model_list; *m; m++) {
        if (!(*m)->tiny || !(*m)->tiny[0]) fail_msg("model %s has no tiny instance", (*m)->name);
        for (int k = 0; (*m)->tiny[k] && (!only || !strcmp(only, (*m)->name)); k++) {
            struct arch *a = &arch_made[n++];
            assert_true(n <= ARCHS);
            a->model = *m;
            snprintf(a->name, sizeof a->name, k ? "%s %d" : "%s", (*m)->name, k + 1);
            a->folder = xasprintf("%s/%s.%d", arch_dir, (*m)->name, k);
            if (tiny_write(*m, k, a->folder, &e)) fail_msg("%s: %s", a->name, e.msg);
            a->task = task_of(a->folder);
        }
    }
    if (!n) fail_msg("no model %s", only);
    return arch_made;
}

/* Some methods or architectures alone: what only others have need not be met. */
static inline bool is_part(void) { return getenv("BATTERY_METHOD") || getenv("BATTERY_MODEL"); }

/* On each of them. */
#define EACH_ARCH for (arch = arch_list(); arch->model; arch++)

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
    engine_open(g, arch->folder, a->m->name, a->over, threads, 7, counting);
}

static inline void open_base(struct engine *g, bool counting) {
    engine_open(g, arch->folder, method_base()->name, NULL, 1, 7, counting);
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
    EACH_ARCH                                                                                                \
    for (const struct arm *a = arm_list(); a->m; a++)                                                        \
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
            ids[t] = (t * 37 + s * 11) % 97; /* of any vocabulary */
            labels[t] = t > offsets[s] + 2 ? ids[t] : -100;
        }
    }
    engine_batch_init(b, ids, labels, offsets, nseq);
}

#endif
