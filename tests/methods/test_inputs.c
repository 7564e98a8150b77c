/* SPDX-License-Identifier: Apache-2.0 */
/* test_inputs.c - models whose tokens are no ids, tasks without a tokenizer, and two models on one net, over
 * every method of the registry: a registry of architectures and tasks of its own (pictures.h). */
#include "tests/unit/adapter_util.h"
#include "harness/infer/infer.h"
#include "harness/train/train.h"
#include "tests/encoder_folder.h"
#include "tests/methods/pictures.h"

extern const struct model model_bert;
const struct model *const model_list[] = {&model_patches, &model_bert, NULL};
const struct task *const task_list[] = {&task_pictures, &task_captions, NULL};

const struct model *model_of(const struct modelfile *f, struct err *e) {
    for (int i = 0; model_list[i]; i++)
        if (model_list[i]->match(f)) return model_list[i];
    err_set(e, ERR_USER, "%s: neither", modelfile_path(f));
    return NULL;
}

const struct task *task_find(const char *name) {
    for (int i = 0; task_list[i]; i++)
        if (!strcmp(task_list[i]->name, name)) return task_list[i];
    return NULL;
}

/* ---- files --------------------------------------------------------------------------------------------- */

static char dir[] = "/tmp/bench-inputs-XXXXXX";
enum { ROWS = 24, D = 24, WIDTH = 40 };

static int make_patches(const char *folder) {
    static const struct {
        const char *name;
        int rows, cols;
    } shape[] = {{"project.weight", WIDTH, PATCH},
                 {"project.bias", 0, WIDTH},
                 {"mix.weight", D, WIDTH},
                 {"mix.bias", 0, D}};
    struct tensor_out t[ARRAY_LEN(shape)];
    float *v[ARRAY_LEN(shape)];
    struct err e = {0};
    char *weights = path_join(folder, "model.safetensors"), *config = path_join(folder, "config.json"),
         *text = xasprintf("{\"model_type\": \"patches\", \"patch\": %d, \"hidden\": %d, \"width\": %d}\n",
                           PATCH, D, WIDTH);
    int rc = dir_make(folder, &e);
    for (size_t i = 0; i < ARRAY_LEN(shape); i++) {
        int rows = shape[i].rows, cols = shape[i].cols;
        size_t n = (size_t)(rows ? rows : 1) * (size_t)cols;
        v[i] = xcalloc(n, sizeof *v[i]);
        rng_fill_uniform(rng_make(5, shape[i].name, 0), v[i], n, 1 / sqrtf((float)cols));
        t[i] =
            (struct tensor_out){.name = shape[i].name, .dtype = DT_F32, .ndim = rows ? 2 : 1, .data = v[i]};
        t[i].shape[0] = rows ? rows : cols;
        t[i].shape[1] = cols;
    }
    if (!rc) rc = safetensors_write(weights, t, ARRAY_LEN(shape), NULL, &e);
    if (!rc) rc = file_write(config, text, strlen(text), &e);
    for (size_t i = 0; i < ARRAY_LEN(shape); i++) free(v[i]);
    free(weights), free(config), free(text);
    return rc;
}

/* Pictures of three to twelve patches: stripes along the row or across it. */
static int make_rows(void) {
    struct strbuf rows = {0};
    struct err e = {0};
    int rc = 0;
    for (int i = 0; i < ROWS && !rc; i++) {
        unsigned char bytes[12 * PATCH];
        char *name = xasprintf("%s/picture%d", dir, i);
        int n = 3 * (i % 4 + 1) * PATCH;
        for (int k = 0; k < n; k++)
            bytes[k] = (unsigned char)(((i % 2 ? k / 4 : k) + i) % 2 ? 230 - i : 20 + i);
        rc = file_write(name, bytes, (size_t)n, &e);
        strbuf_addf(&rows, "{\"file\": \"picture%d\", \"class\": %d, \"text\": \"the %s %s\"}\n", i, i % 2,
                    i % 2 ? "cat on a dog" : "sun on the ice", i % 3 ? "is red" : "");
        free(name);
    }
    char *path = path_join(dir, "rows.jsonl");
    if (!rc) rc = file_write(path, rows.s, rows.len, &e);
    free(path);
    strbuf_release(&rows);
    return rc;
}

static int make_files(void **state) {
    (void)state;
    if (!mkdtemp(dir)) return -1;
    char *patches = path_join(dir, "patches"), *bert = path_join(dir, "bert");
    int rc = make_patches(patches) || make_rows() || mkdir(bert, 0777);
    if (!rc) encoder_plain(bert);
    free(patches), free(bert);
    return rc;
}

static int remove_files(void **state) {
    (void)state;
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return system(cmd);
}

