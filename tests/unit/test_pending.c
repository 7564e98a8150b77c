/* SPDX-License-Identifier: Apache-2.0 */
/* test_pending.c - what can never fit is refused before the first step, and the scheduler gets predicted
 * bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/sched/pending.h"
#include "harness/base/util.h"

static char path[] = "/tmp/bench-test-pending-XXXXXX";
static struct sweep *sweep;
static struct pending pending;

/* Three runs on the smoke model: the base, and two seeds of a low rank. */
static void load(const char *more) {
    char *text = xasprintf("name: t\n"
                           "base:\n"
                           "  model: build/share/models/smoke\n"
                           "  task: lm\n"
                           "  data: {name: smoke}\n"
                           "  train: {steps: 3, batch_size: 4, max_length: 32}\n"
                           "  eval: {rows: 4}\n"
                           "seeds: [0, 1]\n"
                           "variants:\n"
                           "  - {method: none}\n"
                           "  - {method: lora, parameters: {r: [4]}}\n%s",
                           more);
    struct err e = {0};
    if (file_write(path, text, strlen(text), &e)) fail_msg("%s", e.msg);
    free(text);
    if (sweep_load(&sweep, path, NULL, 0, NULL, &e)) fail_msg("%s", e.msg);
    if (pending_find(&pending, sweep, NULL, false, &e)) fail_msg("%s", e.msg);
}

static void plan(const struct machine *m) {
    struct err e = {0};
    if (pending_plan(&pending, sweep, m, 1, true, NULL, &e)) fail_msg("%s", e.msg);
}

static int setup(void **state) {
    (void)state;
    strcpy(path + strlen(path) - 6, "XXXXXX");
    int fd = mkstemp(path);
    if (fd >= 0) close(fd);
    return fd < 0;
}

static int teardown(void **state) {
    (void)state;
    pending_release(&pending);
    sweep_free(sweep);
    sweep = NULL;
    return unlink(path);
}

static const struct machine large = {.cores = 2, .mem_total = (size_t)8 << 30, .mem_free = (size_t)8 << 30};

static void a_job_carries_its_predicted_bytes_with_the_shared_weights_apart(void **state) {
    (void)state;
    load("limits: {memory: 1GiB, time: 5}\n");
    plan(&large);
    assert_int_equal(pending.n, 3);
    for (int i = 0; i < pending.n; i++) {
        const struct pending_run *x = &pending.v[i];
        struct sched_job j = pending_job(x, sweep);
        assert_string_equal(x->refused, "");
        assert_int_equal(j.base_bytes + j.own_bytes, x->plan.peak_bytes_predicted);
        assert_true(j.base_bytes > 0 && j.own_bytes > 0);
        assert_int_equal(j.job.memory_limit, 1 << 30);
        assert_true(j.job.time_limit == 5);
        assert_string_equal(j.base_key, pending_job(&pending.v[0], sweep).base_key);
    }
}

static void what_is_above_limits_memory_is_refused_with_the_largest_category(void **state) {
    (void)state;
    load("");
    plan(&large);
    size_t base = pending.v[0].plan.peak_bytes_predicted, lora = pending.v[1].plan.peak_bytes_predicted;
    assert_true(lora > base);
    pending_release(&pending);
    sweep_free(sweep);
    char *limit = xasprintf("limits: {memory: %zu}\n", lora - 1);
    load(limit);
    plan(&large);
    assert_string_equal(pending.v[0].refused, "");
    for (int i = 1; i < 3; i++) {
        assert_non_null(strstr(pending.v[i].refused, "limits.memory is "));
        assert_non_null(strstr(pending.v[i].refused, "largest: scratch "));
        assert_non_null(strstr(pending.v[i].refused, "not started"));
    }
    free(limit);
}

static void what_this_machine_cannot_hold_is_refused(void **state) {
    (void)state;
    load("");
    struct machine small = large;
    small.mem_total = 1 << 20;
    plan(&small);
    for (int i = 0; i < 3; i++) assert_non_null(strstr(pending.v[i].refused, "this machine has 1.0 MiB"));
}

static void a_control_groups_limit_counts_as_the_machine(void **state) {
    (void)state;
    load("");
    struct machine box = large;
    box.mem_limit = 2 << 20;
    plan(&box);
    assert_non_null(strstr(pending.v[1].refused, "this machine has 2.0 MiB"));
}

