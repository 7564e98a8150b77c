/* SPDX-License-Identifier: Apache-2.0 */
/* test_sched.c - which run starts when, on how many cores; a report's way through the pipe; lines of
 * progress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sched/progress.h"
#include "harness/sched/sched.h"
#include "harness/sched/worker.h"

#define MIB ((size_t)1 << 20)

/* Plays a whole sweep: starts what can start, ends the oldest, until nothing waits. Returns the most at once.
 */
struct play {
    struct sched_room room;
    struct sched_job jobs[16];
    int njobs, most, started[16], threads[16], nstarted;
};

static void play(struct play *p) {
    const struct sched_job *waiting[16], *running[16];
    int used[16], nw = p->njobs, nr = 0;
    for (int i = 0; i < nw; i++) waiting[i] = &p->jobs[i];
    while (nw || nr) {
        int pick, threads;
        struct sched_load load = {running, used, nr};
        sched_pick(&p->room, &load, waiting, nw, &pick, &threads);
        if (pick < 0) {
            assert_true(nr > 0); /* never stuck */
            memmove(running, running + 1, (size_t)--nr * sizeof *running);
            memmove(used, used + 1, (size_t)nr * sizeof *used);
            continue;
        }
        assert_true(threads >= 1 && threads <= SCHED_MAX_THREADS);
        p->started[p->nstarted] = (int)(waiting[pick] - p->jobs);
        p->threads[p->nstarted++] = threads;
        running[nr] = waiting[pick];
        used[nr++] = threads;
        memmove(waiting + pick, waiting + pick + 1, (size_t)(--nw - pick) * sizeof *waiting);
        if (nr > p->most) p->most = nr;
    }
    assert_int_equal(p->nstarted, p->njobs);
}

static void jobs_of(struct play *p, int n, size_t own, size_t base) {
    p->njobs = n;
    for (int i = 0; i < n; i++)
        p->jobs[i] = (struct sched_job){.base_key = "m", .own_bytes = own, .base_bytes = base};
}

static void many_runs_take_a_core_each(void **state) {
    (void)state;
    struct play p = {.room = {.cores = 4}};
    jobs_of(&p, 12, 1, 1);
    play(&p);
    assert_int_equal(p.most, 4);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(p.started[i], i);
        assert_int_equal(p.threads[i], 1);
    }
}

static void few_runs_share_the_cores_out(void **state) {
    (void)state;
    struct play one = {.room = {.cores = 8}}, three = {.room = {.cores = 8}};
    jobs_of(&one, 1, 1, 1);
    play(&one);
    assert_int_equal(one.threads[0], 8);
    jobs_of(&three, 3, 1, 1);
    play(&three);
    assert_int_equal(three.most, 3);
    assert_int_equal(three.threads[0] + three.threads[1] + three.threads[2], 8);
}

static void the_last_run_takes_the_cores_that_are_free(void **state) {
    (void)state;
    struct sched_job j = {0};
    const struct sched_job *w[] = {&j}, *r[] = {&j};
    int used[] = {1}, pick, threads;
    struct sched_room room = {.cores = 4};
    sched_pick(&room, &(struct sched_load){r, used, 1}, w, 1, &pick, &threads);
    assert_int_equal(pick, 0);
    assert_int_equal(threads, 3);
}

static void a_full_machine_waits(void **state) {
    (void)state;
    struct sched_job j = {0};
    const struct sched_job *w[] = {&j}, *r[] = {&j, &j};
    int used[] = {1, 1}, pick, threads;
    struct sched_room room = {.cores = 2};
    sched_pick(&room, &(struct sched_load){r, used, 2}, w, 1, &pick, &threads);
    assert_int_equal(pick, -1);
}

