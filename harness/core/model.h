/* SPDX-License-Identifier: Apache-2.0 */
/* model.h - what a model architecture is: building parameters and sites, a forward and a backward pass.
 *
 * What a model reads are packed micro-batches (batch.h): token ids, or numbers. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include <stdint.h>

#include "harness/core/batch.h"
#include "harness/core/net.h"
#include "harness/nn/format/gguf_write.h"
#include "harness/nn/format/modelfile.h"

/* What generation keeps of sequences, so that a new token costs a pass over that token alone: the
 * architecture's own. */
struct kv;

/* The tokens that end a text; a model may have several (an end of text, an end of turn). */
enum { ENDS_MOST = 16 };
struct ends {
    int32_t id[ENDS_MOST];
    int n;
};
static inline bool ends_has(const struct ends *x, int32_t id) {
    for (int i = 0; i < x->n; i++)
        if (x->id[i] == id) return true;
    return false;
}

/* What transformers' class for sequence classification of an architecture has between the hidden states and
 * its
 * output layer. */
enum class_kind {
    CLASS_LAST,   /* the last token, output layer score.weight */
    CLASS_POOLER, /* the first token, a layer of the model's own file, tanh; classifier.weight and .bias */
    CLASS_DENSE,  /* the first token, classifier.dense, tanh, classifier.out_proj: all of them new */
    CLASS_NONE,   /* a pooler that the file lacks: there the class would draw one at random */
};

struct model_facts {
    int hidden, layers;
    int d_in;          /* 0: a token is an id below vocab, and the model has a tokenizer; else d_in numbers */
    int vocab;         /* 0 with d_in */
    int max_positions; /* longest sequence the model was made for */
    int types;         /* token types that it tells apart; 0: it has none */
    int bos_id;        /* -1: none */
    struct ends ends;
    bool causal; /* a token sees those before it alone; false: an encoder, which has no head */
    enum class_kind class_head;
    struct param *head;      /* [vocab, hidden]; the embedding itself when tied; NULL: none */
    struct param *head_bias; /* or NULL */
};

struct model {
    const char *name, *summary;
    bool (*match)(const struct modelfile *f);
    /* config.json of tiny instances, up to NULL: one for each way in which this architecture is built (tied
     * and untied heads, ...), of two layers and TINY_VOCAB tokens. The batteries of tests/methods run on each
     * (experiments/models/tiny.h). */
    const char *const *tiny;
    /* Declare parameters and sites in net: called by net_add_model. *ret: the architecture's state, freed by
     * `free`; on error nothing is left of it. A config field that changes the computation and is not
     * implemented is refused by name. */
    int (*build)(struct net *net, const struct modelfile *f, void **ret, struct err *e);
    void (*free)(void *state);
    void (*facts)(const void *state, struct model_facts *f);
    /* The model as a config.json of `transformers`, but for the type of its weights: for files that hold
     * none. NULL hook: this architecture has no such form. Caller decrefs. */
    json_t *(*hf_config)(const void *state);
    /* The model in llama.cpp's terms. gguf_meta: its metadata, general.architecture first, without the
     * tokenizer; an error names what GGUF cannot say. gguf_name: what the parameter of this name is called
     * there, in name[size], and the order of its rows (weight.h; 0: as here); false: there is no such tensor.
     * NULL hooks: no such form. */
    int (*gguf_meta)(const void *state, struct gguf_out *o, struct err *e);
    bool (*gguf_name)(const void *state, const char *param, char *name, size_t size, int *rope_heads);
    /* Of CLASS_POOLER: declare that layer of file `f`, before net_bind: a site, which methods may adapt. NULL
     * with e filled: it is damaged. NULL hook: of the other kinds. */
    struct site *(*pooler)(void *state, struct net *net, const struct modelfile *f, struct err *e);
    /* Once after net_bind: what must be kept follows from what trains. */
    void (*bound)(void *state, struct net *net);
    /* Reserve the memory of one pass on net->tape: kept for backward (train) or not. Touches nothing. */
    void (*layout)(void *state, struct net *net, int np, bool train);
    /* The hidden states after the last norm: panels of `hidden` features, on the tape. */
    const float *(*forward)(void *state, struct net *net, const struct batch *b);
    /* dh: gradient of those; used up. After a forward whose layout had train = true. */
    void (*backward)(void *state, struct net *net, const struct batch *b, float *dh);
    /* Generation; NULL hooks: this architecture has none. kv_new: room for `sequences` sequences of at most
     * capacity[s] tokens each (within max_positions and what the net was built for), counted as scratch.
     * extend: ids[i], for i in [0, n), n >= 1, goes on after the tokens that kv holds of sequence[i] (NULL:
     * of sequence 0); several of one sequence in their order. Resets net->tape and returns the hidden states
     * as forward does, valid until the next pass; in counting mode it reserves the pass's memory and returns
     * NULL. Forward passes only: net must not be between a forward and its backward. */
    struct kv *(*kv_new)(void *state, struct net *net, const int *capacity, int sequences);
    void (*kv_free)(struct kv *kv); /* accepts NULL */
    const float *(*extend)(void *state, struct net *net, struct kv *kv, const int *sequence,
                           const int32_t *ids, int n);
};

/* The end token that training puts behind a text: the tokenizer's where it is one of the model's, else the
 * model's first; -1: none. */
static inline int model_end(const struct model_facts *f, const struct tokenizer *tok) {
    int own = tokenizer_eos(tok);
    return !f->ends.n || ends_has(&f->ends, own) ? own : f->ends.id[0];
}
/* What generation stops at: any of the model's, else the tokenizer's own. */
static inline struct ends model_stops(const struct model_facts *f, const struct tokenizer *tok) {
    int own = tokenizer_eos(tok);
    return f->ends.n ? f->ends : (struct ends){.id = {own}, .n = own >= 0};
}
/* A model on a net: what a task drives. */
struct task_net {
    struct net *net;
    const struct model *model;
    void *model_state;
    struct model_facts facts;
};
/* Build the model of file f on the net; what `ret` names stays the net's: net_bind says what trains
 * (`bound`), net_release frees it. Before net_bind; f outlives the net. `scope`: what the names of its
 * parameters and sites begin with ("image."), so that a net may hold several; NULL: nothing. Its memory is
 * counted, its sites are adapted and its tensors saved with all others. */
int net_add_model(struct net *net, const struct model *model, const struct modelfile *f, const char *scope,
                  struct task_net *ret, struct err *e);

/* The registry, in models.def order; NULL-terminated. */
extern const struct model *const model_list[];
/* The architecture of an opened file, or an error that names what the file says it is. */
const struct model *model_of(const struct modelfile *f, struct err *e);

#endif