static void memory_that_is_only_taken_now_refuses_nothing(void **state) {
    (void)state;
    load("");
    struct machine busy = large;
    busy.mem_free = 1 << 20;
    plan(&busy);
    for (int i = 0; i < 3; i++) assert_string_equal(pending.v[i].refused, "");
}

static void without_a_word_about_threads_a_run_is_judged_with_all_cores(void **state) {
    (void)state;
    load("");
    struct machine four = large;
    four.cores = 4;
    struct err e = {0};
    size_t peak[2];
    for (int i = 0; i < 2; i++) {
        if (pending_plan(&pending, sweep, &four, i ? 4 : 1, true, NULL, &e)) fail_msg("%s", e.msg);
        peak[i] = pending.v[1].plan.peak_bytes_predicted;
    }
    assert_true(peak[1] > peak[0]);
    if (pending_plan(&pending, sweep, &four, 0, true, NULL, &e)) fail_msg("%s", e.msg);
    assert_int_equal(pending.v[1].plan.peak_bytes_predicted, peak[1]);
    pending_release(&pending);
    sweep_free(sweep);
    char *limit = xasprintf("limits: {memory: %zu}\n", peak[1] - 1);
    load(limit);
    if (pending_plan(&pending, sweep, &four, 0, true, NULL, &e)) fail_msg("%s", e.msg);
    assert_non_null(strstr(pending.v[1].refused, "limits.memory is "));
    free(limit);
}

static void a_job_is_planned_for_its_own_seed_and_for_any_threads(void **state) {
    (void)state;
    struct machine four = large;
    struct err e = {0};
    four.cores = 4;
    load("");
    if (pending_plan(&pending, sweep, &four, 4, true, NULL, &e)) fail_msg("%s", e.msg);
    for (int i = 0; i < pending.n; i++) {
        const struct pending_run *x = &pending.v[i];
        assert_true(x->plan.model_bytes > 0);
        for (int threads = 1; threads <= 5; threads += 2) {
            struct train_job job = {
                .config = x->config, .seed = x->seed, .threads = threads, .save = "adapter"};
            struct train_result plan;
            if (train_plan(&job, &plan, &e)) fail_msg("%s", e.msg);
            assert_int_equal(pending_peak(x, threads), plan.peak_bytes_predicted);
        }
    }
}

static void a_plan_for_fewer_threads_refuses_what_a_run_would(void **state) {
    (void)state;
    struct machine four = large;
    struct err e = {0};
    four.cores = 4;
    load("");
    if (pending_plan(&pending, sweep, &four, 1, true, NULL, &e)) fail_msg("%s", e.msg);
    /* of lora with one thread */
    char *limit = xasprintf("limits: {memory: %zu}\n", pending.v[1].plan.peak_bytes_predicted + 1);
    pending_release(&pending);
    sweep_free(sweep);
    load(limit);
    if (pending_plan(&pending, sweep, &four, 1, true, NULL, &e)) fail_msg("%s", e.msg);
    assert_string_equal(pending.v[1].refused, "");
    pending_judge(&pending, sweep, &four, 1); /* the user said one thread */
    assert_string_equal(pending.v[1].refused, "");
    pending_judge(&pending, sweep, &four, 0); /* nobody said: the run might get four */
    assert_non_null(strstr(pending.v[1].refused, "limits.memory"));
    char with_one[256];
    memcpy(with_one, pending.v[1].refused, sizeof with_one);
    if (pending_plan(&pending, sweep, &four, 0, true, NULL, &e)) fail_msg("%s", e.msg);
    assert_string_equal(pending.v[1].refused, with_one); /* word for word what the run says */
    free(limit);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_job_carries_its_predicted_bytes_with_the_shared_weights_apart),
        T(what_is_above_limits_memory_is_refused_with_the_largest_category),
        T(what_this_machine_cannot_hold_is_refused),
        T(a_control_groups_limit_counts_as_the_machine),
        T(memory_that_is_only_taken_now_refuses_nothing),
        T(without_a_word_about_threads_a_run_is_judged_with_all_cores),
        T(a_job_is_planned_for_its_own_seed_and_for_any_threads),
        T(a_plan_for_fewer_threads_refuses_what_a_run_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
