/* SPDX-License-Identifier: Apache-2.0 */
/* test_gpt2.c - what the files and the config of a GPT-2 may say, and what is chosen, counted and saved. */
#include <unistd.h>

#include "harness/checkpoint/adapter.h"
#include "harness/checkpoint/checkpoint.h"
#include "tests/golden/golden.h"
#include "tests/fixture.h"

#define MODEL "tests/golden/gpt2_tiny"

/* ---- folders of other forms ---------------------------------------------------------------------------- */

/* The tiny model with other config fields (JSON text) and, if `bare`, tensor names of GPT2Model. */
static void write_folder(const char *over, bool bare) {
    struct modelfile *f;
    struct err e = {0};
    if (modelfile_open(&f, MODEL, &e)) fail_msg("%s", e.msg);
    json_t *config = json_deep_copy(modelfile_config(f)), *o = json_loads(over, 0, NULL);
    assert_non_null(o);
    json_object_update(config, o);
    char *path = path_join(dir, "config.json"), *weights = path_join(dir, "model.safetensors");
    assert_int_equal(json_dump_file(config, path, 0), 0);
    int n = modelfile_count(f);
    struct tensor_out *t = xcalloc((size_t)n, sizeof *t);
    for (int i = 0; i < n; i++) {
        const struct tensor *x = modelfile_at(f, i);
        t[i] = (struct tensor_out){.name = x->name + (bare ? strlen("transformer.") : 0),
                                   .dtype = x->dtype,
                                   .ndim = x->ndim,
                                   .data = x->data};
        memcpy(t[i].shape, x->shape, sizeof x->shape);
    }
    if (safetensors_write(weights, t, n, NULL, &e)) fail_msg("%s", e.msg);
    free(t), free(path), free(weights);
    json_decref(config), json_decref(o);
    modelfile_close(f);
}

static double loss_of(const char *folder) {
    struct golden gold;
    struct engine g;
    golden_open(&gold, "gpt2", "full");
    engine_open(&g, folder, "none", NULL, 1, 0, false);
    double loss = engine_loss(&g, &gold.batch, false, NULL);
    engine_batch_release(&gold.batch);
    modelfile_close(gold.f);
    engine_close(&g);
    return loss;
}

static void names_without_the_prefix_and_another_word_for_gelu_are_the_same_model(void **state) {
    (void)state;
    double want = loss_of(MODEL);
    write_folder("{\"activation_function\": \"gelu_pytorch_tanh\", \"n_inner\": 80, "
                 "\"reorder_and_upcast_attn\": true}",
                 true);
    double got = loss_of(dir);
    assert_memory_equal(&got, &want, sizeof got);
}

/* The three losses are transformers' own, of the same folder with these fields. */
static void scales_of_the_scores_follow_the_config(void **state) {
    (void)state;
    static const struct {
        const char *over;
        double loss;
    } cases[] = {{"{\"scale_attn_weights\": false}", 6.86175585},
                 {"{\"scale_attn_by_inverse_layer_idx\": true}", 6.76286507},
                 {"{\"scale_attn_weights\": false, \"scale_attn_by_inverse_layer_idx\": true}", 6.82681322}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_folder(cases[i].over, false);
        double d = fabs(loss_of(dir) - cases[i].loss) / cases[i].loss;
        if (d > TOL) fail_msg("%s: %g off", cases[i].over, d);
    }
}

