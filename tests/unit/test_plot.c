/* SPDX-License-Identifier: Apache-2.0 */
/* test_plot.c - plots from made-up databases: what is drawn, where the files go, and that nothing in a name
 * escapes. `test_plot SHAPE FILE` makes such a database, for tests/cli/plot.bats, and does nothing else. */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/core/method.h"
#include "harness/analysis/prefer.h"
#include "harness/plot/plot.h"
#include "harness/plot/plot_private.h"
#include "tests/unit/plot_fixture.h"

/* ---- files --------------------------------------------------------------------------------------------- */

static void plane_writes_png_svg_csv_and_its_script(void **state) {
    (void)state;
    free(draw("rank", "plane", NULL, 0, 4));
    char *png = out_file("rank", "rank-plane.png"), *svg = out_file("rank", "rank-plane.svg"),
         *gp = out_file("rank", "rank-plane.gp");
    struct map m;
    struct err e = {0};
    assert_int_equal(map_open(&m, png, &e), 0);
    assert_true(m.size > 10000);
    assert_memory_equal(m.data, "\x89PNG\r\n\x1a\n", 8);
    unsigned width = (unsigned)m.data[16] << 24 | m.data[17] << 16 | m.data[18] << 8 | m.data[19];
    assert_int_equal(width, 1600);
    map_close(&m);
    char *text = text_of(svg);
    assert_non_null(strstr(text, "<svg"));
    assert_non_null(strstr(text, "</svg>"));
    assert_non_null(strstr(text, "delta_lora"));
    assert_null(strstr(text, "<image")); /* vectors, nothing embedded or linked */
    free(text);
    text = text_of(gp);
    assert_null(strstr(text, dir)); /* works wherever the folder is moved */
    free(text);
    free(png), free(svg), free(gp);
}

static void one_format_alone_on_demand(void **state) {
    (void)state;
    free(draw("smoke", "plane", NULL, PLOT_SVG, 3));
    char *png = out_file("smoke", "smoke-plane.png");
    assert_false(file_exists(png));
    free(png);
}

static void file_names_are_harmless_and_never_meet(void **state) {
    (void)state;
    static const char *const bad[] = {"",        ".",  "..",   "../x", "a/b", "a b",
                                      ".hidden", "-o", "a\nb", "x'",   "x\"", "\xff"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *a = plot_file_name(bad[i]);
        assert_true(*a && *a != '.' && *a != '-' && !strchr(a, '/'));
        for (const char *p = a; *p; p++)
            assert_non_null(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789._-",
                                   *p));
        for (size_t k = 0; k < i; k++) {
            char *b = plot_file_name(bad[k]);
            assert_string_not_equal(a, b);
            free(b);
        }
        free(a);
    }
    char *same = plot_file_name("rank-full_2.1");
    assert_string_equal(same, "rank-full_2.1");
    free(same);
    char longname[500];
    memset(longname, 'a', sizeof longname - 1), longname[sizeof longname - 1] = 0;
    char *cut = plot_file_name(longname);
    assert_true(strlen(cut) < 100);
    free(cut);
}

static void hostile_names_are_drawn_as_text(void **state) {
    (void)state;
    char old[4096];
    assert_non_null(getcwd(old, sizeof old));
    for (int i = 0; plot_kinds[i]; i++) free(draw("hostile", plot_kinds[i], NULL, PLOT_SVG, 3));
    char *folder = out_file("hostile", "");
    DIR *d = opendir(folder);
    assert_non_null(d);
    int files = 0;
    for (struct dirent *f; (f = readdir(d));) {
        if (*f->d_name == '.') continue;
        assert_null(strstr(f->d_name, "pwned."));
        assert_string_not_equal(f->d_name, "pwned");
        files++;
        char *path = path_join(folder, f->d_name), *text = NULL;
        if (strstr(f->d_name, ".svg")) {
            text = text_of(path);
            assert_non_null(strstr(text, "&lt;&amp;")); /* of the model's name */
            assert_null(strstr(text, "'\"<&"));
        }
        free(path), free(text);
    }
    closedir(d);
    free(folder);
    int kinds = 0;
    while (plot_kinds[kinds]) kinds++;
    assert_int_equal(files, 3 * kinds);
    assert_int_not_equal(access("pwned", F_OK), 0);
    char *up = xasprintf("%s/pwned", dir);
    assert_false(file_exists(up));
    free(up);
}

/* ---- what is drawn ------------------------------------------------------------------------------------- */

