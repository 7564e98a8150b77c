/* SPDX-License-Identifier: Apache-2.0 */
/* test_battery_runs.c - what every method must keep in whole runs (train.c), over the list of battery.h:
 * predicted memory, limits, refused allocations, and that the order of the data is the seed's alone. */
#include "harness/infer/infer.h"
#include "harness/train/train.h"
#include "tests/methods/battery.h"

/* ---- data ---------------------------------------------------------------------------------------------- */

static char data_dir[] = "/tmp/bench-battery-data-XXXXXX";

/* Short texts of two classes: what there is for a model without a language head. */
static int make_classes(const char *name, int n) {
    struct strbuf text = {0};
    struct err e = {0};
    for (int i = 0; i < n; i++)
        strbuf_addf(&text, "{\"text\": \"%s number %d of %d\", \"label\": \"%s\"}\n",
                    i % 2 ? "a stone" : "the horse", i * 37 % 100, i, i % 2 ? "thing" : "animal");
    char *path = path_join(data_dir, name);
    int rc = file_write(path, text.s, text.len, &e);
    strbuf_release(&text);
    free(path);
    return rc;
}

static int make_data(void **state) {
    (void)state;
    return !mkdtemp(data_dir) || make_classes("classes.jsonl", 400) || make_classes("few.jsonl", 4);
}

static int remove_data(void **state) {
    (void)state;
    char cmd[64];
    snprintf(cmd, sizeof cmd, "rm -r %s", data_dir);
    return system(cmd);
}

/* Rows from a file that make_classes wrote. */
static void use_file(json_t *c, const char *name) {
    char *path = path_join(data_dir, name);
    bool lm = !strcmp(arch->task, "lm");
    cfg_set(c, "data.name", json_null());
    cfg_set(c, "data.train", json_string(path));
    cfg_set(c, "data.eval", json_string(path));
    cfg_set(c, lm ? "data.prompt" : "data.text", json_string("{text}"));
    cfg_set(c, lm ? "data.completion" : "data.label", json_string("{label}"));
    free(path);
}

/* A run with everything else at its default. */
static json_t *config_of(const struct arm *a, int steps_, int rows) {
    json_t *c = infer_config(arch->task, a->m->name), *v;
    const char *key;
    cfg_set(c, "model", json_string(arch->name));
    cfg_set(c, "model_path", json_string(arch->folder));
    if (!strcmp(arch->task, "lm"))
        cfg_set(c, "data.name", json_string("smoke"));
    else
        use_file(c, "classes.jsonl");
    cfg_set(c, "train.steps", json_integer(steps_));
    cfg_set(c, "eval.rows", json_integer(rows));
    if (cfg_get(c, "delta_start")) cfg_set(c, "delta_start", json_integer(steps_ / 3));
    json_t *over = json_loads(a->over ? a->over : "{}", 0, NULL);
    json_object_foreach(over, key, v) cfg_set(c, key, json_incref(v));
    json_decref(over);
    return c;
}

/* ---- memory -------------------------------------------------------------------------------------------- */

static void measured_bytes_equal_predicted_bytes(void **state) {
    (void)state;
    EACH_ARM(a) {
        json_t *c = config_of(a, 4, 12);
        cfg_set(c, "train.grad_accum", json_integer(2));
        cfg_set(c, "eval.every", json_integer(2));
        struct train_job job = {
            .config = c, .seed = 3, .threads = arch == arch_list() ? 2 : 1, .save = "none"};
        struct train_result res, plan;
        struct err e = {0};
        if (train_run(&job, NULL, &res, &e) || train_plan(&job, &plan, &e))
            fail_msg("%s: %s", label(a), e.msg);
        assert_int_equal(res.state, RUN_COMPLETE);
        assert_true(res.peak_bytes > 0);
        if (res.peak_bytes != plan.peak_bytes_predicted)
            fail_msg("%s: %zu bytes measured, %zu predicted", label(a), res.peak_bytes,
                     plan.peak_bytes_predicted);
        assert_int_equal(res.peak_bytes, res.peak_bytes_predicted);
        assert_memory_equal(res.mem_peak, plan.mem_peak, sizeof res.mem_peak);
        assert_memory_equal(res.mem_at_peak, plan.mem_at_peak, sizeof res.mem_at_peak);
        assert_int_equal(res.trainable, plan.trainable);
        assert_int_equal(res.tokens, plan.tokens);
        assert_int_equal(res.checkpoint_bytes, plan.checkpoint_bytes);
        json_decref(c);
    }
}

