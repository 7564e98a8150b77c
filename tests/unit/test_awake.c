/* SPDX-License-Identifier: Apache-2.0 */
/* test_awake.c - time in which a run was stopped counts neither towards its limit nor its speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/base/awake.h"
#include "harness/base/util.h"
#include "harness/config/cfg.h"
#include "harness/infer/infer.h"
#include "harness/train/train.h"

#define STOP_S 2.0

/* Waits for a child that stops itself, lets it stand for STOP_S, and returns its exit code. */
static int stand_and_wait(pid_t pid) {
    int status;
    waitpid(pid, &status, WUNTRACED);
    if (WIFSTOPPED(status)) {
        usleep((useconds_t)(STOP_S * 1e6));
        kill(pid, SIGCONT);
        waitpid(pid, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static void a_stop_is_no_time(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        double awake = awake_seconds(), now = now_seconds();
        raise(SIGSTOP);
        double right_after = awake_seconds() - awake;
        usleep(200000);
        double later = awake_seconds() - awake, all = now_seconds() - now;
        _exit(!(all > STOP_S && right_after < 0.5 && later < 1.0 && later >= right_after));
    }
    assert_int_equal(stand_and_wait(pid), 0);
}

static void time_that_is_spent_counts(void **state) {
    (void)state;
    double awake = awake_seconds();
    usleep(300000);
    double slept = awake_seconds() - awake;
    assert_true(slept > 0.29 && slept < 1.2);
}

static void on_metric(void *arg, const char *key, long step, double value) {
    (void)arg, (void)value;
    if (!strcmp(key, "train/loss") && step == 3) raise(SIGSTOP);
}

static void a_run_that_stood_still_is_within_its_limit_and_as_fast_as_ever(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        json_t *c = infer_config("lm", "lora");
        cfg_set(c, "model", json_string("smoke"));
        cfg_set(c, "model_path", json_string("build/share/models/smoke"));
        cfg_set(c, "data.name", json_string("smoke"));
        cfg_set(c, "train.steps", json_integer(8));
        cfg_set(c, "train.batch_size", json_integer(2));
        cfg_set(c, "eval.rows", json_integer(4));
        struct train_report rep = {.metric = on_metric};
        struct train_job job = {.config = c, .threads = 1, .save = "none", .time_limit = STOP_S};
        struct train_result res;
        int rc = train_run(&job, &rep, &res, NULL);
        _exit(rc || res.state != RUN_COMPLETE || res.train_s > STOP_S / 2 || res.total_s > STOP_S / 2);
    }
    assert_int_equal(stand_and_wait(pid), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_is_no_time), /* before this process has a thread that its children lack */
        cmocka_unit_test(a_run_that_stood_still_is_within_its_limit_and_as_fast_as_ever),
        cmocka_unit_test(time_that_is_spent_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