static void plane_has_each_cell_once_and_base_and_full_in_every_panel(void **state) {
    (void)state;
    char *csv = draw("rank", "plane", NULL, PLOT_SVG, 3);
    assert_int_equal(count(csv, "\n"), 1 + 28 + 5 + 5);
    assert_int_equal(count(csv, ",none,"), 5);
    assert_int_equal(count(csv, ",full,"), 5);
    for (int p = 1; p <= 5; p++) {
        char *base = xasprintf("\n%d,0,0,5.21,", p), *full = xasprintf("\n%d,5,3,", p);
        assert_int_equal(count(csv, base), 1);
        assert_int_equal(count(csv, full), 1);
        free(base), free(full);
    }
    /* lora r = 8 on q and v: second rank, first modules */
    assert_non_null(strstr(csv, "\n1,2,1,3.4"));
    assert_non_null(strstr(csv, "lora,\"q_proj,v_proj\""));
    free(csv);
}

static void panels_follow_the_registry(void **state) {
    (void)state;
    free(draw("rank", "plane", NULL, PLOT_SVG, 3));
    char *gp = out_file("rank", "rank-plane.gp"), *text = text_of(gp);
    const char *order[] = {"'lora  (lr", "'lora_fa  (lr", "'vera  (lr", "'delta_lora  (lr",
                           "'lora_plus  (lr"},
               *at = text;
    for (size_t i = 0; i < ARRAY_LEN(order); i++) assert_non_null(at = strstr(at, order[i]));
    free(gp), free(text);
}

static void plane_shows_the_best_rate_of_a_mean_over_seeds(void **state) {
    (void)state;
    char *csv = draw("rank-full", "plane", NULL, PLOT_SVG, 3);
    /* panel 1, r = 8 is the fourth rank, all-linear: three seeds at the middle one of three rates */
    const char *row = strstr(csv, "\n1,4,2,");
    assert_non_null(row);
    double mean, min, max, lr;
    int seeds, mark, tried;
    assert_int_equal(
        sscanf(row, "\n1,4,2,%lf,%lf,%lf,%d,%d,%lf,%d", &mean, &min, &max, &seeds, &mark, &lr, &tried), 7);
    assert_true(min < mean && mean < max);
    assert_int_equal(seeds, 3);
    assert_int_equal(mark, 0);
    assert_true(lr == 1e-3);
    assert_int_equal(tried, 3);
    free(csv);
}

static void a_maximized_metric_prefers_the_largest(void **state) {
    (void)state;
    struct db *db = open_shape("maximize");
    struct plot_set s;
    struct err e = {0};
    struct plot_job job = {0};
    if (plot_set_read(&s, db, &job, 0, &e)) fail_msg("%s", e.msg);
    assert_true(s.maximize);
    assert_true(prefer_value(s.maximize, 2, 1));
    assert_false(prefer_value(s.maximize, NAN, 1));
    assert_true(prefer_value(s.maximize, 1, NAN));
    plot_set_release(&s);
    db_close(db);
    free(draw("maximize", "plane", NULL, PLOT_SVG, 3));
    char *gp = out_file("maximize", "maximize-plane.gp"), *text = text_of(gp);
    assert_non_null(strstr(text, "(higher is better)"));
    free(gp), free(text);
}

static void cells_without_a_value_say_why(void **state) {
    (void)state;
    char *csv = draw("partial", "plane", NULL, PLOT_SVG, 3);
    static const char *const words[] = {",diverged,", ",oom,", ",timeout,", ",failed,", ",not started,"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) assert_non_null(strstr(csv, words[i]));
    free(csv);
}

static void a_rate_at_which_a_seed_diverged_is_chosen_last(void **state) {
    (void)state;
    char *csv = draw("lr", "lr", NULL, PLOT_SVG, 3);
    /* full diverges with one seed of two at 5e-4: drawn, marked, never best */
    const char *row = strstr(csv, ",0.0005,");
    bool seen = false;
    for (; row; row = strstr(row + 1, ",0.0005,")) {
        const char *end = strchr(row, '\n');
        char *line = xstrndup(row, (size_t)(end - row));
        if (strstr(line, ",full,")) {
            int seeds, diverged, stack, best;
            double m;
            assert_int_equal(
                sscanf(line, ",0.0005,%lf,,,,,%d,%d,%d,%d", &m, &seeds, &diverged, &stack, &best),
                5); /* one seed is left: no interval */
            assert_int_equal(seeds, 1);
            assert_int_equal(diverged, 1);
            assert_int_equal(best, 0);
            seen = true;
        }
        free(line);
    }
    assert_true(seen);
    assert_non_null(strstr(csv, ",diverged,"));
    free(csv);
}

