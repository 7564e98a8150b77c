/* SPDX-License-Identifier: Apache-2.0 */
/* test_watch.c - sparklines, and a sweep under way drawn from a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/table/table.h"
#include "harness/report/watch.h"
#include "tests/make_plot_db.h"

static void sparklines_span_their_values(void **state) {
    (void)state;
    struct strbuf b = {0};
    watch_sparkline((double[]){0, 1, NAN, 0.5}, 4, &b);
    assert_string_equal(b.s, "\xe2\x96\x81\xe2\x96\x88 \xe2\x96\x84");
    strbuf_reset(&b);
    watch_sparkline((double[]){2, 2}, 2, &b); /* flat: in the middle */
    assert_string_equal(b.s, "\xe2\x96\x84\xe2\x96\x84");
    strbuf_release(&b);
}

static void a_sweep_under_way_shows_what_runs_and_what_ended(void **state) {
    (void)state;
    char dir[] = "/tmp/bench-test-watch-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *path = path_join(dir, "w.db"), *remove = xasprintf("rm -rf %s", dir);
    struct err e = {0};
    struct maker m = maker_begin(path, "under-way", "smollm2-135m", "glosses");
    maker_run(&m, "none", 8, "all-linear", 0, 0, "complete");
    maker_run(&m, "lora", 8, "all-linear", 1e-3, 0, "complete");
    maker_run(&m, "lora", 8, "all-linear", 9e-3, 0, "nan");
    maker_run(&m, "vera", 64, "all-linear", 1e-2, 0, NULL);
    int64_t point = maker_point(&m, "lora", 64, "all-linear", 1e-3), run;
    assert_int_equal(db_cell(m.db, m.sweep, point, 0, m.order++, &e), 0);
    assert_int_equal(
        db_run_new(m.db, &(struct db_run){.sweep = m.sweep, .point = point, .env = m.env, .threads = 1}, &run,
                   &e),
        0);
    for (int i = 1; i <= 30; i++)
        assert_int_equal(db_metric(m.db, run, "train/loss", i, 5 - 0.05 * i, &e), 0);
    assert_int_equal(db_sweep_ready(m.db, &e), 0);
    struct strbuf b = {0};
    struct watch w = {.pid = getpid(), .local = true, .width = 100, .height = 40};
    assert_int_equal(watch_draw(m.db, &w, &b, &e), 0);
    assert_non_null(strstr(b.s, "sweep under-way: 3 of 5 runs ended, 1 of them not well, 1 running; about "));
    assert_non_null(strstr(b.s, "30/60  3.5000  "));
    assert_non_null(strstr(b.s, "lora r=64 all-linear lr=1e-3 seed 0"));
    assert_non_null(strstr(b.s, "diverged "));
    strbuf_reset(&b);
    w.width = 30, w.height = 5;
    assert_int_equal(watch_draw(m.db, &w, &b, &e), 0);
    int lines = 0;
    for (char *line = strtok(b.s, "\n"); line; line = strtok(NULL, "\n"), lines++)
        assert_true(table_width(line) <= 30);
    assert_true(lines <= 5);
    strbuf_release(&b);
    maker_end(&m);
    assert_int_equal(system(remove), 0);
    free(path), free(remove);
}

/* The system's page size, as many times larger as the test says. */
static long pages_larger = 1;

long sysconf(int name) {
    static long (*real)(int);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "sysconf");
    return real(name) * (name == _SC_PAGESIZE ? pages_larger : 1);
}

static void memory_of_workers_counts_pages_of_this_machine(void **state) {
    (void)state;
    int n;
    pid_t pid = fork();
    if (pid == 0)
        for (;;) pause();
    usleep(50000);
    size_t small = watch_children(getpid(), &n);
    assert_int_equal(n, 1);
    pages_larger = 16; /* 64 KiB: arm64, ppc64 */
    size_t large = watch_children(getpid(), &n);
    pages_larger = 1;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_true(small > 0);
    assert_int_equal(large, 16 * small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sparklines_span_their_values),
        cmocka_unit_test(memory_of_workers_counts_pages_of_this_machine),
        cmocka_unit_test(a_sweep_under_way_shows_what_runs_and_what_ended),
    };
    (void)make_plot_db;
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
