/* SPDX-License-Identifier: Apache-2.0 */
/* test_bert.c - a tiny BERT and a tiny RoBERTa against PyTorch + PEFT, and what their files and configs may
 * say.
 *
 * make_golden_bert.py wrote the files and documents them. Tolerance 1e-5 (golden.h). */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/adapter_util.h"
#include "harness/checkpoint/checkpoint.h"
#include "tests/golden/golden.h"
#include "tests/fixture.h"

#define BERT    "tests/golden/bert_tiny"
#define ROBERTA "tests/golden/roberta_tiny"

/* ---- parity -------------------------------------------------------------------------------------------- */

/* Every token but the first of a sequence is a label. */
static void open_case(struct golden *g, const char *model, const char *name) {
    struct err e = {0};
    size_t n = 0, n_offsets = 0;
    char path[128];
    snprintf(path, sizeof path, "tests/golden/golden_%s_%s.safetensors", model, name);
    if (modelfile_open(&g->f, path, &e)) fail_msg("%s", e.msg);
    int *ids = ints(g->f, "input_ids", &n), *labels = ints(g->f, "input_ids", &n),
        *offsets = ints(g->f, "offsets", &n_offsets);
    for (size_t i = 0; i + 1 < n_offsets; i++) labels[offsets[i]] = -100;
    engine_batch_init(&g->batch, ids, labels, offsets, (int)n_offsets - 1);
    free(ids), free(labels), free(offsets);
}

/* The name of a parameter in the bare model, as the golden files have it. */
static const char *bare(const struct engine *g, const char *name) {
    static char text[192];
    bool adapter = !strncmp(name, HEAD_PREFIX, strlen(HEAD_PREFIX));
    if (adapter) name += strlen(HEAD_PREFIX);
    assert_int_equal(strncmp(name, g->net.backbone, strlen(g->net.backbone)), 0);
    snprintf(text, sizeof text, "%s%s", adapter ? HEAD_PREFIX : "", name + strlen(g->net.backbone));
    return text;
}

static void load_start(struct engine *g, const struct golden *gold) {
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        if (!p->site) continue;
        size_t n = 0;
        char *name = xasprintf("init.%s", bare(g, p->name));
        float *v = values(gold->f, name, &n);
        if (!v) fail_msg("no %s", name);
        assert_int_equal(n, param_size(p));
        memcpy(p->value, v, n * sizeof *v);
        free(v), free(name);
    }
}

/* All hidden states and the gradient of every trained tensor; as many as that must be there. */
static void matches(const char *folder, const char *model, const char *name, const char *method,
                    int gradients) {
    struct golden gold;
    struct engine g;
    open_case(&gold, model, name);
    engine_open(&g, folder, method, NULL, 2, 0, false);
    load_start(&g, &gold);
    size_t n = 0, nd = 0;
    float *want = values(gold.f, "hidden", &n), *dhidden = values(gold.f, "dhidden", &nd),
          *got = malloc(n * sizeof *got);
    assert_true(n == nd && n == (size_t)gold.batch.b.n * (size_t)g.facts.hidden);
    engine_encoder_pass(&g, &gold.batch, true, 1, got, dhidden);
    double d = difference(got, want, n);
    if (d > TOL) fail_msg("%s %s: hidden states differ by %g", model, name, d);
    int checked = 0;
    for (int i = 0; i < g.net.nparams; i++) {
        struct param *p = g.net.params[i];
        if (!p->grad) continue;
        char *key = xasprintf("grad.%s", bare(&g, p->name));
        float *v = values(gold.f, key, &n);
        if (!v) fail_msg("%s %s: no %s", model, name, key);
        assert_int_equal(n, param_size(p));
        d = difference(p->grad, v, n);
        /* The bias of a key moves all scores of a query alike: its gradient is nothing but rounding. */
        if (strstr(key, "key.bias"))
            for (size_t k = 0; k < n; k++) assert_true(fabsf(p->grad[k]) < 1e-4f && fabsf(v[k]) < 1e-4f);
        else if (d > TOL)
            fail_msg("%s %s: gradient of %s differs by %g", model, name, p->name, d);
        free(v), free(key);
        checked++;
    }
    assert_int_equal(checked, gradients);
    free(want), free(dhidden), free(got);
    engine_batch_release(&gold.batch);
    modelfile_close(gold.f);
    engine_close(&g);
}

static void bert_full_matches_pytorch(void **s) { (void)s, matches(BERT, "bert", "full", "full", 37); }
static void bert_lora_matches_pytorch(void **s) { (void)s, matches(BERT, "bert", "lora", "lora", 24); }
static void roberta_full_matches_pytorch(void **s) {
    (void)s, matches(ROBERTA, "roberta", "full", "full", 37);
}
static void roberta_lora_matches_pytorch(void **s) {
    (void)s, matches(ROBERTA, "roberta", "lora", "lora", 24);
}