static void options_win_over_packing(void **state) {
    (void)state;
    struct play j1 = {.room = {.cores = 4, .workers = 1}}, j8 = {.room = {.cores = 2, .workers = 8}},
                t2 = {.room = {.cores = 4, .threads = 2}},
                both = {.room = {.cores = 2, .workers = 3, .threads = 2}},
                big = {.room = {.cores = 2, .threads = 8}};
    jobs_of(&j1, 5, 1, 1);
    play(&j1);
    assert_int_equal(j1.most, 1);
    assert_int_equal(j1.threads[0], 4);
    jobs_of(&j8, 10, 1, 1);
    play(&j8);
    assert_int_equal(j8.most, 8);
    jobs_of(&t2, 5, 1, 1);
    play(&t2);
    assert_int_equal(t2.most, 2);
    assert_int_equal(t2.threads[4], 2);
    jobs_of(&both, 5, 1, 1);
    play(&both);
    assert_int_equal(both.most, 3);
    jobs_of(&big, 3, 1, 1);
    play(&big);
    assert_int_equal(big.most, 1);
    assert_int_equal(big.threads[0], 8);
}

static void a_sweep_can_ask_for_threads(void **state) {
    (void)state;
    struct play p = {.room = {.cores = 4}};
    jobs_of(&p, 4, 1, 1);
    for (int i = 0; i < 4; i++) p.jobs[i].threads = 2;
    play(&p);
    assert_int_equal(p.most, 2);
    assert_int_equal(p.threads[3], 2);
}

static void memory_limits_how_many_run_and_gives_them_the_cores(void **state) {
    (void)state;
    /* Each 100 MiB and what is outside the gate, beside 500 MiB of shared weights: two fit. */
    struct play p = {.room = {.cores = 4, .memory = 800 * MIB}};
    jobs_of(&p, 6, 100 * MIB, 500 * MIB);
    play(&p);
    assert_int_equal(p.most, 2);
    assert_int_equal(p.threads[0], 2);
    assert_int_equal(p.threads[1], 2);
}

static void shared_weights_count_once(void **state) {
    (void)state;
    struct play one = {.room = {.cores = 4, .memory = 1024 * MIB}}, other = one;
    jobs_of(&one, 4, 10 * MIB, 500 * MIB);
    play(&one);
    assert_int_equal(one.most, 4);
    jobs_of(&other, 4, 10 * MIB, 500 * MIB);
    const char *const keys[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) other.jobs[i].base_key = keys[i];
    play(&other);
    assert_int_equal(other.most, 1);
    /* as stored and as float32 are two */
    struct play mixed = {.room = {.cores = 4, .memory = 1024 * MIB}};
    jobs_of(&mixed, 4, 10 * MIB, 500 * MIB);
    for (int i = 0; i < 4; i++) mixed.jobs[i].base_f32 = i % 2;
    play(&mixed);
    assert_int_equal(mixed.most, 2);
}

static void a_small_run_passes_one_that_does_not_fit(void **state) {
    (void)state;
    struct play p = {.room = {.cores = 2, .memory = 1000 * MIB}};
    jobs_of(&p, 3, 100 * MIB, 0);
    p.jobs[1].own_bytes = 900 * MIB;
    play(&p);
    assert_int_equal(p.started[0], 0);
    assert_int_equal(p.started[1], 2);
    assert_int_equal(p.started[2], 1);
}

static void a_run_larger_than_the_room_runs_alone(void **state) {
    (void)state;
    struct play p = {.room = {.cores = 4, .memory = 100 * MIB}};
    jobs_of(&p, 3, 900 * MIB, 0);
    play(&p);
    assert_int_equal(p.most, 1);
}

/* ---- the report ---------------------------------------------------------------------------------------- */

static struct {
    char keys[256];
    double values[8], weight;
    int n;
    struct train_progress p;
    char phase[16], event[64];
} heard;

static void hear_metric(void *arg, const char *key, long step, double v) {
    (void)arg;
    snprintf(heard.keys + strlen(heard.keys), 64, "%s@%ld ", key, step);
    heard.values[heard.n++] = v;
}

static void hear_item(void *arg, const char *key, long item, double v, double weight) {
    hear_metric(arg, key, item, v);
    heard.weight = weight;
}

