/* SPDX-License-Identifier: Apache-2.0 */
/* test_embed.c - texts to vectors and back: what folders say, batches, gradients, memory. */
#include <unistd.h>

#include "harness/core/embed.h"
#include "tests/encoder_folder.h"
#include "tests/engine.h"
#include "tests/fixture.h"

/* An engine with an embedder over it. */
struct setup {
    struct engine g;
    struct task_net tn;
    struct tokenizer *tok;
    struct embedder *E;
};

static void open_setup(struct setup *s, const char *method, const char *over, const struct embed_options *o,
                       bool counting) {
    static const struct embed_options none = {.normalize = -1};
    struct err e = {0};
    engine_open(&s->g, dir, method, over, 2, 7, counting);
    if (modelfile_tokenizer(s->g.file, &s->tok, &e)) fail_msg("%s", e.msg);
    if (embedder_open(&s->E, dir, s->tok, &s->g.facts, o ? o : &none, &s->g.mem, &e)) fail_msg("%s", e.msg);
    s->tn = (struct task_net){
        .net = &s->g.net, .model = s->g.model, .model_state = s->g.state, .facts = s->g.facts};
}

static void close_setup(struct setup *s) {
    embedder_close(s->E);
    tokenizer_free(s->tok);
    engine_close(&s->g);
}

static struct embed_text *text_of(struct setup *s, const char *prompt, const char *text) {
    struct err e = {0};
    struct embed_text *t = embedder_text_new(s->E, prompt, text, strlen(text), false, &e);
    if (!t) fail_msg("%s", e.msg);
    return t;
}

enum { TEXTS = 5, D = 24 };
static const char *const texts[TEXTS] = {"The cat sat on a red dog.", "ice",
                                         "hot sun, blue cats sitting on the ice! 12 dogs", "", "a-b"};

/* The vectors of texts[order[0..n)] in one batch; drows (may be NULL): their gradient goes back. */
static float *run(struct setup *s, const int *order, int n, enum embed_pass pass, const float *drows) {
    struct embed_text *t[TEXTS];
    int64_t rows[TEXTS];
    for (int i = 0; i < n; i++) {
        t[i] = text_of(s, NULL, texts[order[i]]);
        rows[i] = order[i];
    }
    struct embed_batch *b = embedder_batch_new(s->E, (const struct embed_text *const *)t, rows, n);
    for (int i = 0; i < n; i++) embedder_text_free(s->E, t[i]); /* the batch has its own copy */
    arena_reset(&s->g.net.tape);
    embedder_layout(s->E, &s->tn, b, pass);
    float *out = xcalloc((size_t)(n * D), sizeof *out);
    if (!s->g.mem.counting) {
        memcpy(out, embedder_forward(s->E, &s->tn, b), (size_t)(n * D) * sizeof *out);
        if (pass == EMBED_TRAIN) net_zero_grad(&s->g.net);
        if (pass == EMBED_TRAIN) embedder_backward(s->E, &s->tn, b, drows);
    }
    embedder_batch_free(s->E, b);
    return out;
}

/* ---- what a folder says -------------------------------------------------------------------------------- */

