/* SPDX-License-Identifier: Apache-2.0 */
/* test_plot_heatmap.c - heat-maps: the numbers beside the picture, the scale, and that any labels and sizes
 * draw without a word from gnuplot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/plot/plot_private.h"
#include "harness/base/util.h"

static char dir[64];

static int setup(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-heatmap-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    return setenv("BENCH_SHARE", "experiments", 1);
}

static int teardown(void **state) {
    (void)state;
    char *cmd = xasprintf("rm -rf %s", dir);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

static const char *const x[] = {"1e-4", "1e-3", "1e-2"}, *const y[] = {"low", "high"};
static const double value[] = {1, 2, 3, 4, NAN, 6};
static const char *const state_of[] = {NULL, NULL, NULL, NULL, "diverged", NULL};

static struct plot_heat small(const struct plot_heat_panel *p, int n) {
    return (struct plot_heat){.title = "T",
                              .subtitle = "S",
                              .xlabel = "X",
                              .ylabel = "Y",
                              .zlabel = "Z",
                              .xlab = x,
                              .ylab = y,
                              .nx = 3,
                              .ny = 2,
                              .panel = p,
                              .npanel = n,
                              .lo = NAN,
                              .hi = NAN};
}

static char *csv_of(const struct plot_heat *h, char **head) {
    struct plot_figure f = {0};
    struct strbuf b = {0};
    plot_heat_panels(&f, h);
    assert_string_equal(f.kind, "heatmap");
    table_write(f.csv, TABLE_AS_CSV, 0, &b);
    *head = xstrdup(f.head.s);
    plot_figure_release(&f);
    return strbuf_detach(&b);
}

static void every_cell_is_a_row_with_its_labels(void **st) {
    (void)st;
    struct plot_heat_panel p = {.title = "a", .value = value, .state = state_of, .marked = true, .mark = 2};
    struct plot_heat h = small(&p, 1);
    char *head, *csv = csv_of(&h, &head);
    assert_string_equal(csv, "panel,x,y,value,mark,state,x_label,y_label,panel_title\n"
                             "1,0,0,1,0,,1e-4,low,a\n"
                             "1,1,0,2,0,,1e-3,low,a\n"
                             "1,2,0,3,1,,1e-2,low,a\n"
                             "1,0,1,4,0,,1e-4,high,a\n"
                             "1,1,1,,0,diverged,1e-3,high,a\n"
                             "1,2,1,6,0,,1e-2,high,a\n");
    assert_non_null(strstr(head, "lo = 1\nhi = 6\n"));
    free(csv);
    free(head);
}

static void the_scale_is_shared_given_or_that_of_the_values_and_never_empty(void **st) {
    (void)st;
    const double equal[] = {5, 5, 5, 5, 5, 5}, none[] = {NAN, NAN, NAN, NAN, NAN, NAN};
    struct plot_heat_panel p[] = {{.title = "a", .value = value}, {.title = "b", .value = equal}};
    struct plot_heat h = small(p, 2);
    char *head;
    h.lo = 0;
    free(csv_of(&h, &head));
    assert_non_null(strstr(head, "lo = 0\nhi = 6\n"));
    free(head);
    h = small(p + 1, 1);
    free(csv_of(&h, &head));
    assert_null(strstr(head, "lo = 5\nhi = 5\n"));
    free(head);
    p[1].value = none;
    free(csv_of(&h, &head));
    assert_non_null(strstr(head, "lo = 0\nhi = 1\n"));
    free(head);
}

/* gnuplot's own warnings go to standard error, which plot_figure_write reads; a script that fails is an
 * error. */
static void draw(const struct plot_heat *h, const char *base) {
    struct plot_figure f = {0};
    struct plot_paths paths = {0};
    struct err e = {0};
    plot_heat_panels(&f, h);
    int rc = plot_figure_write(&f, dir, base, 0, &paths, &e);
    if (strstr(e.msg, "gnuplot is not installed")) skip();
    if (rc) fail_msg("%s: %s", base, e.msg);
    plot_figure_release(&f);
    plot_paths_release(&paths);
}

static void any_size_and_hostile_labels_are_drawn(void **st) {
    (void)st;
    enum { N = 40 };
    static double big[N * N];
    static const char *many[N];
    for (int i = 0; i < N * N; i++) big[i] = i % 7 ? 0.001 * i : NAN;
    for (int i = 0; i < N; i++) many[i] = i % 8 ? "" : "`touch gone` $(x) 'q' %d {/Bold @x}";
    struct plot_heat_panel p[] = {{.title = "'; system('touch gone')", .value = big},
                                  {.title = "", .value = big},
                                  {.title = "c", .value = big},
                                  {.title = "d", .value = big}};
    struct plot_heat h = small(p, 4);
    h.xlab = h.ylab = many;
    h.nx = h.ny = N;
    h.square = h.maximize = true;
    draw(&h, "big");
    h = small(&(struct plot_heat_panel){.title = "one", .value = value, .state = state_of}, 1);
    draw(&h, "small");
    h.nx = h.ny = 1;
    draw(&h, "single");
    char *gone = path_join(dir, "gone");
    assert_false(file_exists(gone) || file_exists("gone"));
    free(gone);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_is_a_row_with_its_labels),
        cmocka_unit_test(the_scale_is_shared_given_or_that_of_the_values_and_never_empty),
        cmocka_unit_test_setup_teardown(any_size_and_hostile_labels_are_drawn, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