/* What all tokens of type 1 give is what all of type 0 give over a table whose two rows have changed places;
 * and the gradient is row 1's. */
static void token_types_of_a_batch_choose_rows_of_their_table(void **state) {
    (void)state;
    struct golden gold;
    struct engine g;
    open_case(&gold, "bert", "full");
    engine_open(&g, BERT, "full", NULL, 1, 0, false);
    assert_int_equal(g.facts.types, 2);
    size_t lanes = (size_t)gold.batch.b.np * PANEL, n = (size_t)gold.batch.b.n * (size_t)g.facts.hidden;
    int32_t *ones = xcalloc(lanes, sizeof *ones);
    float *want = xmalloc(n * sizeof *want), *got = xmalloc(n * sizeof *got);
    struct param *table = net_find_param(&g.net, "bert.embeddings.token_type_embeddings.weight");
    size_t D = (size_t)table->cols;
    for (int i = 0; i < gold.batch.b.n; i++) ones[i] = 1;
    gold.batch.b.types = ones;
    net_zero_grad(&g.net);
    engine_encoder_pass(&g, &gold.batch, true, 1, want, NULL);
    float first = 0, second = 0;
    for (size_t f = 0; f < D; f++) {
        first += fabsf(table->grad[f]), second += fabsf(table->grad[D + f]);
        float x = table->value[f];
        table->value[f] = table->value[D + f];
        table->value[D + f] = x;
    }
    assert_true(first == 0 && second > 0);
    gold.batch.b.types = NULL;
    engine_encoder_pass(&g, &gold.batch, true, 1, got, NULL);
    assert_memory_equal(got, want, n * sizeof *got);
    free(ones), free(want), free(got);
    engine_batch_release(&gold.batch);
    modelfile_close(gold.f);
    engine_close(&g);
}

static void an_encoder_says_that_it_has_no_head(void **state) {
    (void)state;
    struct engine g;
    engine_open(&g, ROBERTA, "none", NULL, 1, 0, true);
    assert_null(g.facts.head);
    assert_false(g.facts.causal);
    assert_int_equal(g.facts.max_positions, 64);
    assert_int_equal(g.facts.hidden, 20);
    assert_null(g.model->kv_new);
    engine_close(&g);
}

/* ---- folders of other forms ---------------------------------------------------------------------------- */

/* The tiny BERT with other config fields (JSON text); `names`: those of an old file, with the prefix, gamma
 * and beta. */
static void write_folder(const char *from, const char *over, bool names) {
    struct modelfile *f;
    struct err e = {0};
    if (modelfile_open(&f, from, &e)) fail_msg("%s", e.msg);
    json_t *config = json_deep_copy(modelfile_config(f)), *o = json_loads(over, 0, NULL);
    assert_non_null(o);
    json_object_update(config, o);
    char *path = path_join(dir, "config.json"), *weights = path_join(dir, "model.safetensors");
    assert_int_equal(json_dump_file(config, path, 0), 0);
    int n = modelfile_count(f);
    struct tensor_out *t = xcalloc((size_t)n, sizeof *t);
    for (int i = 0; i < n; i++) {
        const struct tensor *x = modelfile_at(f, i);
        char *name = xasprintf("%s%s", names ? "bert." : "", x->name), *norm = strstr(name, "LayerNorm.");
        if (names && norm) strcpy(norm + strlen("LayerNorm."), strstr(norm, ".weight") ? "gamma" : "beta");
        t[i] = (struct tensor_out){.name = name, .dtype = x->dtype, .ndim = x->ndim, .data = x->data};
        memcpy(t[i].shape, x->shape, sizeof x->shape);
    }
    if (safetensors_write(weights, t, n, NULL, &e)) fail_msg("%s", e.msg);
    for (int i = 0; i < n; i++) free((char *)t[i].name);
    free(t), free(path), free(weights);
    json_decref(config), json_decref(o);
    modelfile_close(f);
}

static double loss_of(const char *folder) {
    struct golden gold;
    struct engine g;
    open_case(&gold, "bert", "full");
    engine_open(&g, folder, "none", NULL, 1, 0, false);
    double loss = engine_loss(&g, &gold.batch, false, NULL);
    engine_batch_release(&gold.batch);
    modelfile_close(gold.f);
    engine_close(&g);
    return loss;
}

