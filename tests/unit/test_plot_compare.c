/* SPDX-License-Identifier: Apache-2.0 */
/* test_plot_compare.c - plots that compare methods: fronts, choices, times, forests and planes of rates. */
#include "tests/unit/plot_fixture.h"

#include <math.h>

static void pareto_fronts_are_stairs_of_what_nothing_beats(void **state) {
    (void)state;
    char *csv = draw("rank", "pareto", NULL, PLOT_SVG, 3);
    double last[4] = {0}, best[4] = {9, 9, 9, 9};
    int step = 0, filled = 0, hollow = 0;
    for (char *row = strchr(csv, '\n') + 1; *row; row = strchr(row, '\n') + 1) {
        int panel, series, role;
        double x, y;
        assert_int_equal(sscanf(row, "%d,%d,%d,%lf,%lf", &panel, &series, &role, &x, &y), 5);
        step += role == 3, filled += role == 1, hollow += role == 0;
        if (role != 3) continue;
        assert_true(x >= last[panel] && y < best[panel]); /* dearer, but better */
        last[panel] = x, best[panel] = y;
    }
    assert_int_equal(step, filled);
    assert_int_equal(filled + hollow, 3 * 29);
    assert_true(hollow > filled && filled >= 3);
    assert_non_null(strstr(csv, ",64 all-linear,"));
    free(csv);
}

static void ablation_has_a_panel_per_choice_and_the_best_of_the_rest(void **state) {
    (void)state;
    char *csv = draw("rank-full", "ablation", NULL, PLOT_SVG, 3);
    assert_non_null(strstr(csv, "\n1,1,2,1,")); /* ranks, and alpha with them: one panel */
    assert_non_null(strstr(csv, "\n2,"));       /* modules */
    assert_null(strstr(csv, "\n3,"));
    assert_int_equal(count(csv, ",all-linear\n"),
                     4 * 7 + 2 + 5);    /* ranks at the better modules; modules once per method */
    assert_null(strstr(csv, ",full,")); /* has one value of each */
    free(csv);
}

static void time_gives_each_method_its_best_line(void **state) {
    (void)state;
    char *csv = draw("rank-full", "time", NULL, PLOT_SVG, 3);
    assert_int_equal(count(csv, ",lora,"), 3); /* three evaluations */
    assert_int_equal(count(csv, ",full,"), 3);
    assert_int_equal(count(csv, ",3,64,"), 4 * 3); /* seeds, rank */
    free(csv);
}

static void a_forest_has_methods_and_their_controls_with_intervals(void **state) {
    (void)state;
    char *csv = draw("rank-full", "forest", NULL, PLOT_SVG, 3);
    assert_int_equal(count(csv, ",3,1,"), 5); /* seeds, known: five methods less full */
    assert_null(strstr(csv, "full lr"));
    for (char *row = strchr(csv, '\n') + 1; *row; row = strchr(row, '\n') + 1) {
        double y, diff, lo, hi;
        assert_int_equal(sscanf(row, "%lf,%lf,%lf,%lf", &y, &diff, &lo, &hi), 4);
        assert_true(lo < diff && diff < hi);
    }
    free(csv);
    csv = draw("rates", "forest", NULL, PLOT_SVG, 3);
    assert_non_null(strstr(csv, "lora_plus r=8 - lora r=8: equal count"));
    free(csv);
    csv = draw("rank", "forest", NULL, PLOT_SVG, 3);
    assert_int_equal(count(csv, ",1,0,"), 5); /* one seed: not known */
    free(csv);
}

