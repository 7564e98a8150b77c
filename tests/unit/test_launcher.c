/* SPDX-License-Identifier: Apache-2.0 */
/* test_launcher.c - the scheduler's loop over a launcher without processes, and the launcher of this machine,
 * whose worker is this program itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness/base/util.h"
#include "harness/sched/sched.h"
#include "harness/sched/worker.h"

enum { JOBS = 3 };

/* What happened, by job. */
static struct {
    int started[JOBS], finished[JOBS], again[JOBS], ticks, losses;
    double loss;
    struct train_result last[JOBS];
} seen;

static int on_start(void *arg, int job, int threads, char **out_dir, struct train_report *report,
                    struct err *e) {
    (void)threads, (void)out_dir, (void)e;
    seen.started[job]++;
    if (arg) *report = *(const struct train_report *)arg;
    return 0;
}

static int on_finish(void *arg, int job, const struct train_result *res, int concurrent, bool again,
                     struct err *e) {
    (void)arg, (void)concurrent, (void)e;
    seen.finished[job]++;
    seen.again[job] += again;
    seen.last[job] = *res;
    return 0;
}

static void on_metric(void *arg, const char *key, long step, double value) {
    (void)arg, (void)key, (void)step;
    seen.losses++;
    seen.loss = value;
}

static json_t *config;

/* Runs the first n jobs on two cores. */
static int run_jobs(struct launcher *l, int n, const struct sched_hooks *hooks, struct err *e) {
    static const volatile sig_atomic_t never;
    struct sched_room room = {.cores = 2};
    struct sched_job jobs[JOBS] = {{.index = 0}, {.index = 1}, {.index = 2}};
    for (int i = 0; i < n; i++) jobs[i].job.config = config, jobs[i].job.save = "none";
    return sched_run(&room, l, jobs, n, hooks, &never, e);
}

static int setup(void **state) {
    (void)state;
    memset(&seen, 0, sizeof seen);
    if (!config) config = json_object();
    return 0;
}

/* ---- without processes --------------------------------------------------------------------------------- */

struct launched {
    int job;
    double until;
};

/* Job 1 starts after `failing` attempts; every worker says its line after `lasts` seconds. */
static struct {
    int failing;
    double lasts;
    const char *says[JOBS];
} play;

static int start_played(struct launcher *l, const struct sched_job *job, struct launched **ret, char **remark,
                        struct err *e) {
    (void)l, (void)remark;
    if (job->index == 1 && play.failing-- > 0) return err_set(e, ERR_RESOURCE, "no process is left");
    *ret = xmalloc(sizeof **ret);
    **ret = (struct launched){job->index, now_seconds() + play.lasts};
    return 0;
}

static bool read_played(struct launched *w, void (*line)(void *, const char *, size_t), void *arg) {
    if (now_seconds() < w->until) return false;
    if (w->until != 0) line(arg, play.says[w->job], strlen(play.says[w->job]));
    w->until = 0;
    return true;
}

static void signal_played(struct launched *w, enum launch_signal s) { (void)w, (void)s; }

static void wait_played(struct launcher *l, struct launched *const *w, int n, double seconds,
                        const sigset_t *mask) {
    (void)l, (void)w, (void)n, (void)seconds, (void)mask;
    usleep(1000);
}

static void why_played(const struct launched *w, struct train_result *res) {
    (void)w;
    snprintf(res->error, sizeof res->error, "it vanished");
}

static void release_played(struct launched *w) { free(w); }

static struct launcher played = {.name = "played",
                                 .retry_s = 0.01,
                                 .patience_s = 0.2,
                                 .start = start_played,
                                 .read = read_played,
                                 .signal = signal_played,
                                 .wait = wait_played,
                                 .why = why_played,
                                 .release = release_played};

#define COMPLETE    "{\"result\": {\"state\": \"complete\"}}"
#define INTERRUPTED "{\"result\": {\"state\": \"interrupted\"}}"

static void all_say(const char *line) {
    for (int i = 0; i < JOBS; i++) play.says[i] = line;
}

static const struct sched_hooks hooks = {.start = on_start, .finish = on_finish};

static void a_worker_that_cannot_be_started_is_tried_again(void **state) {
    (void)state;
    struct err e = {0};
    play.failing = 5;
    play.lasts = 0.3; /* longer than the patience: what runs may help by ending */
    all_say(COMPLETE);
    assert_int_equal(run_jobs(&played, JOBS, &hooks, &e), 0);
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(seen.started[i], 1); /* one row, however many attempts */
        assert_int_equal(seen.finished[i], 1);
        assert_int_equal(seen.last[i].state, RUN_COMPLETE);
    }
}