static void hear_progress(void *arg, const struct train_progress *p) {
    (void)arg;
    heard.p = *p;
    snprintf(heard.phase, sizeof heard.phase, "%s", p->phase);
}

static void hear_event(void *arg, const char *kind, const char *text) {
    (void)arg;
    snprintf(heard.event, sizeof heard.event, "%s:%s", kind, text);
}

static const struct train_report hearer = {NULL, hear_metric, hear_item, hear_progress, hear_event};

static int parse(const char *line, struct train_result *res) {
    struct err e;
    memset(&heard, 0, sizeof heard);
    return worker_parse(line, strlen(line), &hearer, res, &e);
}

static void a_report_line_carries_every_kind_of_number(void **state) {
    (void)state;
    struct train_result res;
    assert_int_equal(parse("{\"m\":[[\"train/"
                           "loss\",3,0.10000000000000001],[\"a\",4,\"nan\"],[\"b\",5,\"-inf\"],[\"c\",6,2]],"
                           "\"i\":[[\"nll\",7,\"inf\",12]],\"e\":[[\"warning\",\"3 "
                           "rows\"]],\"p\":[1,20,\"nan\",5.5,60.0,\"train\"]}",
                           &res),
                     0);
    assert_string_equal(heard.keys, "train/loss@3 a@4 b@5 c@6 nll@7 ");
    assert_true(heard.values[0] == 0.1 && isnan(heard.values[1]) && heard.values[2] == -INFINITY &&
                heard.values[3] == 2 && heard.values[4] == INFINITY);
    assert_true(heard.weight == 12);
    assert_string_equal(heard.event, "warning:3 rows");
    assert_true(heard.p.step == 1 && heard.p.steps == 20 && isnan(heard.p.loss) && heard.p.eta_s == 60);
    assert_string_equal(heard.phase, "train");
}

static void a_result_ends_the_report(void **state) {
    (void)state;
    struct train_result res;
    assert_int_equal(parse("{\"result\":{\"state\":\"nan\",\"steps\":7,\"eval_loss\":\"nan\",\"train_s\":1.5,"
                           "\"peak_bytes\":4096,"
                           "\"mem_peak\":[1,2],\"mem_at_peak\":[3]}}",
                           &res),
                     1);
    assert_int_equal(res.state, RUN_DIVERGED);
    assert_int_equal(res.steps, 7);
    assert_true(isnan(res.eval_loss) && res.train_s == 1.5);
    assert_int_equal(res.peak_bytes, 4096);
    assert_int_equal(res.mem_peak[1], 2);
    assert_int_equal(res.mem_at_peak[0], 3);
    assert_string_equal(res.error, "");
}