static void memory_bars_add_up_to_the_peak(void **state) {
    (void)state;
    char *csv = draw("rank", "memory", NULL, PLOT_SVG, 3);
    assert_int_equal(count(csv, "\n"), 1 + 30);
    int rows = 0;
    for (const char *p = strchr(csv, '\n'); p && p[1]; p = strchr(p + 1, '\n'), rows++) {
        double y, peak, rss, c[9], sum = 0;
        assert_int_equal(sscanf(p, "\n%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%lf", &y, &peak, &rss,
                                &c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &c[7], &c[8]),
                         12);
        for (int i = 0; i < 9; i++) sum += c[i];
        assert_true(sum == peak);
        assert_true(rss > peak);
    }
    assert_int_equal(rows, 30);
    free(csv);
}

static void many_runs_give_one_bar_per_method_rank_and_modules(void **state) {
    (void)state;
    char *csv = draw("rank-full", "memory", NULL, PLOT_SVG, 3);
    assert_int_equal(count(csv, "\n"), 1 + 1 + 1 + 4 * 7 * 2 + 2 * 2);
    free(csv);
}

static void curves_have_evaluations_and_smoothed_training_loss(void **state) {
    (void)state;
    char *csv = draw("rank", "curves", NULL, PLOT_SVG, 3);
    /* 29 trained cells: 3 evaluations and 60 steps each */
    assert_int_equal(count(csv, "\n"), 1 + 29 * 63);
    free(csv);
}

static void where_filters_runs(void **state) {
    (void)state;
    char *csv = draw("rank", "plane", "method = 'lora' and r >= 8 -- not more", PLOT_SVG, 3);
    assert_int_equal(count(csv, "\n"), 1 + 4 + 1); /* the base's value is known from the runs */
    free(csv);
}

static void two_models_give_two_pictures(void **state) {
    (void)state;
    struct db *db = open_shape("models");
    struct plot_paths paths = {0};
    struct err e = {0};
    struct plot_job job = {.formats = PLOT_SVG};
    if (plot_kind(db, "plane", &job, &paths, &e)) fail_msg("%s", e.msg);
    assert_int_equal(paths.n, 6);
    assert_non_null(strstr(paths.path[0], "models-other-360m-lm-glosses-plane.svg"));
    assert_non_null(strstr(paths.path[3], "models-smollm2-135m-lm-glosses-plane.svg"));
    plot_paths_release(&paths);
    db_close(db);
}

/* ---- mistakes ------------------------------------------------------------------------------------------ */

static void mistakes_are_told_with_a_remedy(void **state) {
    (void)state;
    struct err e = {0};
    assert_int_equal(draw_fails("rank", "plan", &(struct plot_job){0}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "did you mean 'plane'"));
    assert_int_equal(draw_fails("rank", "plane", &(struct plot_job){.sweep = "rnak"}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "did you mean 'rank'"));
    assert_int_equal(draw_fails("rank", "plane", &(struct plot_job){.where = "metodh = 1"}, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "metodh"));
    assert_int_equal(draw_fails("rank", "plane", &(struct plot_job){.where = "1)); DROP TABLE run; --"}, &e),
                     ERR_USER);
    assert_int_equal(draw_fails("rank", "lr", &(struct plot_job){0}, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "two learning rates"));
    assert_int_equal(draw_fails("rank", "plane", &(struct plot_job){.where = "r = 12345"}, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "--where"));
    assert_int_equal(draw_fails("empty", "plane", &(struct plot_job){0}, &e), ERR_RESOURCE);
    char *file = xasprintf("%s/rank/bench.db/x", dir);
    assert_int_equal(draw_fails("rank", "plane", &(struct plot_job){.out_dir = file}, &e), ERR_RESOURCE);
    free(file);
}

/* With a PATH on which gnuplot is missing, or is the script given. */
static char *path_set(const char *script) {
    char *old = xstrdup(getenv("PATH")), *bin = xasprintf("%s/bin", dir),
         *fake = xasprintf("%s/bin/gnuplot", dir);
    struct err e = {0};
    assert_int_equal(dir_make(bin, &e), 0);
    unlink(fake);
    if (script) {
        assert_int_equal(file_write(fake, script, strlen(script), &e), 0);
        assert_int_equal(chmod(fake, 0755), 0);
    }
    setenv("PATH", bin, 1);
    free(bin), free(fake);
    return old;
}

static void path_restore(char *old) {
    setenv("PATH", old, 1);
    free(old);
}

static void without_gnuplot_the_data_is_written_and_the_remedy_told(void **state) {
    (void)state;
    struct err e = {0};
    char *old = path_set(NULL), *out = xasprintf("%s/none", dir), *csv = xasprintf("%s/rank-plane.csv", out),
         *png = xasprintf("%s/rank-plane.png", out), **paths;
    int n;
    assert_int_equal(draw_fails("rank", "plane", &(struct plot_job){.out_dir = out}, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "apt-get install gnuplot-nox"));
    assert_true(file_exists(csv));
    assert_false(file_exists(png));
    struct db *db = open_shape("rank");
    assert_int_equal(plot_sweep(db, "rank", out, &paths, &n, &e), 0);
    assert_int_equal(n, 8); /* csv and gp of plane, memory, curves, pareto */
    assert_non_null(strstr(e.msg, "gnuplot-nox"));
    for (int i = 0; i < n; i++) free(paths[i]);
    free(paths);
    db_close(db);
    path_restore(old);
    free(out), free(csv), free(png);
}