static void a_memory_limit_ends_a_run_as_oom_with_its_category(void **state) {
    (void)state;
    EACH_ARM(a) {
        json_t *c = config_of(a, 3, 4);
        struct train_job job = {.config = c, .seed = 3, .threads = 1, .save = "none"};
        struct train_result plan, res;
        struct err e = {0};
        assert_int_equal(train_plan(&job, &plan, &e), 0);
        job.memory_limit = plan.peak_bytes_predicted; /* just enough */
        assert_int_equal(train_run(&job, NULL, &res, &e), 0);
        assert_int_equal(res.state, RUN_COMPLETE);
        job.memory_limit--;
        assert_int_equal(train_run(&job, NULL, &res, &e), 0);
        assert_int_equal(res.state, RUN_OOM);
        assert_non_null(strstr(res.error, "memory limit"));
        json_decref(c);
    }
}

/* What the heap loses when a run leaves in the middle is its process's, which ends; leaks are looked for
 * elsewhere. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable() (void)0
#define __lsan_enable()  (void)0
#endif

/* The n-th allocation of a short run is refused, for every n: the run ends as oom, whatever it was about to
 * do. */
static void any_allocation_may_be_refused(void **state) {
    (void)state;
    long runs = 0;
    __lsan_disable();
    EACH_ARM(a) {
        json_t *c = config_of(a, 1, 1);
        cfg_set(c, "train.batch_size", json_integer(1));
        cfg_set(c, "train.max_length", json_integer(32));
        use_file(c, "few.jsonl"); /* reading many rows is most of such a run */
        struct train_job job = {.config = c, .seed = 3, .threads = 1, .save = "none"};
        struct train_result res;
        struct err e = {0};
        /* what differs between architectures is how they are built: there a part will do */
        for (long n = 1;; n += arch == arch_list() ? 1 : 29, runs++) {
            long left = n;
            job.refuse_in = &left;
            assert_int_equal(train_run(&job, NULL, &res, &e), 0);
            bool refused = left == 0;
            if (res.state != (refused ? RUN_OOM : RUN_COMPLETE))
                fail_msg("%s: allocation %ld refused: state %s: %s", label(a), n, run_state_name(res.state),
                         res.error);
            if (!refused) break;
        }
        json_decref(c);
    }
    __lsan_enable();
    assert_true(runs > 100);
    if (getenv("BATTERY_SHOW")) printf("# %ld runs\n", runs);
}

/* ---- order of the data --------------------------------------------------------------------------------- */

struct losses {
    double v[8];
    int n;
};

static void on_metric(void *arg, const char *key, long step, double value) {
    struct losses *l = arg;
    (void)step;
    if (!strcmp(key, "train/loss") && l->n < 8) l->v[l->n++] = value;
}

static struct losses losses_of(const struct arm *a, uint64_t seed, int threads, int batch) {
    struct losses l = {.n = 0};
    struct train_result res;
    struct err e = {0};
    json_t *c = config_of(a, 8, 1);
    cfg_set(c, "train.batch_size", json_integer(batch));
    cfg_set(c, "train.max_length", json_integer(64));
    cfg_set(c, "train.lr", json_real(0));
    struct train_job job = {.config = c, .seed = seed, .threads = threads, .save = "none"};
    if (train_run(&job, &(struct train_report){.arg = &l, .metric = on_metric}, &res, &e))
        fail_msg("%s: %s", label(a), e.msg);
    json_decref(c);
    assert_int_equal(l.n, 8);
    return l;
}

/* With a learning rate of 0 a step's loss tells which rows it had: for every method the same, also with three
 * threads; for another seed others. */
static void the_order_of_the_data_depends_on_the_seed_alone(void **state) {
    (void)state;
    struct losses first = {.n = 0}, other;
    const struct arch *of = NULL;
    EACH_ARM(a) {
        if (method_is_base(a->m)) continue;
        struct losses l = losses_of(a, 3, a == arm_list() + 2 ? 3 : 1, 8);
        if (of != arch) {
            of = arch;
            first = l;
            other = losses_of(a, 4, 1, 8);
            assert_true(memcmp(other.v, l.v, sizeof l.v) != 0);
        }
        for (int i = 0; i < 8; i++)
            if (fabs(l.v[i] - first.v[i]) > (a->m->flags & METHOD_MUTATES_BASE ? 1e-5 : 0) * first.v[i])
                fail_msg("%s: step %d has other rows (loss %.9g, not %.9g)", label(a), i, l.v[i], first.v[i]);
    }
}

/* 400 rows: two epochs of four steps, which have all rows in another order. */
static void every_epoch_has_an_order_of_its_own(void **state) {
    (void)state;
    struct arm norms = {method_find("norms"), NULL};
    arch = arch_list();
    struct losses l = losses_of(&norms, 3, 1, 100);
    for (int i = 0; i < 4; i++) assert_true(l.v[i] != l.v[i + 4]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measured_bytes_equal_predicted_bytes),
        cmocka_unit_test(a_memory_limit_ends_a_run_as_oom_with_its_category),
        cmocka_unit_test(any_allocation_may_be_refused),
        cmocka_unit_test(the_order_of_the_data_depends_on_the_seed_alone),
        cmocka_unit_test(every_epoch_has_an_order_of_its_own),
    };
    return cmocka_run_group_tests_name("battery of runs", tests, make_data, remove_data);
}