static void fields_that_are_not_implemented_are_refused_by_name(void **state) {
    (void)state;
    static const struct {
        const char *over, *named;
    } cases[] = {{"{\"activation_function\": \"relu\"}", "'activation_function'"},
                 {"{\"activation_function\": \"gelu\"}", "'activation_function'"},
                 {"{\"add_cross_attention\": true}", "'add_cross_attention'"},
                 {"{\"quantization_config\": {\"bits\": 4}}", "'quantization_config'"},
                 {"{\"scale_attn_weights\": 1}", "'scale_attn_weights'"},
                 {"{\"n_head\": 3}", "'n_head'"},
                 {"{\"n_inner\": 79}", "'transformer.h.0.mlp.c_fc.weight'"},
                 {"{\"n_layer\": 3}", "'transformer.h.2.ln_1.weight'"},
                 {"{\"n_embd\": -1}", "'n_embd'"},
                 {"{\"n_positions\": 49}", "'transformer.wpe.weight'"},
                 {"{\"tie_word_embeddings\": false}", "'lm_head.weight'"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        struct mem m;
        struct net net;
        struct modelfile *f;
        void *model = NULL;
        write_folder(cases[i].over, false);
        assert_int_equal(modelfile_open(&f, dir, &e), 0);
        json_t *config = engine_config("none", NULL);
        mem_init(&m, false, 0);
        struct team *t = team_new(&m, 1);
        net_init(&net, &m, t, config, 0, false);
        const struct model *gpt2 = model_of(f, &e);
        assert_string_equal(gpt2->name, "gpt2");
        assert_int_equal(gpt2->build(&net, f, &model, &e), ERR_USER);
        if (!strstr(e.msg, cases[i].named) || !strstr(e.msg, dir)) fail_msg("%s: %s", cases[i].over, e.msg);
        net_release(&net);
        team_free(t);
        json_decref(config);
        modelfile_close(f);
    }
}

/* ---- what is chosen, counted, saved -------------------------------------------------------------------- */

static int adapted_by(const char *target, size_t *trainable) {
    struct engine g;
    char over[128];
    snprintf(over, sizeof over, "{\"target_modules\": %s}", target);
    engine_open(&g, MODEL, "lora", over, 1, 0, true);
    int n = 0;
    for (int i = 0; i < g.net.nsites; i++) n += g.net.sites[i]->adapted;
    *trainable = net_trainable(&g.net);
    engine_close(&g);
    return n;
}

static void presets_and_names_choose_conv1d_layers_as_peft_does(void **state) {
    (void)state;
    size_t n;
    assert_int_equal(adapted_by("\"all-linear\"", &n), 8);
    assert_int_equal(n, 2 * 4 * (20 + 60 + 20 + 20 + 20 + 80 + 80 + 20));
    assert_int_equal(adapted_by("\"attention\"", &n), 4);
    assert_int_equal(n, 2 * 4 * (20 + 60 + 20 + 20));
    assert_int_equal(adapted_by("\"mlp\"", &n), 4);
    assert_int_equal(adapted_by("\"c_attn\"", &n), 2);
    assert_int_equal(n, 2 * 4 * (20 + 60)); /* one site with d_out = 3 d */
    assert_int_equal(adapted_by("\"c_proj\"", &n), 4);
    assert_int_equal(adapted_by("\"mlp.c_proj\"", &n), 2);
    assert_int_equal(adapted_by("{\"modules\": \"attention\", \"layers\": \"1\"}", &n), 2);
}

static size_t trained_by(const char *method) {
    struct engine g;
    engine_open(&g, MODEL, method, NULL, 1, 0, true);
    size_t n = net_trainable(&g.net);
    engine_close(&g);
    return n;
}

static void bitfit_and_norms_train_their_vectors_and_no_others(void **state) {
    (void)state;
    assert_int_equal(trained_by("bitfit"), 2 * (60 + 20 + 80 + 20 + 2 * 20) + 20);
    assert_int_equal(trained_by("norms"), 2 * 4 * 20 + 2 * 20);
}

static json_t *saved_config(const char *method, const char *over, struct modelfile **f) {
    struct engine g;
    struct err e = {0};
    struct adapter_saved saved;
    engine_open(&g, MODEL, method, over, 1, 0, false);
    if (adapter_save(&g.net, dir, "openai-community/gpt2", "CAUSAL_LM", &saved, &e)) fail_msg("%s", e.msg);
    engine_close(&g);
    char *path = path_join(dir, "adapter_config.json"),
         *tensors = path_join(dir, "adapter_model.safetensors");
    json_t *c = json_load_file(path, 0, NULL);
    assert_non_null(c);
    assert_int_equal(modelfile_open(f, tensors, &e), 0);
    free(path), free(tensors);
    return c;
}

static void saved_adapters_say_fan_in_fan_out_and_have_pefts_shapes(void **state) {
    (void)state;
    struct modelfile *f;
    json_t *c = saved_config("lora", "{\"target_modules\": [\"c_attn\", \"mlp.c_proj\"]}", &f);
    assert_true(json_is_true(json_object_get(c, "fan_in_fan_out")));
    assert_int_equal(json_array_size(json_object_get(c, "target_modules")),
                     4); /* not all of kind c_proj: full names */
    assert_string_equal(json_string_value(json_array_get(json_object_get(c, "target_modules"), 0)),
                        "transformer.h.0.attn.c_attn");
    const struct tensor *a = modelfile_find(f, "base_model.model.transformer.h.1.attn.c_attn.lora_A.weight");
    const struct tensor *b = modelfile_find(f, "base_model.model.transformer.h.1.attn.c_attn.lora_B.weight");
    assert_true(a && a->shape[0] == 4 && a->shape[1] == 20);
    assert_true(b && b->shape[0] == 60 && b->shape[1] == 4);
    assert_int_equal(modelfile_count(f), 8);
    modelfile_close(f);
    json_decref(c);
}

static void bitfit_is_saved_under_the_names_of_the_model(void **state) {
    (void)state;
    struct modelfile *f;
    json_t *c = saved_config("bitfit", NULL, &f);
    assert_string_equal(json_string_value(json_object_get(c, "method")), "bitfit");
    assert_null(json_object_get(c, "peft_type"));
    assert_null(json_object_get(c, "target_modules"));
    const struct tensor *b = modelfile_find(f, "transformer.h.1.attn.c_attn.bias");
    assert_true(b && b->ndim == 1 && b->shape[0] == 60);
    assert_non_null(modelfile_find(f, "transformer.ln_f.bias"));
    assert_int_equal(modelfile_count(f), 13);
    modelfile_close(f);
    json_decref(c);
}

/* Every tensor of the saved model has the name, the shape and, here where no step was made, the bytes of the
 * file. */
static void a_saved_model_has_the_layout_of_the_file(void **state) {
    (void)state;
    struct engine g;
    struct err e = {0};
    struct checkpoint_saved saved;
    char folder[64], *tokenizer = path_join(dir, "tokenizer.json"), *config = path_join(dir, "config.json");
    write_folder("{}", false);
    assert_int_equal(file_write(tokenizer, "{}", 2, &e), 0); /* goes along unread */
    engine_open(&g, dir, "full", NULL, 1, 0, false);
    snprintf(folder, sizeof folder, "%s/saved", dir);
    if (checkpoint_save(&g.net, g.model, g.state, g.file, folder, &saved, &e)) fail_msg("%s", e.msg);
    engine_close(&g);
    struct modelfile *a, *b;
    assert_int_equal(modelfile_open(&a, MODEL, &e), 0);
    assert_int_equal(modelfile_open(&b, folder, &e), 0);
    assert_int_equal(modelfile_count(a), modelfile_count(b));
    for (int i = 0; i < modelfile_count(a); i++) {
        const struct tensor *x = modelfile_at(a, i), *y = modelfile_find(b, x->name);
        if (!y) fail_msg("%s is not there", x->name);
        assert_int_equal(x->ndim, y->ndim);
        assert_memory_equal(x->shape, y->shape, (size_t)x->ndim * sizeof *x->shape);
        assert_memory_equal(x->data, y->data, x->bytes);
    }
    modelfile_close(a), modelfile_close(b);
    free(tokenizer), free(config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_without_the_prefix_and_another_word_for_gelu_are_the_same_model),
        cmocka_unit_test(scales_of_the_scores_follow_the_config),
        cmocka_unit_test(fields_that_are_not_implemented_are_refused_by_name),
        cmocka_unit_test(presets_and_names_choose_conv1d_layers_as_peft_does),
        cmocka_unit_test(bitfit_and_norms_train_their_vectors_and_no_others),
        cmocka_unit_test(saved_adapters_say_fan_in_fan_out_and_have_pefts_shapes),
        cmocka_unit_test(bitfit_is_saved_under_the_names_of_the_model),
        cmocka_unit_test(a_saved_model_has_the_layout_of_the_file),
    };
    return cmocka_run_group_tests_name("gpt2 against PyTorch + PEFT", tests, make_dir, remove_dir);
}