static void one_that_never_starts_waits_for_the_others_and_ends_the_sweep_with_why(void **state) {
    (void)state;
    struct err e = {0};
    play.failing = 1 << 30;
    play.lasts = 0.5;
    all_say(COMPLETE);
    assert_int_equal(run_jobs(&played, JOBS, &hooks, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "no process is left"));
    assert_int_equal(seen.last[0].state, RUN_COMPLETE);
    assert_int_equal(seen.finished[1], 1); /* its row is closed: the same command repeats it */
    assert_int_equal(seen.last[1].state, RUN_INTERRUPTED);
}

static void a_worker_that_a_stranger_ended_starts_again_and_fails_in_the_end(void **state) {
    (void)state;
    struct err e = {0};
    play.failing = 0;
    play.lasts = 0;
    all_say(COMPLETE);
    play.says[1] = INTERRUPTED;
    assert_int_equal(run_jobs(&played, JOBS, &hooks, &e), 0);
    assert_int_equal(seen.started[1], 1 + SCHED_RESTARTS);
    assert_int_equal(seen.again[1], SCHED_RESTARTS);
    assert_int_equal(seen.last[1].state, RUN_FAILED); /* no sweep ends well with a run missing */
    assert_non_null(strstr(seen.last[1].error, "SIGTERM"));
    assert_int_equal(seen.started[2], 1);
}

static void one_without_a_result_is_what_the_launcher_says(void **state) {
    (void)state;
    struct err e = {0};
    play.failing = 0;
    all_say("{}");
    assert_int_equal(run_jobs(&played, JOBS, &hooks, &e), 0);
    assert_int_equal(seen.last[2].state, RUN_FAILED);
    assert_string_equal(seen.last[2].error, "it vanished");
}

/* ---- processes of this machine ------------------------------------------------------------------------- */

static void processes_bring_their_lines_back_and_their_ends_are_explained(void **state) {
    (void)state;
    struct err e = {0};
    struct launcher *l = launch_local();
    struct train_report report = {.metric = on_metric};
    struct sched_hooks heard = hooks;
    heard.arg = &report;
    assert_int_equal(run_jobs(l, JOBS, &heard, &e), 0);
    assert_int_equal(seen.last[0].state, RUN_COMPLETE);
    assert_true(seen.losses == 1 && seen.loss == 0.5);
    assert_int_equal(seen.last[1].state, RUN_FAILED);
    assert_non_null(strstr(seen.last[1].error, "code 7"));
    assert_non_null(strstr(seen.last[1].error, "last words"));
    assert_true(seen.last[1].rss_bytes > 0);
    assert_non_null(strstr(seen.last[2].error, "killed by signal 6"));
    l->free(l);
}

static struct rlimit files;

static int on_tick(void *arg, int running, struct err *e) {
    (void)arg, (void)running, (void)e;
    if (seen.ticks++ == 2) setrlimit(RLIMIT_NOFILE, &files);
    return 0;
}

static void a_machine_without_descriptors_is_waited_for(void **state) {
    (void)state;
    struct err e = {0};
    struct launcher *l = launch_local();
    struct sched_hooks ticking = hooks;
    ticking.tick = on_tick;
    l->retry_s = 0.05;
    getrlimit(RLIMIT_NOFILE, &files);
    struct rlimit none = {3, files.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    int rc = run_jobs(l, 1, &ticking, &e);
    setrlimit(RLIMIT_NOFILE, &files);
    assert_int_equal(rc, 0);
    assert_true(seen.ticks > 2);
    assert_int_equal(seen.last[0].state, RUN_COMPLETE);
    l->free(l);
}

/* The worker's side, by the run's index. */
static int be_worker(void) {
    char job[4096];
    ssize_t n = read(0, job, sizeof job - 1);
    job[n > 0 ? n : 0] = '\0';
    if (strstr(job, "\"index\":1")) {
        fprintf(stderr, "last words\n");
        return 7;
    }
    if (strstr(job, "\"index\":2")) {
        signal(SIGABRT, SIG_DFL);
        abort();
    }
    static const char lines[] = "{\"m\": [[\"train/loss\", 1, 0.5]]}\n" COMPLETE "\n";
    return write(WORKER_REPORT_FD, lines, sizeof lines - 1) < 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "worker")) return be_worker();
#define T(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        T(a_worker_that_cannot_be_started_is_tried_again),
        T(one_that_never_starts_waits_for_the_others_and_ends_the_sweep_with_why),
        T(a_worker_that_a_stranger_ended_starts_again_and_fails_in_the_end),
        T(one_without_a_result_is_what_the_launcher_says),
        T(processes_bring_their_lines_back_and_their_ends_are_explained),
        T(a_machine_without_descriptors_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