static void a_folder_says_how_texts_become_vectors(void **state) {
    (void)state;
    struct setup s;
    encoder_folder(dir);
    open_setup(&s, "none", NULL, NULL, false);
    assert_string_equal(embedder_pooling(s.E), "mean");
    assert_true(embedder_normalizes(s.E));
    assert_int_equal(embedder_max_length(s.E), 16);
    assert_int_equal(embedder_dim(s.E), D);
    assert_string_equal(embedder_prompt(s.E, "query"), "red ");
    assert_string_equal(embedder_prompt(s.E, "document"), "blue "); /* "passage" stands in */
    assert_string_equal(embedder_prompt(s.E, NULL), "");
    assert_false(embedder_has_prompt(s.E, "summary"));
    close_setup(&s);
    encoder_put(dir, "1_Pooling/config.json",
                "{\"embedding_dimension\": 24, \"pooling_mode\": [\"lasttoken\"], \"include_prompt\": true}");
    encoder_put(dir, "modules.json", MODULES("Pooling", ""));
    encoder_put(
        dir, "sentence_bert_config.json",
        "{\"transformer_task\": \"feature-extraction\", \"module_output_name\": \"token_embeddings\"}");
    encoder_put(dir, "config_sentence_transformers.json",
                "{\"prompts\": {\"a\": \"hot \"}, \"default_prompt_name\": \"a\"}");
    open_setup(&s, "none", NULL, NULL, false);
    assert_string_equal(embedder_pooling(s.E), "last");
    assert_false(embedder_normalizes(s.E));
    assert_int_equal(embedder_max_length(s.E), 64); /* tokenizer_config.json's */
    assert_string_equal(embedder_prompt(s.E, NULL), "hot ");
    assert_string_equal(embedder_prompt(s.E, "query"), "hot ");
    close_setup(&s);
    static const struct embed_options over = {.pooling = "max", .normalize = 1, .max_length = 9};
    open_setup(&s, "none", NULL, &over, false);
    assert_string_equal(embedder_pooling(s.E), "max");
    assert_true(embedder_normalizes(s.E));
    assert_int_equal(embedder_max_length(s.E), 9);
    close_setup(&s);
}

static void a_plain_encoder_pools_by_the_mean(void **state) {
    (void)state;
    struct setup s;
    encoder_folder(dir);
    encoder_put(dir, "modules.json", NULL);
    open_setup(&s, "none", NULL, NULL, false);
    assert_string_equal(embedder_pooling(s.E), "mean");
    assert_false(embedder_normalizes(s.E));
    close_setup(&s);
}