static void set_path(json_t *c, const char *key, const char *name) {
    char *path = path_join(dir, name);
    cfg_set(c, key, json_string(path));
    free(path);
}

static json_t *config_of(const struct task *task, const struct method *m) {
    json_t *c = infer_config(task->name, m->name);
    cfg_set(c, "model", json_string("tiny"));
    set_path(c, "model_path", task->texts ? "bert" : "patches");
    set_path(c, "image_model", "patches");
    set_path(c, "data.train", "rows.jsonl");
    set_path(c, "data.eval", "rows.jsonl");
    cfg_set(c, "data.image", json_string("{file}"));
    cfg_set(c, task->texts ? "data.text" : "data.label", json_string(task->texts ? "{text}" : "{class}"));
    cfg_set(c, "r", json_integer(4));
    cfg_set(c, "train.steps", json_integer(12));
    cfg_set(c, "train.lr", json_real(1e-2));
    cfg_set(c, "train.max_length", json_integer(32));
    return c;
}

/* Every method on both tasks; some with dropout. */
#define EACH(task, m)                                                                                        \
    for (const struct task *const *t_ = task_list; *t_; t_++)                                                \
        for (const struct method *const *m_ = method_list; *m_; m_++)                                        \
            for (const struct task *task = *t_; task; task = NULL)                                           \
                for (const struct method *m = fits(*t_, *m_) ? *m_ : NULL; m; m = NULL)

/* The patches have no norms. */
static bool fits(const struct task *task, const struct method *m) {
    return task->texts || strcmp(m->name, "norms") != 0;
}

/* ---- runs ---------------------------------------------------------------------------------------------- */

struct told {
    double first, last;
};

static void on_metric(void *arg, const char *key, long step, double value) {
    struct told *t = arg;
    if (strcmp(key, "train/loss") != 0) return;
    if (step == 0) t->first = value;
    t->last = value;
}

static struct train_result run_of(json_t *c, int threads, const char *out, struct told *told) {
    struct train_job job = {
        .config = c, .seed = 3, .threads = threads, .save = out ? "adapter" : "none", .out_dir = out};
    struct train_result res, plan;
    struct err e = {0};
    if (train_run(&job, &(struct train_report){.arg = told, .metric = on_metric}, &res, &e) ||
        train_plan(&job, &plan, &e))
        fail_msg("%s %s: %s", cfg_str(c, "task"), cfg_str(c, "method"), e.msg);
    assert_int_equal(res.state, RUN_COMPLETE);
    if (res.peak_bytes != plan.peak_bytes_predicted)
        fail_msg("%s %s: %zu bytes measured, %zu predicted", cfg_str(c, "task"), cfg_str(c, "method"),
                 res.peak_bytes, plan.peak_bytes_predicted);
    return res;
}

static void every_method_trains_on_pictures_and_on_two_towers_within_its_plan(void **state) {
    (void)state;
    EACH(task, m) {
        json_t *c = config_of(task, m);
        struct told one = {0}, many = {0};
        if (cfg_get(c, "lora_dropout") && !strncmp(m->name, "lora", 4))
            cfg_set(c, "lora_dropout", json_real(0.2));
        struct train_result a = run_of(c, 1, NULL, &one), b = run_of(c, 3, NULL, &many);
        if (!method_is_base(m) && !(one.last < one.first))
            fail_msg("%s %s: the loss went from %g to %g", task->name, m->name, one.first, one.last);
        assert_true(one.last == many.last && a.eval_loss == b.eval_loss);
        assert_true(isfinite(a.eval_loss));
        json_decref(c);
    }
}

static void adapters_of_two_towers_are_saved_together_and_load_again(void **state) {
    (void)state;
    EACH(task, m) {
        if (!m->save_config) continue;
        json_t *c = config_of(task, m);
        struct told told = {0};
        struct err e = {0};
        char *out = xasprintf("%s/%s-%s", dir, task->name, m->name);
        struct train_result res = run_of(c, 1, out, &told), again;
        json_t *over = adapter_config_in(out, NULL, &e), *v;
        const char *key;
        if (!over) fail_msg("%s %s: %s", task->name, m->name, e.msg);
        json_object_foreach(over, key, v)
            cfg_set(c, key, json_incref(v)); /* PiSSA is saved with twice the rank */
        json_decref(over);
        struct train_job job = {.config = c, .seed = 4, .threads = 1, .adapter = out, .save = "none"};
        if (train_run(&job, NULL, &again, &e)) fail_msg("%s %s: %s", task->name, m->name, e.msg);
        double off = fabs(again.eval_loss / res.eval_loss - 1);
        if (off > (m->save ? 1e-5 : 0))
            fail_msg("%s %s: loaded, the loss is off by %g", task->name, m->name, off);
        free(out);
        json_decref(c);
    }
}

