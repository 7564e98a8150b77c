/* SPDX-License-Identifier: Apache-2.0 */
/* test_tasks.c - ten steps of the tasks `pairs` and `classify` against PyTorch, PEFT and
 * sentence-transformers (make_golden_tasks.py): texts, pooling, loss, gradients and optimizer in one. */
#include <ftw.h>
#include <unistd.h>

#include "harness/infer/infer.h"
#include "harness/core/task.h"
#include "tests/golden/golden.h"

static char dir[64];

static int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-tasks-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int remove_dir(void **state) {
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char *put(const char *name, const struct strbuf *text) {
    struct err e = {0};
    char *path = path_join(dir, name);
    if (file_write(path, text->s, text->len, &e)) fail_msg("%s", e.msg);
    return path;
}

/* bert_tiny with a vocabulary of words, as the script makes it. */
static char *word_bert(void) {
    static const char *const file[] = {"config.json", "model.safetensors"};
    struct strbuf b = {0};
    for (size_t i = 0; i < ARRAY_LEN(file); i++) {
        struct err e = {0};
        char *from = path_join("tests/golden/bert_tiny", file[i]);
        strbuf_reset(&b);
        if (file_read(from, 1 << 20, &b, &e)) fail_msg("%s", e.msg);
        free(put(file[i], &b));
        free(from);
    }
    strbuf_reset(&b);
    strbuf_adds(&b, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n");
    for (int i = 5; i < 97; i++) strbuf_addf(&b, "w%d\n", i);
    free(put("vocab.txt", &b));
    strbuf_release(&b);
    return xstrdup(dir);
}

/* The rows of a case as a file of the columns c0, c1, ... */
static char *rows_file(const json_t *rows) {
    struct strbuf b = {0};
    size_t i, k;
    json_t *row, *cell;
    json_array_foreach(rows, i, row) {
        json_t *o = json_object();
        char name[24];
        json_array_foreach(row, k, cell) {
            snprintf(name, sizeof name, "c%zu", k);
            json_object_set(o, name, cell);
        }
        char *line = json_dumps(o, JSON_COMPACT);
        strbuf_addf(&b, "%s\n", line);
        free(line);
        json_decref(o);
    }
    char *path = put("rows.jsonl", &b);
    strbuf_release(&b);
    return path;
}

static json_t *task_config(const json_t *c, const char *model, const char *file) {
    const char *task = json_string_value(json_object_get(c, "task"));
    json_t *cfg = infer_config(task, json_string_value(json_object_get(c, "method")));
    bool pairs = !strcmp(task, "pairs");
    cfg_set(cfg, "model_path", json_string(model));
    cfg_set(cfg, "data.train", json_string(file));
    cfg_set(cfg, pairs ? "data.anchor" : "data.text", json_string("{c0}"));
    cfg_set(cfg, pairs ? "data.positive" : "data.label", json_string("{c1}"));
    if (pairs && json_array_size(json_array_get(json_object_get(c, "rows"), 0)) > 2)
        cfg_set(cfg, "data.negative", json_string("{c2}"));
    cfg_set(cfg, "train.max_length", json_integer(48));
    return cfg;
}

/* PEFT's name where a task wants hidden states alone: without the backbone's prefix. */
static void load_start_of(struct engine *g, const char *name, bool bare) {
    char path[128];
    struct modelfile *f;
    struct err e = {0};
    snprintf(path, sizeof path, "tests/golden/golden_tasks_%s.safetensors", name);
    if (modelfile_open(&f, path, &e)) fail_msg("%s", e.msg);
    for (int i = 0; i < g->net.nparams; i++) {
        struct param *p = g->net.params[i];
        size_t n = 0, head = strlen(HEAD_PREFIX), skip = bare && p->site ? strlen(g->net.backbone) : 0;
        if (!p->site && !p->head) continue;
        char *key = xasprintf("init.%s%s", HEAD_PREFIX, p->name + head + skip);
        float *v = values(f, key, &n);
        if (!v) fail_msg("no %s", key);
        assert_int_equal(n, param_size(p));
        memcpy(p->value, v, n * sizeof *v);
        free(v), free(key);
    }
    modelfile_close(f);
}

/* As engine_open, with the task between the model and the method. */
static void open_task(struct engine *g, const struct task *task, void **state, const char *model,
                      const json_t *cfg, struct tokenizer **tok) {
    struct err e = {0};
    memset(g, 0, sizeof *g);
    g->config = engine_config(cfg_str(cfg, "method"), NULL);
    mem_init(&g->mem, false, 0);
    g->team = team_new(&g->mem, 2);
    if (modelfile_open(&g->file, model, &e) || modelfile_tokenizer(g->file, tok, &e)) fail_msg("%s", e.msg);
    net_init(&g->net, &g->mem, g->team, g->config, 0, true);
    g->model = model_of(g->file, &e);
    struct task_net tn;
    if (!g->model || net_add_model(&g->net, g->model, g->file, NULL, &tn, &e)) fail_msg("%s", e.msg);
    g->state = tn.model_state;
    g->facts = tn.facts;
    if (task->open(state, cfg, &g->mem, *tok, &g->facts, &e)) fail_msg("%s", e.msg);
    if (task->declare && task->declare(*state, &g->net, &e)) fail_msg("%s", e.msg);
    if (net_bind(&g->net, method_find(cfg_str(cfg, "method")), &e)) fail_msg("%s", e.msg);
}

static double step(struct engine *g, const struct task *task, void *state, const json_t *rows) {
    struct task_net tn = {&g->net, g->model, g->state, g->facts};
    struct err e = {0};
    long row[16];
    int n = (int)json_array_size(rows);
    for (int i = 0; i < n; i++) row[i] = (long)json_integer_value(json_array_get(rows, (size_t)i));
    struct task_batch *b = task->batch(state, row, n, &e);
    if (!b) fail_msg("%s", e.msg);
    arena_reset(&g->net.tape);
    task->layout(state, &tn, b, true);
    net_zero_grad(&g->net);
    double loss = task->run(state, &tn, b, true, 1 / b->weight) / b->weight;
    task->batch_free(state, b);
    engine_update(g);
    return loss;
}

static void follow(const char *name, const json_t *c, int mini_batch) {
    bool bert = !strcmp(json_string_value(json_object_get(c, "model")), "bert");
    const struct task *task = task_find(json_string_value(json_object_get(c, "task")));
    char *model = bert ? word_bert() : xstrdup("build/share/models/smoke"),
         *file = rows_file(json_object_get(c, "rows"));
    json_t *cfg = task_config(c, model, file), *rows;
    bool pairs = !strcmp(task->name, "pairs"), adapter = strcmp(cfg_str(cfg, "method"), "full") != 0;
    const json_t *losses = json_object_get(c, "losses");
    if (pairs) cfg_set(cfg, "train.mini_batch_size", json_integer(mini_batch));
    struct engine g;
    struct tokenizer *tok;
    void *state;
    size_t i;
    open_task(&g, task, &state, model, cfg, &tok);
    cfg_set(g.config, "train.lr", json_real(json_number_value(json_object_get(c, "lr"))));
    if (adapter || !pairs) load_start_of(&g, name, pairs);
    json_array_foreach(json_object_get(c, "batches"), i, rows) {
        double loss = step(&g, task, state, rows), want = json_number_value(json_array_get(losses, i));
        if (!(fabs(loss - want) <= TOL * fmax(fabs(want), 0.1)))
            fail_msg("%s: step %zu: loss %.8g, not %.8g", name, i, loss, want);
    }
    task->free(state);
    engine_close(&g);
    tokenizer_free(tok);
    json_decref(cfg);
    free(model), free(file);
}

static void all(int mini_batch) {
    json_t *cases = json_load_file("tests/golden/golden_tasks.json", 0, NULL), *c;
    const char *name;
    assert_int_equal(json_object_size(cases), 6);
    json_object_foreach(cases, name, c) follow(name, c, mini_batch);
    json_decref(cases);
}

static void ten_steps_are_those_of_pytorch(void **state) {
    (void)state;
    all(0);
}

static void ten_steps_with_gradient_caching_are_the_same(void **state) {
    (void)state;
    all(3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_are_those_of_pytorch),
        cmocka_unit_test(ten_steps_with_gradient_caching_are_the_same),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