static void names_of_old_files_are_the_same_model(void **state) {
    (void)state;
    double want = loss_of(BERT);
    write_folder(BERT, "{\"hidden_act\": \"gelu_python\", \"position_embedding_type\": \"absolute\"}", true);
    double got = loss_of(dir);
    assert_memory_equal(&got, &want, sizeof got);
    write_folder(BERT, "{\"hidden_act\": \"gelu_new\"}", false);
    got = loss_of(dir);
    assert_true(got != want && fabs(got - want) < 1e-2 * want);
}

static void fields_that_are_not_implemented_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *from, *over, *named;
    } cases[] = {
        {BERT, "{\"hidden_act\": \"relu\"}", "'hidden_act'"},
        {BERT, "{\"position_embedding_type\": \"relative_key\"}", "'position_embedding_type'"},
        {BERT, "{\"is_decoder\": true}", "'is_decoder'"},
        {BERT, "{\"add_cross_attention\": true}", "'add_cross_attention'"},
        {BERT, "{\"quantization_config\": {\"bits\": 4}}", "'quantization_config'"},
        {BERT, "{\"pruned_heads\": {\"0\": [1]}}", "'pruned_heads'"},
        {BERT, "{\"num_attention_heads\": 5}", "'num_attention_heads'"},
        {BERT, "{\"num_hidden_layers\": 3}", "'bert.encoder.layer.2.attention.self.query.weight'"},
        {BERT, "{\"intermediate_size\": 41}", "'encoder.layer.0.intermediate.dense.weight'"},
        {BERT, "{\"type_vocab_size\": 3}", "'embeddings.token_type_embeddings.weight'"},
        {BERT, "{\"hidden_size\": -1}", "'hidden_size'"},
        {ROBERTA, "{\"max_position_embeddings\": 2}", "'max_position_embeddings'"},
        {ROBERTA, "{\"max_position_embeddings\": 67}", "'roberta.embeddings.position_embeddings.weight'"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        struct mem m;
        struct net net;
        struct modelfile *f;
        void *model = NULL;
        write_folder(cases[i].from, cases[i].over, false);
        assert_int_equal(modelfile_open(&f, dir, &e), 0);
        json_t *config = engine_config("none", NULL);
        mem_init(&m, false, 0);
        struct team *t = team_new(&m, 1);
        net_init(&net, &m, t, config, 0, false);
        const struct model *found = model_of(f, &e);
        assert_non_null(found);
        assert_int_equal(found->build(&net, f, &model, &e), ERR_USER);
        if (!strstr(e.msg, cases[i].named) || !strstr(e.msg, dir)) fail_msg("%s: %s", cases[i].over, e.msg);
        net_release(&net);
        team_free(t);
        json_decref(config);
        modelfile_close(f);
    }
}

/* ---- what is chosen, counted, saved -------------------------------------------------------------------- */

static int adapted_by(const char *target) {
    struct engine g;
    char over[128];
    snprintf(over, sizeof over, "{\"target_modules\": %s}", target);
    engine_open(&g, BERT, "lora", over, 1, 0, true);
    int n = 0;
    for (int i = 0; i < g.net.nsites; i++) n += g.net.sites[i]->adapted;
    engine_close(&g);
    return n;
}

static void presets_and_names_choose_layers_as_peft_does(void **state) {
    (void)state;
    assert_int_equal(adapted_by("\"all-linear\""), 12);
    assert_int_equal(adapted_by("\"attention\""), 8);
    assert_int_equal(adapted_by("\"mlp\""), 4);
    assert_int_equal(adapted_by("[\"query\", \"value\"]"), 4);
    assert_int_equal(adapted_by("\"dense\""), 6);
    assert_int_equal(adapted_by("\"output.dense\""), 4); /* of the attention as well: a suffix */
    assert_int_equal(adapted_by("\"attention.output.dense\""), 2);
    assert_int_equal(adapted_by("\"intermediate.dense\""), 2);
    assert_int_equal(adapted_by("{\"modules\": \"attention\", \"layers\": \"1\"}"), 4);
}

static size_t trained_by(const char *method) {
    struct engine g;
    engine_open(&g, BERT, method, NULL, 1, 0, true);
    size_t n = net_trainable(&g.net);
    engine_close(&g);
    return n;
}

static void full_bitfit_and_norms_train_what_their_names_say(void **state) {
    (void)state;
    enum { D = 24, F = 40, BIASES = 2 * (4 * D + F + D), NORMS = (1 + 2 * 2) * 2 * D };
    assert_int_equal(trained_by("norms"), NORMS);
    assert_int_equal(trained_by("bitfit"), BIASES + NORMS / 2);
    assert_int_equal(trained_by("full"), (97 + 64 + 2) * D + NORMS + BIASES + 2 * (4 * D * D + 2 * D * F));
}