static void what_a_folder_says_and_is_not_implemented_is_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *file, *text, *says;
    } cases[] = {
        {"1_Pooling/config.json", "{\"pooling_mode_weightedmean_tokens\": true}",
         "'pooling_mode_weightedmean_tokens' is not implemented"},
        {"1_Pooling/config.json", "{\"pooling_mode\": \"mean_sqrt_len_tokens\"}",
         "'mean_sqrt_len_tokens' is not implemented"},
        {"1_Pooling/config.json", "{\"pooling_mode_cls_token\": true, \"pooling_mode_max_tokens\": true}",
         "several modes"},
        {"1_Pooling/config.json", "{\"pooling_mode\": [\"cls\", \"max\"]}", "several modes"},
        {"1_Pooling/config.json", "{\"pooling_mode\": 3}", "bad value for 'pooling_mode'"},
        {"1_Pooling/config.json", "{\"pooling_mode\": \"mean\", \"include_prompt\": false}",
         "include_prompt"},
        {"1_Pooling/config.json", "{\"pooling_mode\": \"mean\", \"embedding_dimension\": 25}",
         "pooling is of 25 numbers, the model has 24"},
        {"1_Pooling/config.json", "{\"pooling_mode_cls_token\": 1}", "neither true nor false"},
        {"1_Pooling/config.json", "{", "config.json:1: not valid JSON"},
        {"1_Pooling/config.json", NULL, "1_Pooling/config.json: missing"},
        {"modules.json", MODULES("Dense", ""), "the module 'Dense'"},
        {"modules.json", MODULES("Normalize", ""), "'Normalize'"},
        {"modules.json",
         MODULES("Pooling", ", {\"path\": \"2_Dense\", \"type\": \"sentence_transformers.models.Dense\"}"),
         "the module 'Dense'"},
        {"modules.json", "[{\"path\": \"0_T\", \"type\": \"x.Transformer\"}]", "a folder below, in '0_T'"},
        {"modules.json", "[{\"path\": \"../x\", \"type\": \"x.Transformer\"}]", "leaves the folder"},
        {"modules.json", "[{\"path\": \"\", \"type\": \"x.Transformer\"}]", "names no Pooling"},
        {"modules.json", "{}", "holds no JSON list"},
        {"sentence_bert_config.json", "{\"max_seq_length\": -3}", "'max_seq_length'"},
        {"sentence_bert_config.json", "{\"max_seq_length\": 2}", "leaves no room for words"},
        {"sentence_bert_config.json", "{\"transformer_task\": \"fill-mask\"}", "'fill-mask'"},
        {"sentence_bert_config.json", "{\"do_lower_case\": \"no\"}", "'do_lower_case'"},
        {"1_Pooling/config.json", "{\"pooling_mode\": \"mean\", \"weights\": 1}",
         "the unknown field 'weights'"},
        {"2_Normalize/config.json", "{\"module_input_name\": \"token_embeddings\"}", "'token_embeddings'"},
        {"2_Normalize/config.json", "{\"p\": 1}", "the unknown field 'p'"},
        {"modules.json", "[{\"path\": \"\", \"type\": \"x.Transformer\", \"when\": 1}]",
         "the unknown field 'when'"},
        {"sentence_bert_config.json", "{\"query_length\": 8}", "the field 'query_length'"},
        {"sentence_bert_config.json", "{\"tokenizer_args\": {\"padding_side\": \"left\"}}",
         "'tokenizer_args'"},
        {"sentence_bert_config.json", "{\"window\": 8}", "the unknown field 'window'"},
        {"sentence_bert_config.json",
         "{\"modality_config\": {\"text\": {\"method\": \"forward\", \"method_output_name\": "
         "\"pooler_output\"}}}",
         "'method_output_name'"},
        {"config_sentence_transformers.json", "{\"similarity_fn_name\": \"maxsim\"}", "'maxsim'"},
        {"config_sentence_transformers.json", "{\"truncate_dim\": 8}", "the field 'truncate_dim'"},
        {"config_sentence_transformers.json", "{\"model_type\": \"SparseEncoder\"}", "'SparseEncoder'"},
        {"config_sentence_transformers.json", "{\"scale\": 2}", "the unknown field 'scale'"},
        {"config_sentence_transformers.json", "{\"prompts\": {\"query\": 1}}", "'query'"},
        {"config_sentence_transformers.json", "{\"prompts\": {}, \"default_prompt_name\": \"q\"}", "'q'"},
    };
    char *normalize = path_join(dir, "2_Normalize");
    mkdir(normalize, 0777);
    free(normalize);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct engine g;
        struct tokenizer *tok;
        struct embedder *E;
        struct err e = {0};
        const struct embed_options o = {.normalize = -1};
        encoder_folder(dir);
        encoder_put(dir, cases[i].file, cases[i].text);
        engine_open(&g, dir, "none", NULL, 1, 0, true);
        assert_int_equal(modelfile_tokenizer(g.file, &tok, &e), 0);
        assert_int_equal(embedder_open(&E, dir, tok, &g.facts, &o, &g.mem, &e), ERR_USER);
        assert_null(E);
        if (!strstr(e.msg, cases[i].says) || !strstr(e.msg, dir)) fail_msg("%s: %s", cases[i].text, e.msg);
        tokenizer_free(tok);
        engine_close(&g);
        encoder_put(dir, "2_Normalize/config.json", NULL);
    }
}

/* What is told of vectors and scores by the folder. Caller frees. */
static char *told_by_folder(const struct setup *s) {
    return xasprintf("%s %s %d %d '%s' '%s'", embedder_similarity(s->E), embedder_pooling(s->E),
                     embedder_normalizes(s->E), embedder_max_length(s->E), embedder_prompt(s->E, "query"),
                     embedder_prompt(s->E, NULL));
}