static void a_line_that_is_no_report_is_an_error(void **state) {
    (void)state;
    struct train_result res;
    const char *const bad[] = {"", "x", "[1]", "{\"m\":", "12", "{\"m\":[[\"a\",1,2]]} trailing"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_true(parse(bad[i], &res) < 0);
    /* Odd but harmless: rows that are not rows. */
    assert_int_equal(parse("{\"m\":[1,[2],[\"k\"]],\"p\":{},\"e\":[[1]],\"result\":3}", &res), 0);
}

static void a_job_keeps_its_numbers(void **state) {
    (void)state;
    json_t *config = json_pack("{s:f}", "lr", 0.1);
    struct train_job job = {
        .config = config, .seed = 7, .threads = 2, .memory_limit = MIB, .time_limit = 1.5, .save = "adapter"};
    char *text = worker_job_text(&job, 3, 0);
    json_t *j = json_loads(text, 0, NULL);
    assert_non_null(j);
    assert_true(json_real_value(json_object_get(json_object_get(j, "config"), "lr")) == 0.1);
    assert_int_equal(json_integer_value(json_object_get(j, "seed")), 7);
    assert_int_equal(json_integer_value(json_object_get(j, "index")), 3);
    assert_null(json_object_get(j, "out_dir"));
    json_decref(j);
    json_decref(config);
    free(text);
}

/* ---- progress ------------------------------------------------------------------------------------------ */

static void a_block_keeps_to_the_terminal(void **state) {
    (void)state;
    struct progress p;
    progress_init(&p, "rank", 10, 3, 0);
    for (int i = 0; i < 6; i++)
        progress_start(&p, i, "lora r=8 lr=2e-03 with a rather long label \303\251 seed 0", 0);
    progress_update(&p, 2, &(struct train_progress){34, 60, 3.4123, 521, 12, "train"});
    for (int width = 10; width < 200; width += 37) {
        struct strbuf out = {0};
        int lines, seen = 0;
        progress_draw(&p, 5, width, 4, &out, &lines);
        assert_int_equal(lines, 4);
        for (char *s = out.s, *nl; (nl = strchr(s, '\n')); s = nl + 1) {
            int cols = 0;
            for (char *c = s; c < nl; c++) cols += (*c & 0xC0) != 0x80;
            assert_true(cols <= width);
            seen++;
        }
        assert_int_equal(seen, 4);
        strbuf_release(&out);
    }
    struct strbuf out = {0};
    int lines;
    progress_draw(&p, 5, 120, 40, &out, &lines);
    assert_int_equal(lines, 7);
    assert_non_null(strstr(out.s, "step 34/60"));
    assert_non_null(strstr(out.s, "rank: 3 of 13 runs done, 6 running"));
    strbuf_release(&out);
    progress_release(&p);
}

static void a_finished_run_is_one_line(void **state) {
    (void)state;
    struct progress p;
    struct strbuf out = {0};
    struct train_result res;
    worker_result_init(&res);
    res.state = RUN_COMPLETE;
    res.metric = 3.4123;
    res.total_s = 35.2;
    progress_init(&p, "rank", 23, 7, 0);
    progress_end(&p, 0, 1);
    progress_line(&p, "lora r=8 seed 0", "eval/loss", &res, &out);
    assert_string_equal(out.s, "[ 8/30] lora r=8 seed 0: eval/loss 3.4123, 35.2 s, complete");
    strbuf_reset(&out);
    res.state = RUN_FAILED;
    strcpy(res.error, "killed\nby signal 11");
    res.metric = NAN;
    progress_line(&p, "x", "eval/loss", &res, &out);
    assert_string_equal(out.s, "[ 8/30] x: 35.2 s, failed: killed by signal 11");
    strbuf_release(&out);
    progress_release(&p);
}

static void times_and_sizes_read_well(void **state) {
    (void)state;
    char b[32];
    assert_string_equal(progress_time(8.44, b), "8.4 s");
    assert_string_equal(progress_time(185, b), "3:05");
    assert_string_equal(progress_time(7385, b), "2:03:05");
    assert_string_equal(progress_time(NAN, b), "-");
    assert_string_equal(progress_bytes(512, b), "512 B");
    assert_string_equal(progress_bytes(1572864, b), "1.5 MiB");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_runs_take_a_core_each),
        cmocka_unit_test(few_runs_share_the_cores_out),
        cmocka_unit_test(the_last_run_takes_the_cores_that_are_free),
        cmocka_unit_test(a_full_machine_waits),
        cmocka_unit_test(options_win_over_packing),
        cmocka_unit_test(a_sweep_can_ask_for_threads),
        cmocka_unit_test(memory_limits_how_many_run_and_gives_them_the_cores),
        cmocka_unit_test(shared_weights_count_once),
        cmocka_unit_test(a_small_run_passes_one_that_does_not_fit),
        cmocka_unit_test(a_run_larger_than_the_room_runs_alone),
        cmocka_unit_test(a_report_line_carries_every_kind_of_number),
        cmocka_unit_test(a_result_ends_the_report),
        cmocka_unit_test(a_line_that_is_no_report_is_an_error),
        cmocka_unit_test(a_job_keeps_its_numbers),
        cmocka_unit_test(a_block_keeps_to_the_terminal),
        cmocka_unit_test(a_finished_run_is_one_line),
        cmocka_unit_test(times_and_sizes_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