/* Of two seeds the values are drawn, from three on the interval. */
static void bars_and_bands_need_three_seeds(void **state) {
    (void)state;
    static const char *const kinds[] = {"curves", "lr", "ablation"};
    for (int k = 0; k < 3; k++)
        for (int three = 0; three < 2; three++) {
            struct rows_read {
                double low, high, least, most;
            } r;
            char *csv = draw(three ? "rank-full" : "lr", kinds[k], NULL, PLOT_SVG, 3);
            int at = 0, bars = 0, dots = 0;
            for (char *c = csv; strncmp(c, "low,", 4); c++) at += *c == ',';
            for (char *row = strchr(csv, '\n') + 1; *row; row = strchr(row, '\n') + 1) {
                const char *cell = row;
                double *v = &r.low;
                for (int i = 0; i < at; i++) cell = strchr(cell, ',') + 1;
                for (int i = 0; i < 4; i++, cell = strchr(cell, ',') + 1)
                    v[i] = *cell == ',' ? NAN : atof(cell);
                assert_true(isnan(r.low) || isnan(r.least));
                assert_true(isnan(r.low) == isnan(r.high) && isnan(r.least) == isnan(r.most));
                bars += r.low < r.high, dots += r.least < r.most;
            }
            assert_true(three ? bars > 0 && !dots : !bars && dots > 0);
            free(csv);
        }
}

/* What is not decided is grey. */
static void a_forest_shows_what_is_decided_by_its_colour(void **state) {
    (void)state;
    free(draw("rank", "forest", NULL, PLOT_SVG, 3));
    char *gp = out_file("rank", "rank-forest.gp"), *text = text_of(gp);
    assert_non_null(strstr(text, "row_color[5] = ['#999999', '#999999'"));
    free(gp), free(text);
    free(draw("rank-full", "forest", NULL, PLOT_SVG, 3));
    gp = out_file("rank-full", "rank-full-forest.gp"), text = text_of(gp);
    assert_null(strstr(text, "['#999999'"));
    free(gp), free(text);
}

static void a_heatmap_has_the_plane_of_two_rates(void **state) {
    (void)state;
    char *csv = draw("rates", "heatmap", NULL, PLOT_SVG, 3);
    /* 5e-5..8e-4 of A; B's are their products with 1, 4, 16, 64: six values */
    assert_int_equal(count(csv, ",lora_plus\n"), 3 * 6);
    assert_non_null(strstr(csv, ",1,,2e-4,8e-4,lora_plus")); /* the best is marked */
    assert_int_equal(count(csv, "diverged"), 1);
    assert_non_null(strstr(csv, ",5.12e-2,") ? csv : NULL);
    free(csv);
    csv = draw("rank-full", "heatmap", NULL, PLOT_SVG, 3);
    assert_non_null(strstr(csv, ",64,lora\n"));
    free(csv);
}

static void pdf_and_a_template_of_ones_own(void **state) {
    (void)state;
    free(draw("lr", "lr", NULL, PLOT_PDF, 3));
    char *pdf = out_file("lr", "lr-lr.pdf"), *own = xasprintf("%s/own.gp", dir),
         *svg = out_file("smoke", "smoke-plane.svg");
    char *text = text_of(pdf);
    assert_memory_equal(text, "%PDF", 4);
    free(text);
    static const char script[] =
        "W = 400; H = 300\neval start('svg')\nset title 'mine: '.metric\nplot sin(x)\nunset output\n";
    struct err e = {0};
    assert_int_equal(file_write(own, script, sizeof script - 1, &e), 0);
    struct db *db = open_shape("smoke");
    struct plot_paths paths = {0};
    assert_int_equal(
        plot_kind(db, "plane", &(struct plot_job){.template = own, .formats = PLOT_SVG}, &paths, &e), 0);
    text = text_of(svg);
    assert_non_null(strstr(text, "mine: eval/loss"));
    plot_paths_release(&paths);
    assert_int_equal(plot_kind(db, "plane", &(struct plot_job){.template = "no.gp"}, &paths, &e), ERR_USER);
    plot_paths_release(&paths);
    db_close(db);
    free(pdf), free(own), free(svg), free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pareto_fronts_are_stairs_of_what_nothing_beats),
        cmocka_unit_test(ablation_has_a_panel_per_choice_and_the_best_of_the_rest),
        cmocka_unit_test(time_gives_each_method_its_best_line),
        cmocka_unit_test(a_forest_has_methods_and_their_controls_with_intervals),
        cmocka_unit_test(bars_and_bands_need_three_seeds),
        cmocka_unit_test(a_forest_shows_what_is_decided_by_its_colour),
        cmocka_unit_test(a_heatmap_has_the_plane_of_two_rates),
        cmocka_unit_test(pdf_and_a_template_of_ones_own),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
