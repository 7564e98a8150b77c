/* SPDX-License-Identifier: Apache-2.0 */
/* test_peft.c - adapters that PEFT saved: the same logits, and, trained on with `init`, the same losses.
 *
 * What is read is what make_golden_peft.py wrote. The bases are made here: the smoke model and a GPT-2 by a
 * script. */
#include <dirent.h>

#include "tests/unit/adapter_util.h"
#include "harness/infer/infer.h"
#include "harness/core/task.h"
#include "harness/train/train.h"
#include "tests/golden/golden.h"
#include "harness/nn/kernels/xent.h"

#define FOLDER "tests/golden/peft"
#define SMOKE  "build/share/models/smoke"
enum { LAST = 3, VOCAB = 480, STEPS = 5 };

static struct modelfile *golden;
static char dir[] = "/tmp/bench-peft-XXXXXX", gpt2[64];

static const char *base_of(const char *name) { return strncmp(name, "gpt2", 4) ? SMOKE : gpt2; }

static float *golden_values(const char *name, const char *what, size_t count) {
    char *key = xasprintf("%s.%s", name, what);
    size_t n;
    float *v = values(golden, key, &n);
    if (!v || n != count) fail_msg("%s: not %zu values", key, count);
    free(key);
    return v;
}

/* Every adapter's folder in turn. */
static int each(void (*test)(const char *name, const char *folder)) {
    DIR *d = opendir(FOLDER);
    int n = 0;
    assert_non_null(d);
    for (const struct dirent *x; (x = readdir(d));) {
        char *folder = path_join(FOLDER, x->d_name);
        if (x->d_name[0] != '.' && dir_exists(folder)) {
            test(x->d_name, folder);
            n++;
        }
        free(folder);
    }
    closedir(d);
    return n;
}

static void compare_logits(const char *name, const char *folder) {
    struct infer m;
    struct err e = {0};
    size_t n = 0;
    int *ids = ints(golden, "ids", &n);
    if (infer_open(&m, base_of(name), folder, 1, 0, &e)) fail_msg("%s: %s", name, e.msg);
    float *got = xmalloc(n * VOCAB * sizeof *got), *want = golden_values(name, "logits", LAST * VOCAB);
    const float *hidden = infer_hidden(&m, ids, (int)n);
    logits_rows(m.team, got, &m.facts.head->w, NULL, hidden, m.facts.hidden, (int)n);
    double d = 0;
    for (int i = 0; i < LAST * VOCAB; i++)
        d = fmax(d, fabs((double)got[(n - LAST) * VOCAB + (size_t)i] - (double)want[i]));
    print_message("%-14s logits differ by %.1e\n", name, d);
    if (!(d <= 1e-4)) fail_msg("%s: logits differ by %g", name, d); /* observed 2e-6 */
    infer_close(&m);
    free(ids), free(got), free(want);
}

static void saved_by_peft_gives_the_logits_of_peft(void **state) {
    (void)state;
    assert_int_equal(each(compare_logits), 12);
}

/* ---- training on --------------------------------------------------------------------------------------- */

static double losses[STEPS];

static void take_loss(void *arg, const char *key, long step, double value) {
    (void)arg;
    if (!strcmp(key, "train/loss")) losses[step] = value;
}

/* The configuration of a run of `method` that goes on from the adapter. */
static json_t *run_config(const char *name, const char *folder, const struct method *method, struct err *e) {
    json_t *over = adapter_config_in(folder, method, e), *value;
    const char *key;
    if (!over) fail_msg("%s: %s", name, e->msg);
    json_t *c = infer_config("lm", json_string_value(json_object_get(over, "method")));
    json_object_update(c, over);
    json_decref(over);
    json_t *train =
        json_pack("{s:i,s:i,s:f,s:s,s:b,s:f}", "steps", STEPS, "batch_size", 2, "lr", scalar(golden, "lr", 0),
                  "schedule", "constant", "shuffle", 0, "grad_clip", 0.0);
    json_object_foreach(train, key, value) json_object_set(json_object_get(c, "train"), key, value);
    json_decref(train);
    const char *const texts[][2] = {
        {"model", name},           {"model_path", base_of(name)},        {"init_path", folder},
        {"init", folder},          {"data.train", FOLDER "/rows.jsonl"}, {"data.prompt", "{q} -> "},
        {"data.completion", "{a}"}};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) cfg_set(c, texts[i][0], json_string(texts[i][1]));
    return c;
}

static void compare_losses_of(const char *name, const char *folder, const struct method *method) {
    struct err e = {0};
    json_t *c = run_config(name, folder, method, &e);
    struct train_job job = {.config = c, .seed = 1, .threads = 1, .save = "none"};
    struct train_report rep = {.metric = take_loss};
    struct train_result res;
    memset(losses, 0, sizeof losses);
    if (train_run(&job, &rep, &res, &e)) fail_msg("%s: %s", name, e.msg);
    assert_int_equal(res.state, RUN_COMPLETE);
    assert_int_equal(res.peak_bytes, res.peak_bytes_predicted);
    float *want = golden_values(name, "losses", STEPS);
    double d = 0;
    for (int i = 0; i < STEPS; i++) d = fmax(d, fabs(losses[i] / (double)want[i] - 1));
    print_message("%-14s losses differ by %.1e\n", name, d);
    if (!(d <= 1e-5)) fail_msg("%s: losses differ by %g", name, d); /* observed 2e-7 */
    free(want);
    json_decref(c);
}

static void compare_losses(const char *name, const char *folder) { compare_losses_of(name, folder, NULL); }

static void init_goes_on_as_peft_does(void **state) {
    (void)state;
    assert_int_equal(each(compare_losses), 12);
}

/* With a ratio of 1 it is LoRA, with no step that it waits for it is not. */
static void a_lora_is_a_start_for_its_relatives(void **state) {
    (void)state;
    struct err e = {0};
    json_t *c = run_config("llama_lora", FOLDER "/llama_lora", method_find("lora_plus"), &e);
    assert_string_equal(cfg_str(c, "method"), "lora_plus");
    json_decref(c);
    assert_null(adapter_config_in(FOLDER "/llama_lora", method_find("vera"), &e));
    assert_non_null(strstr(e.msg, "peft_type 'LORA' is no start for method vera"));
    assert_null(adapter_config_in(FOLDER "/llama_dora", method_find("lora"), &e));
    assert_non_null(strstr(e.msg, "use_dora"));
    assert_null(adapter_config_in(FOLDER "/llama_lora", method_find("rslora"), &e));
}

static int make_bases(void **state) {
    (void)state;
    struct err e;
    if (!mkdtemp(dir) || modelfile_open(&golden, FOLDER "/golden.safetensors", &e)) return -1;
    snprintf(gpt2, sizeof gpt2, "%s/gpt2", dir);
    char *cmd = xasprintf("python3 tests/cli/gpt2_folder.py " SMOKE " %s", gpt2);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

static int remove_bases(void **state) {
    (void)state;
    char cmd[64];
    modelfile_close(golden);
    snprintf(cmd, sizeof cmd, "rm -r %s", dir);
    return system(cmd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_by_peft_gives_the_logits_of_peft),
        cmocka_unit_test(init_goes_on_as_peft_does),
        cmocka_unit_test(a_lora_is_a_start_for_its_relatives),
    };
    return cmocka_run_group_tests_name("adapters of PEFT", tests, make_bases, remove_bases);
}