static void a_failing_gnuplot_is_told_and_leaves_no_old_picture(void **state) {
    (void)state;
    struct err e = {0};
    free(draw("smoke", "plane", NULL, 0, 4));
    char *png = out_file("smoke", "smoke-plane.png");
    assert_true(file_exists(png));
    char *old = path_set("#!/bin/sh\necho '\"smoke-plane.gp\" line 7: it will not' >&2\nexit 1\n");
    assert_int_equal(draw_fails("smoke", "plane", &(struct plot_job){0}, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "it will not"));
    assert_false(file_exists(png));
    path_restore(old);
    old = path_set("#!/bin/sh\nexit 0\n");
    assert_int_equal(draw_fails("smoke", "plane", &(struct plot_job){0}, &e), ERR_RESOURCE);
    assert_non_null(strstr(e.msg, "wrote no"));
    path_restore(old);
    free(png);
}

/* ---- at the end of a sweep ----------------------------------------------------------------------------- */

static void sweep_draws(const char *shape, int want) {
    struct db *db = open_shape(shape);
    struct err e = {0};
    char **paths;
    int n;
    if (plot_sweep(db, shape, NULL, &paths, &n, &e)) fail_msg("%s", e.msg);
    assert_string_equal(e.msg, "");
    assert_int_equal(n, want);
    for (int i = 0; i < n; i++) {
        assert_true(file_exists(paths[i]));
        free(paths[i]);
    }
    free(paths);
    db_close(db);
}

static void a_sweep_draws_what_it_can(void **state) {
    (void)state;
    sweep_draws("smoke", 16); /* one learning rate: no lr */
    sweep_draws("lr", 20);
    sweep_draws("empty", 0);
}

static void full_fine_tuning_alone_has_learning_rates_to_draw(void **state) {
    (void)state;
    sweep_draws("full-only", 20);
    free(draw("full-only", "lr", NULL, 0, 4));
}

static void colors_stay_those_of_older_pictures(void **state) {
    (void)state;
    assert_string_equal(plot_method_color("full"), "#000000");
    assert_string_equal(plot_method_color("lora"), "#0072b2");
    assert_string_equal(plot_method_color("lora_fa"), "#e69f00");
    assert_string_equal(plot_method_color("vera"), "#009e73");
    assert_string_equal(plot_method_color("delta_lora"), "#cc79a7");
    assert_string_equal(plot_method_color("lora_plus"), "#d55e00");
    for (int i = 0; method_list[i]; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(plot_method_color(method_list[i]->name),
                                    plot_method_color(method_list[k]->name));
}

int main(int argc, char **argv) {
    if (argc == 3) return make_plot_db(argv[1], argv[2]) ? 0 : 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plane_writes_png_svg_csv_and_its_script),
        cmocka_unit_test(one_format_alone_on_demand),
        cmocka_unit_test(file_names_are_harmless_and_never_meet),
        cmocka_unit_test(hostile_names_are_drawn_as_text),
        cmocka_unit_test(plane_has_each_cell_once_and_base_and_full_in_every_panel),
        cmocka_unit_test(panels_follow_the_registry),
        cmocka_unit_test(plane_shows_the_best_rate_of_a_mean_over_seeds),
        cmocka_unit_test(a_maximized_metric_prefers_the_largest),
        cmocka_unit_test(cells_without_a_value_say_why),
        cmocka_unit_test(a_rate_at_which_a_seed_diverged_is_chosen_last),
        cmocka_unit_test(memory_bars_add_up_to_the_peak),
        cmocka_unit_test(many_runs_give_one_bar_per_method_rank_and_modules),
        cmocka_unit_test(curves_have_evaluations_and_smoothed_training_loss),
        cmocka_unit_test(where_filters_runs),
        cmocka_unit_test(two_models_give_two_pictures),
        cmocka_unit_test(mistakes_are_told_with_a_remedy),
        cmocka_unit_test(without_gnuplot_the_data_is_written_and_the_remedy_told),
        cmocka_unit_test(a_failing_gnuplot_is_told_and_leaves_no_old_picture),
        cmocka_unit_test(a_sweep_draws_what_it_can),
        cmocka_unit_test(full_fine_tuning_alone_has_learning_rates_to_draw),
        cmocka_unit_test(colors_stay_those_of_older_pictures),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
