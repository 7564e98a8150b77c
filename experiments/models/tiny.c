/* SPDX-License-Identifier: Apache-2.0 */
/* tiny.c - see tiny.h.
 *
 * The architecture is built in counting mode from a draft: a configuration to which reader_param adds every
 * tensor that is asked for. Matrices are uniform with standard deviation 1/sqrt(columns), norms 1 +- 0.1,
 * biases 0 +- 0.1: every tensor matters, and nothing explodes. The tokenizer is byte-level BPE without
 * merges. */
#include "experiments/models/tiny.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

/* ---- tokenizer ----------------------------------------------------------------------------------------- */

static const char *const special[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

/* GPT-2's printable stand-in for a byte: itself, or the next of the characters from 256 on. */
static char *byte_text(int byte) {
    int code = 256;
    for (int b = 0; b <= byte; b++) {
        bool plain = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
        if (b == byte && plain) code = b;
        if (b < byte && !plain) code++;
    }
    return code < 128 ? xasprintf("%c", code) : xasprintf("%c%c", 0xC0 | code >> 6, 0x80 | (code & 0x3F));
}

static json_t *make_tokenizer(void) {
    json_t *vocab = json_object(), *added = json_array();
    for (int i = 0; i < (int)ARRAY_LEN(special); i++) {
        json_object_set_new(vocab, special[i], json_integer(i));
        json_array_append_new(added, json_pack("{si,ss,sb,sb,sb,sb,sb}", "id", i, "content", special[i],
                                               "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                                               "special", 1));
    }
    for (int b = 0; b < 256; b++) {
        char *text = byte_text(b);
        json_object_set_new(vocab, text, json_integer((int)ARRAY_LEN(special) + b));
        free(text);
    }
    json_t *bytes = json_pack("{ss,sb,sb,sb}", "type", "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1,
                              "use_regex", 1);
    return json_pack("{ss,sn,sn,so,sn,sO,sn,so,s{ss,sn,sn,sn,sn,sb,sb,sb,so,s[]}}", "version", "1.0",
                     "truncation", "padding", "added_tokens", added, "normalizer", "pre_tokenizer", bytes,
                     "post_processor", "decoder", bytes, "model", "type", "BPE", "dropout", "unk_token",
                     "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0,
                     "ignore_merges", 0, "vocab", vocab, "merges");
}

/* ---- files --------------------------------------------------------------------------------------------- */

/* Takes the object. */
static int write_json(const char *dir, const char *name, json_t *o, struct err *e) {
    char *path = path_join(dir, name), *text = json_dumps(o, JSON_INDENT(1));
    int rc = file_write(path, text, strlen(text), e);
    free(text);
    free(path);
    json_decref(o);
    return rc;
}

static float *draw_values(const struct tensor *t, size_t n) {
    float *v = xcalloc(n, sizeof *v);
    bool bias = str_ends_with(t->name, "bias");
    double columns = (double)t->shape[t->ndim - 1];
    rng_fill_uniform(rng_make(17, t->name, 0), v, n, t->ndim == 1 ? 0.1f : (float)sqrt(3 / columns));
    for (size_t i = 0; i < n && t->ndim == 1 && !bias; i++) v[i] += 1;
    return v;
}

static int write_weights(const struct modelfile *draft, const char *dir, struct err *e) {
    int n = modelfile_count(draft);
    struct tensor_out *t = xcalloc((size_t)n, sizeof *t);
    float **values = xcalloc((size_t)n, sizeof *values);
    for (int i = 0; i < n; i++) {
        const struct tensor *x = modelfile_at(draft, i);
        values[i] = draw_values(x, (size_t)x->shape[0] * (size_t)(x->ndim == 2 ? x->shape[1] : 1));
        t[i] = (struct tensor_out){.name = x->name, .dtype = DT_F32, .ndim = x->ndim, .data = values[i]};
        memcpy(t[i].shape, x->shape, sizeof x->shape);
    }
    char *path = path_join(dir, "model.safetensors");
    int rc = safetensors_write(path, t, n, NULL, e);
    for (int i = 0; i < n; i++) free(values[i]);
    free(path);
    free(values);
    free(t);
    return rc;
}

/* Ask the architecture for its tensors. */
static int build_draft(const struct model *model, const struct modelfile *draft, struct err *e) {
    struct mem mem;
    struct net net;
    struct task_net tn;
    json_t *config = json_pack("{s{si}}", "train", "max_length", 2);
    mem_init(&mem, true, 0);
    struct team *team = team_new(&mem, 1);
    net_init(&net, &mem, team, config, 0, false);
    int rc = net_add_model(&net, model, draft, NULL, &tn, e);
    net_release(&net);
    team_free(team);
    json_decref(config);
    return rc;
}

int tiny_write(const struct model *model, int which, const char *dir, struct err *e) {
    json_t *config = json_loads(model->tiny[which], 0, NULL);
    BUG_ON(!config, "model %s: its tiny configuration %d is no JSON", model->name, which);
    struct modelfile *draft = modelfile_draft(dir, config);
    int rc = build_draft(model, draft, e);
    if (!rc) rc = dir_make(dir, e);
    if (!rc) rc = write_weights(draft, dir, e);
    modelfile_close(draft);
    if (!rc) rc = write_json(dir, "config.json", json_incref(config), e);
    if (!rc) rc = write_json(dir, "tokenizer.json", make_tokenizer(), e);
    if (!rc)
        rc = write_json(dir, "tokenizer_config.json",
                        json_pack("{ss,ss,ss}", "tokenizer_class", "PreTrainedTokenizerFast", "bos_token",
                                  special[1], "eos_token", special[2]),
                        e);
    json_decref(config);
    return rc;
}