/* NULL where the folder is refused: e. */
static char *open_folder(struct err *e) {
    struct setup s;
    const struct embed_options o = {.normalize = -1};
    engine_open(&s.g, dir, "none", NULL, 1, 0, true);
    assert_int_equal(modelfile_tokenizer(s.g.file, &s.tok, e), 0);
    char *told = embedder_open(&s.E, dir, s.tok, &s.g.facts, &o, &s.g.mem, e) ? NULL : told_by_folder(&s);
    embedder_close(s.E);
    tokenizer_free(s.tok);
    engine_close(&s.g);
    return told;
}

/* A field of tests/unit/sentence_fields.txt by itself: it changes what is told, or is refused by its name or
 * value; or it is one that changes nothing. */
static void try_field(const char *file, const char *key, const char *value, const char *plain) {
    static const char *const idle[] = {
        "unpad_inputs", "__version__", "requirements", "pooling_mode_mean_tokens", /* that is so already */
        "do_lower_case" /* changes tokens: do_lower_case_lowers_before_a_tokenizer_that_keeps_case */};
    const char *base =
        strstr(file, "Pooling") && !strstr(key, "pooling_mode") ? "\"pooling_mode\": \"mean\", "
        : strstr(file, "config_sentence") ? "\"prompts\": {\"query\": \"red \", \"passage\": \"blue \"}, "
        : !strcmp(file, "sentence_bert_config.json") ? "\"max_seq_length\": 16, "
                                                     : "";
    bool changes = true;
    for (size_t i = 0; i < ARRAY_LEN(idle); i++) changes &= strcmp(idle[i], key) != 0;
    struct err e = {0};
    char *text = xasprintf("{%s\"%s\": %s}", base, key, value),
         *word = xstrndup(value + (*value == '"'), strcspn(value + 1, "\"}"));
    encoder_folder(dir);
    encoder_put(dir, file, text);
    char *told = open_folder(&e);
    if (told && changes == !strcmp(told, plain)) fail_msg("%s: %s: taken, and %s", file, text, told);
    if (!told && !strstr(e.msg, key) && !strstr(e.msg, word)) fail_msg("%s: %s: %s", file, text, e.msg);
    encoder_put(dir, "2_Normalize/config.json", NULL);
    free(told), free(text), free(word);
}