static json_t *save_lora(const char *target, const char *task_type, struct modelfile **f) {
    struct engine g;
    struct err e = {0};
    struct adapter_saved saved;
    char over[128];
    snprintf(over, sizeof over, "{\"target_modules\": %s}", target);
    engine_open(&g, BERT, "lora", over, 1, 0, false);
    if (adapter_save(&g.net, dir, "a/bert", task_type, &saved, &e)) fail_msg("%s", e.msg);
    engine_close(&g);
    char *path = path_join(dir, "adapter_config.json"),
         *tensors = path_join(dir, "adapter_model.safetensors");
    json_t *c = json_load_file(path, 0, NULL);
    assert_int_equal(modelfile_open(f, tensors, &e), 0);
    struct stat st;
    assert_int_equal(stat(tensors, &st), 0);
    assert_int_equal(saved.file_bytes, st.st_size);
    free(path), free(tensors);
    return c;
}

/* PEFT wraps the bare model where hidden states alone are wanted, else the class with a head: the names
 * differ. */
static void adapters_have_the_names_of_the_class_that_peft_wraps(void **state) {
    (void)state;
    struct modelfile *f;
    json_t *c = save_lora("[\"query\", \"output.dense\"]", "FEATURE_EXTRACTION", &f);
    assert_non_null(modelfile_find(f, "base_model.model.encoder.layer.1.attention.self.query.lora_A.weight"));
    assert_int_equal(modelfile_count(f), 12);
    modelfile_close(f), json_decref(c);
    c = save_lora("[\"query\", \"output.dense\"]", "SEQ_CLS", &f);
    assert_non_null(
        modelfile_find(f, "base_model.model.bert.encoder.layer.1.attention.self.query.lora_A.weight"));
    modelfile_close(f), json_decref(c);
    c = save_lora("{\"modules\": \"key\", \"layers\": 1}", "FEATURE_EXTRACTION", &f);
    assert_string_equal(json_string_value(json_array_get(json_object_get(c, "target_modules"), 0)),
                        "encoder.layer.1.attention.self.key");
    modelfile_close(f), json_decref(c);
}

/* "output.dense" would match the attention's as well. */
static void a_name_that_peft_would_match_more_with_is_not_written_short(void **state) {
    (void)state;
    struct modelfile *f;
    json_t *c = save_lora("\"layers.?.output.dense\"", "FEATURE_EXTRACTION", &f);
    const json_t *targets = json_object_get(c, "target_modules");
    assert_int_equal(json_array_size(targets), 2);
    assert_string_equal(json_string_value(json_array_get(targets, 0)), "encoder.layer.0.output.dense");
    modelfile_close(f), json_decref(c);
}

static void saved_adapters_load_again_under_either_name(void **state) {
    (void)state;
    static const char *const types[] = {"FEATURE_EXTRACTION", "SEQ_CLS"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct modelfile *f;
        struct engine g;
        struct err e = {0};
        json_decref(save_lora("\"all-linear\"", types[i], &f));
        engine_open(&g, BERT, "lora", NULL, 1, 5, false);
        if (adapter_load_from(&g.net, g.file, dir, &e)) fail_msg("%s", e.msg);
        for (int k = 0; k < g.net.nparams; k++) {
            const struct param *p = g.net.params[k];
            if (!p->site) continue;
            const struct tensor *t = modelfile_find(f, i ? p->name : bare(&g, p->name));
            assert_memory_equal(p->value, t->data, t->bytes);
        }
        engine_close(&g);
        modelfile_close(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bert_full_matches_pytorch),
        cmocka_unit_test(bert_lora_matches_pytorch),
        cmocka_unit_test(roberta_full_matches_pytorch),
        cmocka_unit_test(roberta_lora_matches_pytorch),
        cmocka_unit_test(token_types_of_a_batch_choose_rows_of_their_table),
        cmocka_unit_test(an_encoder_says_that_it_has_no_head),
        cmocka_unit_test(names_of_old_files_are_the_same_model),
        cmocka_unit_test(fields_that_are_not_implemented_are_refused_by_name),
        cmocka_unit_test(presets_and_names_choose_layers_as_peft_does),
        cmocka_unit_test(full_bitfit_and_norms_train_what_their_names_say),
        cmocka_unit_test(adapters_have_the_names_of_the_class_that_peft_wraps),
        cmocka_unit_test(a_name_that_peft_would_match_more_with_is_not_written_short),
        cmocka_unit_test(saved_adapters_load_again_under_either_name),
    };
    return cmocka_run_group_tests_name("BERT and RoBERTa against PyTorch + PEFT", tests, make_dir,
                                       remove_dir);
}