/* ---- gradients ----------------------------------------------------------------------------------------- */

/* A task on its net, as train.c opens it. */
struct bed {
    struct mem mem;
    struct net net;
    struct team *team;
    struct modelfile *file;
    struct tokenizer *tok;
    struct task_net tn;
    const struct task *task;
    void *state;
    struct task_batch *b;
};

static void bed_open(struct bed *x, const struct task *task, json_t *c, const long *rows, int n) {
    struct err e = {0};
    memset(x, 0, sizeof *x);
    x->task = task;
    mem_init(&x->mem, false, 0);
    x->team = team_new(&x->mem, 2);
    net_init(&x->net, &x->mem, x->team, c, 7, true);
    if (modelfile_open(&x->file, cfg_str(c, "model_path"), &e)) fail_msg("%s", e.msg);
    if (task->texts && modelfile_tokenizer(x->file, &x->tok, &e)) fail_msg("%s", e.msg);
    if (net_add_model(&x->net, model_of(x->file, &e), x->file, NULL, &x->tn, &e)) fail_msg("%s", e.msg);
    if (task->open(&x->state, c, &x->mem, x->tok, &x->tn.facts, &e)) fail_msg("%s", e.msg);
    if (task->declare(x->state, &x->net, &e)) fail_msg("%s", e.msg);
    if (net_bind(&x->net, method_find(cfg_str(c, "method")), &e)) fail_msg("%s", e.msg);
    for (int i = 0; i < x->net.nparams; i++) { /* away from zero */
        struct param *p = x->net.params[i];
        struct rng r = rng_make(99, p->name, 0);
        for (size_t k = 0; p->site && p->role == PARAM_TRAIN && k < param_size(p); k++)
            p->value[k] += 0.2f * (rng_uniform(r, k) - 0.5f);
    }
    if (!(x->b = task->batch(x->state, rows, n, &e))) fail_msg("%s", e.msg);
}

static void bed_close(struct bed *x) {
    x->task->batch_free(x->state, x->b);
    x->task->free(x->state);
    net_release(&x->net);
    team_free(x->team);
    tokenizer_free(x->tok);
    modelfile_close(x->file);
}

static double bed_loss(struct bed *x) {
    arena_reset(&x->net.tape);
    net_zero_grad(&x->net);
    x->task->layout(x->state, &x->tn, x->b, true);
    return x->task->run(x->state, &x->tn, x->b, true, 1);
}

/* Along its gradient the loss rises by its length: the smallest error of three steps, for a short one is lost
 * in float32, and on a long one the loss bends. */
static double slope_error(struct bed *x, struct param *p) {
    static const double steps[] = {2e-3, 1e-2, 5e-2};
    size_t n = param_size(p);
    float *keep = xcalloc(n, sizeof *keep), *grad = xcalloc(n, sizeof *grad);
    double norm = 0, best = 1;
    bed_loss(x);
    memcpy(keep, p->value, n * sizeof *keep);
    memcpy(grad, p->grad, n * sizeof *grad);
    for (size_t i = 0; i < n; i++) norm += (double)grad[i] * (double)grad[i];
    norm = sqrt(norm);
    for (size_t k = 0; norm > 0 && k < ARRAY_LEN(steps); k++) {
        double h = steps[k], loss[2];
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < n; i++)
                p->value[i] = keep[i] + (float)((side ? -h : h) * (double)grad[i] / norm);
            loss[side] = bed_loss(x);
        }
        best = fmin(best, fabs((loss[0] - loss[1]) / (2 * h) / norm - 1));
    }
    memcpy(p->value, keep, n * sizeof *keep);
    free(keep), free(grad);
    return best;
}

/* Rows whose pictures fill more panels than their texts do, and the other way: what the sites of a pass share
 * must do for the larger. */
static void gradients_reach_every_tensor_of_both_towers(void **state) {
    (void)state;
    static const long pictures[] = {3, 7, 11}, texts[] = {0, 4, 8, 12, 16, 20};
    static const char *const methods[] = {"lora", "lora_fa", "dora", "vera", "ia3"};
    double most = 0;
    for (int t = 0; task_list[t]; t++)
        for (size_t m = 0; m < ARRAY_LEN(methods); m++)
            for (int size = 0; size < 2; size++) {
                json_t *c = config_of(task_list[t], method_find(methods[m]));
                struct bed x;
                if (!strncmp(methods[m], "lora", 4)) cfg_set(c, "lora_dropout", json_real(0.3));
                bed_open(&x, task_list[t], c, size ? texts : pictures,
                         size ? ARRAY_LEN(texts) : ARRAY_LEN(pictures));
                for (int i = 0; i < x.net.nparams; i++) {
                    struct param *p = x.net.params[i];
                    if (p->role != PARAM_TRAIN || strstr(p->name, ".key."))
                        continue; /* a key's bias: nothing */
                    double off = slope_error(&x, p);
                    most = fmax(most, off);
                    if (off > 5e-3) /* observed 4.5e-4 */
                        fail_msg("%s %s: gradient of %s is off by %.2g", task_list[t]->name, methods[m],
                                 p->name, off);
                }
                bed_close(&x);
                json_decref(c);
            }
    if (getenv("GRADIENTS_SHOW")) print_message("worst slope %.2g\n", most);
}