static void every_field_of_a_folder_is_used_or_refused_by_name(void **state) {
    (void)state;
    char *normalize = path_join(dir, "2_Normalize"), *save = NULL;
    struct strbuf b = {0};
    struct err e = {0};
    int fields = 0;
    mkdir(normalize, 0777);
    free(normalize);
    encoder_folder(dir);
    char *plain = open_folder(&e);
    assert_non_null(plain);
    assert_int_equal(file_read("tests/unit/sentence_fields.txt", 1 << 20, &b, &e), 0);
    for (char *line = strtok_r(b.s, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *key = strchr(line, '\t'), *value = key ? strchr(key + 1, '\t') : NULL;
        if (*line == '#' || !value) continue;
        *key = *value = '\0';
        try_field(line, key + 1, value + 1, plain);
        fields++;
    }
    assert_true(fields > 30);
    strbuf_release(&b);
    free(plain);
}

/* As sentence-transformers 6 writes a folder; and a length limit under an older name. */
static void newer_and_older_folders_are_read(void **state) {
    (void)state;
    struct setup s;
    encoder_folder(dir);
    encoder_put(dir, "1_Pooling/config.json",
                "{\"embedding_dimension\": 24, \"pooling_mode\": \"mean\", \"include_prompt\": true}");
    char *normalize = path_join(dir, "2_Normalize");
    mkdir(normalize, 0777);
    encoder_put(normalize, "config.json",
                "{\"module_input_name\": \"sentence_embedding\", \"module_output_name\": "
                "\"sentence_embedding\"}");
    encoder_put(dir, "sentence_bert_config.json",
                "{\"transformer_task\": \"feature-extraction\", \"modality_config\": {\"text\": {\"method\": "
                "\"forward\", \"method_output_name\": \"last_hidden_state\"}}, \"module_output_name\": "
                "\"token_embeddings\", \"query_length\": null, \"processing_kwargs\": {}}");
    encoder_put(dir, "config_sentence_transformers.json",
                "{\"__version__\": {}, \"default_prompt_name\": null, \"model_type\": "
                "\"SentenceTransformer\", \"prompts\": {\"query\": \"\"}, \"similarity_fn_name\": \"dot\"}");
    open_setup(&s, "none", NULL, NULL, false);
    assert_string_equal(embedder_similarity(s.E), "dot");
    assert_int_equal(embedder_max_length(s.E), 64);
    close_setup(&s);
    encoder_put(dir, "sentence_bert_config.json", NULL);
    encoder_put(dir, "sentence_roberta_config.json", "{\"max_seq_length\": 9}");
    encoder_put(dir, "config_sentence_transformers.json", "{\"similarity_fn_name\": null}");
    open_setup(&s, "none", NULL, NULL, false);
    assert_string_equal(embedder_similarity(s.E), "cosine");
    assert_int_equal(embedder_max_length(s.E), 9);
    close_setup(&s);
    encoder_put(dir, "sentence_roberta_config.json", NULL);
    encoder_put(normalize, "config.json", NULL);
    free(normalize);
}

/* ---- texts --------------------------------------------------------------------------------------------- */

static void texts_get_their_tokens_and_are_cut_at_the_limit(void **state) {
    (void)state;
    struct setup s;
    encoder_folder(dir);
    open_setup(&s, "none", NULL, NULL, false);
    int cls = tokenizer_id(s.tok, "[CLS]"), sep = tokenizer_id(s.tok, "[SEP]"), a = tokenizer_id(s.tok, "a");
    struct embed_text *t = text_of(&s, NULL, "a a");
    assert_true(t->n == 4 && !t->cut && t->ids[0] == cls && t->ids[1] == a && t->ids[3] == sep);
    embedder_text_free(s.E, t);
    t = text_of(&s, NULL, "");
    assert_true(t->n == 2 && !t->cut);
    embedder_text_free(s.E, t);
    t = text_of(&s, NULL, "a a a a a a a a a a a a a a"); /* fourteen fit */
    assert_true(t->n == 16 && !t->cut);
    embedder_text_free(s.E, t);
    t = text_of(&s, "a ", "a a a a a a a a a a a a a a");
    assert_true(t->n == 16 && t->cut && t->ids[15] == sep && t->ids[14] == a);
    embedder_text_free(s.E, t);
    assert_int_equal(s.g.mem.live[MEM_DATA], 0);
    close_setup(&s);
}

static void do_lower_case_lowers_before_a_tokenizer_that_keeps_case(void **state) {
    (void)state;
    struct setup s;
    encoder_folder(dir);
    encoder_put(dir, "tokenizer_config.json", "{\"do_lower_case\": false}");
    open_setup(&s, "none", NULL, NULL, false);
    struct embed_text *t = text_of(&s, NULL, "CAT");
    assert_int_equal(t->ids[1], tokenizer_id(s.tok, "[UNK]"));
    embedder_text_free(s.E, t);
    close_setup(&s);
    encoder_put(dir, "sentence_bert_config.json", "{\"do_lower_case\": true}");
    open_setup(&s, "none", NULL, NULL, false);
    t = text_of(&s, NULL, "CAT");
    assert_int_equal(t->ids[1], tokenizer_id(s.tok, "cat"));
    embedder_text_free(s.E, t);
    close_setup(&s);
}

/* ---- passes -------------------------------------------------------------------------------------------- */

static double gap(const float *a, const float *b, int n) {
    double d = 0;
    for (int i = 0; i < n; i++) d = fmax(d, fabs((double)a[i] - (double)b[i]));
    return d;
}

/* Against the hidden states of a pass over each text alone. */
static void vectors_are_pooled_hidden_states_whatever_shares_the_batch(void **state) {
    (void)state;
    struct setup s;
    static const int order[] = {2, 0, 3, 1, 4}, alone[TEXTS][1] = {{0}, {1}, {2}, {3}, {4}};
    encoder_folder(dir);
    open_setup(&s, "none", NULL, NULL, false);
    float *all = run(&s, order, TEXTS, EMBED_SCORE, NULL);
    for (int i = 0; i < TEXTS; i++) {
        float *one = run(&s, alone[order[i]], 1, EMBED_SCORE, NULL), want[D] = {0};
        assert_true(gap(one, all + i * D, D) < 1e-6);
        struct embed_text *t = text_of(&s, NULL, texts[order[i]]);
        int ids[16], labels[16], offsets[] = {0, t->n};
        struct engine_batch b;
        for (int k = 0; k < t->n; k++) ids[k] = t->ids[k], labels[k] = k ? 1 : -100;
        engine_batch_init(&b, ids, labels, offsets, 1);
        float *hidden = xcalloc((size_t)(t->n * D), sizeof *hidden);
        engine_encoder_pass(&s.g, &b, false, 1, hidden, NULL);
        double length = 0;
        for (int f = 0; f < D; f++) {
            for (int k = 0; k < t->n; k++) want[f] += hidden[k * D + f] / (float)t->n;
            length += (double)want[f] * (double)want[f];
        }
        for (int f = 0; f < D; f++) want[f] = (float)((double)want[f] / sqrt(length));
        assert_true(gap(one, want, D) < 1e-6);
        engine_batch_release(&b);
        embedder_text_free(s.E, t);
        free(one), free(hidden);
    }
    free(all);
    close_setup(&s);
}

/* For every pooling: the loss sum(c * vectors) moves as the gradient says when a tensor moves along it. */
static void gradients_reach_the_parameters_through_pooling_and_length(void **state) {
    (void)state;
    static const char *const poolings[] = {"mean", "cls", "last", "max"};
    static const int order[] = {0, 1, 2, 3, 4};
    encoder_folder(dir);
    for (int k = 0; k < 8; k++) {
        struct setup s;
        const struct embed_options o = {.pooling = poolings[k / 2], .normalize = k % 2};
        float c[TEXTS * D];
        open_setup(&s, "full", NULL, &o, false);
        for (int i = 0; i < TEXTS * D; i++) c[i] = rng_uniform(rng_make(3, "c", 0), (uint64_t)i) - 0.5f;
        free(run(&s, order, TEXTS, EMBED_TRAIN, c));
        for (int i = 0; i < s.g.net.nparams; i++) {
            struct param *p = s.g.net.params[i];
            double norm = 0, loss[2] = {0}, h = 2e-3;
            for (size_t j = 0; j < param_size(p); j++) norm += (double)p->grad[j] * (double)p->grad[j];
            norm = sqrt(norm);
            if (norm < 1e-2) continue;
            float *keep = xmalloc(param_size(p) * sizeof *keep),
                  *grad = xmalloc(param_size(p) * sizeof *grad);
            memcpy(keep, p->value, param_size(p) * sizeof *keep);
            memcpy(grad, p->grad, param_size(p) * sizeof *grad);
            for (int side = 0; side < 2; side++) {
                for (size_t j = 0; j < param_size(p); j++)
                    p->value[j] = keep[j] + (float)((side ? -h : h) * (double)grad[j] / norm);
                float *y = run(&s, order, TEXTS, EMBED_SCORE, NULL);
                for (int j = 0; j < TEXTS * D; j++) loss[side] += (double)c[j] * (double)y[j];
                free(y);
            }
            memcpy(p->value, keep, param_size(p) * sizeof *keep);
            double off = fabs((loss[0] - loss[1]) / (2 * h) / norm - 1);
            /* a step may change which token is the largest */
            if (off > (k / 2 == 3 ? 0.1 : 1e-2))
                fail_msg("%s %d: %s is off by %g", o.pooling, o.normalize, p->name, off);
            free(keep), free(grad);
        }
        close_setup(&s);
    }
}

/* A first pass without backward draws what the second, with it, will draw; scoring draws nothing. */
static void a_rehearsal_drops_what_the_training_pass_drops(void **state) {
    (void)state;
    struct setup s;
    static const int order[] = {0, 1, 2, 3, 4}, back[] = {4, 3, 2, 1, 0};
    float zeros[TEXTS * D] = {0};
    encoder_folder(dir);
    open_setup(&s, "lora", "{\"lora_dropout\": 0.5}", NULL, false);
    for (int i = 0; i < s.g.net.nparams; i++) {
        struct param *p = s.g.net.params[i];
        for (size_t k = 0; p->site && k < param_size(p); k++)
            p->value[k] = 0.5f * (rng_uniform(rng_make(5, p->name, 0), k) - 0.5f);
    }
    float *score = run(&s, order, TEXTS, EMBED_SCORE, NULL),
          *rehearsed = run(&s, order, TEXTS, EMBED_REHEARSE, NULL),
          *trained = run(&s, order, TEXTS, EMBED_TRAIN, zeros),
          *reversed = run(&s, back, TEXTS, EMBED_REHEARSE, NULL);
    assert_memory_equal(rehearsed, trained, TEXTS * D * sizeof *trained);
    assert_true(gap(score, trained, TEXTS * D) > 1e-3);
    for (int i = 0; i < TEXTS; i++)
        assert_true(gap(rehearsed + i * D, reversed + (TEXTS - 1 - i) * D, D) < 1e-6);
    free(score), free(rehearsed), free(trained), free(reversed);
    close_setup(&s);
}

static void counting_predicts_every_byte(void **state) {
    (void)state;
    static const int order[] = {0, 1, 2, 3, 4};
    static const char *const poolings[] = {"mean", "max"};
    float d[TEXTS * D] = {0};
    encoder_folder(dir);
    for (int k = 0; k < 2; k++) {
        struct setup s[2];
        const struct embed_options o = {.pooling = poolings[k], .normalize = -1};
        for (int i = 0; i < 2; i++) {
            open_setup(&s[i], "lora", NULL, &o, i == 0);
            free(run(&s[i], order, TEXTS, EMBED_SCORE, NULL));
            free(run(&s[i], order, TEXTS, EMBED_TRAIN, d));
        }
        assert_memory_equal(s[0].g.mem.peak, s[1].g.mem.peak, sizeof s[0].g.mem.peak);
        assert_int_equal(s[0].g.mem.total_peak, s[1].g.mem.total_peak);
        close_setup(&s[0]), close_setup(&s[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_says_how_texts_become_vectors),
        cmocka_unit_test(a_plain_encoder_pools_by_the_mean),
        cmocka_unit_test(what_a_folder_says_and_is_not_implemented_is_refused_by_name),
        cmocka_unit_test(every_field_of_a_folder_is_used_or_refused_by_name),
        cmocka_unit_test(newer_and_older_folders_are_read),
        cmocka_unit_test(texts_get_their_tokens_and_are_cut_at_the_limit),
        cmocka_unit_test(do_lower_case_lowers_before_a_tokenizer_that_keeps_case),
        cmocka_unit_test(vectors_are_pooled_hidden_states_whatever_shares_the_batch),
        cmocka_unit_test(gradients_reach_the_parameters_through_pooling_and_length),
        cmocka_unit_test(a_rehearsal_drops_what_the_training_pass_drops),
        cmocka_unit_test(counting_predicts_every_byte),
    };
    return cmocka_run_group_tests_name("texts to vectors", tests, make_dir, remove_dir);
}