/* The same rows in another order: other places in the batch, the same draws. */
static void draws_of_two_towers_do_not_depend_on_the_place_in_the_batch(void **state) {
    (void)state;
    static const long one[] = {3, 8, 5, 14}, other[] = {14, 3, 8, 5};
    double loss[2];
    for (int k = 0; k < 2; k++) {
        json_t *c = config_of(&task_captions, method_find("lora"));
        struct bed x;
        cfg_set(c, "lora_dropout", json_real(0.5));
        bed_open(&x, &task_captions, c, k ? other : one, 4);
        loss[k] = bed_loss(&x);
        bed_close(&x);
        json_decref(c);
    }
    assert_true(fabs(loss[0] / loss[1] - 1) < 1e-6);
}

/* ---- names and refusals -------------------------------------------------------------------------------- */

static void a_second_tower_has_names_of_its_own(void **state) {
    (void)state;
    json_t *c = config_of(&task_captions, method_find("lora"));
    static const long rows[] = {0};
    struct bed x;
    cfg_set(c, "target_modules", json_string("image.*"));
    bed_open(&x, &task_captions, c, rows, 1);
    int adapted = 0;
    for (int i = 0; i < x.net.nsites; i++) {
        assert_true(x.net.sites[i]->adapted == !strncmp(x.net.sites[i]->name, "image.", 6));
        adapted += x.net.sites[i]->adapted;
    }
    assert_int_equal(adapted, 2);
    assert_non_null(net_find_param(&x.net, "image.mix.weight"));
    assert_non_null(net_find_param(&x.net, "base_model.model.image.mix.lora_A.weight"));
    assert_int_equal(x.net.nmodels, 2);
    bed_close(&x);
    json_decref(c);
}

static void a_task_of_texts_refuses_a_model_of_vectors(void **state) {
    (void)state;
    json_t *c = config_of(&task_captions, method_find("lora"));
    char *copy = xasprintf("cp %s/bert/vocab.txt %s/bert/tokenizer_config.json %s/patches", dir, dir, dir);
    struct train_result res;
    struct err e = {0};
    set_path(c, "model_path", "patches");
    struct train_job job = {.config = c, .threads = 1, .save = "none"};
    assert_int_equal(train_plan(&job, &res, &e), ERR_USER); /* it has no tokenizer */
    assert_int_equal(system(copy), 0);
    assert_int_equal(train_plan(&job, &res, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "task captions reads texts"));
    assert_non_null(strstr(e.msg, "vectors of 16 numbers"));
    free(copy);
    json_decref(c);
}

static void a_model_of_vectors_is_opened_for_use_without_a_tokenizer(void **state) {
    (void)state;
    char *path = path_join(dir, "patches");
    struct infer m;
    struct err e = {0};
    if (infer_open(&m, path, NULL, 1, 0, &e)) fail_msg("%s", e.msg);
    assert_null(m.tok);
    assert_int_equal(infer_reads_text(&m, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "not text"));
    infer_close(&m);
    free(path);
}

static void two_towers_are_not_saved_as_one_model(void **state) {
    (void)state;
    json_t *c = config_of(&task_captions, method_find("full"));
    char *out = path_join(dir, "whole");
    struct train_job job = {.config = c, .threads = 1, .save = "all", .out_dir = out};
    struct train_result res;
    struct err e = {0};
    assert_int_equal(train_run(&job, NULL, &res, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "2 models"));
    assert_false(dir_exists(out));
    free(out);
    json_decref(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_trains_on_pictures_and_on_two_towers_within_its_plan),
        cmocka_unit_test(adapters_of_two_towers_are_saved_together_and_load_again),
        cmocka_unit_test(gradients_reach_every_tensor_of_both_towers),
        cmocka_unit_test(draws_of_two_towers_do_not_depend_on_the_place_in_the_batch),
        cmocka_unit_test(a_second_tower_has_names_of_its_own),
        cmocka_unit_test(a_model_of_vectors_is_opened_for_use_without_a_tokenizer),
        cmocka_unit_test(a_task_of_texts_refuses_a_model_of_vectors),
        cmocka_unit_test(two_towers_are_not_saved_as_one_model),
    };
    return cmocka_run_group_tests_name("inputs", tests, make_files, remove_files);
}
