/* SPDX-License-Identifier: Apache-2.0 */
/* test_db.c - the record: columns, states, locking, crashes, readers beside a writer. Synthetic runs in a
 * temporary folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/record/db.h"
#include "harness/base/util.h"

static char dir[64];

static int make_dir(void **state) {
    (void)state;
    strcpy(dir, "/tmp/bench-test-db-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    char *cmd = xasprintf("chmod -R u+w %s; rm -rf %s", dir, dir);
    int rc = system(cmd);
    free(cmd);
    return rc;
}

static char *in_dir(const char *name) { return path_join(dir, name); }

static struct db *open_db(bool write) {
    struct db *db;
    struct err e = {0};
    char *path = in_dir("sub/bench.db");
    if (db_open(&db, path, write, &e)) fail_msg("%s", e.msg);
    free(path);
    return db;
}

static void ok(int rc, const struct err *e) {
    if (rc) fail_msg("%d: %s", rc, e->msg);
}

static int64_t number(struct db *db, const char *sql) {
    struct db_query *q;
    struct err e = {0};
    ok(db_query(db, &q, sql, &e), &e);
    assert_int_equal(db_query_next(q, &e), 1);
    int64_t v = db_query_int(q, 0);
    db_query_close(q);
    return v;
}

static double real(struct db *db, const char *sql) {
    struct db_query *q;
    struct err e = {0};
    ok(db_query(db, &q, sql, &e), &e);
    assert_int_equal(db_query_next(q, &e), 1);
    double v = db_query_num(q, 0);
    db_query_close(q);
    return v;
}

static void assert_text(struct db *db, const char *sql, const char *want) {
    struct db_query *q;
    struct err e = {0};
    ok(db_query(db, &q, sql, &e), &e);
    assert_int_equal(db_query_next(q, &e), 1);
    if (want)
        assert_string_equal(db_query_text(q, 0), want);
    else
        assert_null(db_query_text(q, 0));
    db_query_close(q);
}

/* ---- synthetic runs ------------------------------------------------------------------------------------ */

static json_t *config_of(const char *method, int r) {
    return json_pack("{s:s,s:s,s:s,s:{s:f,s:i,s:i,s:[f,f]},s:i,s:i,s:[s,s],s:b,s:n}", "method", method,
                     "task", "lm", "model", "tiny", "train", "lr", 5e-4, "batch_size", 8, "max_length", 256,
                     "adam_betas", 0.9, 0.999, "r", r, "lora_alpha", 16, "target_modules", "q_proj", "v_proj",
                     "shuffle", 1, "nothing");
}

static int64_t add_sweep(struct db *db, const char *name, const char *metric, const char *yaml) {
    struct err e = {0};
    struct db_sweep s = {
        .name = name, .path = "/x/sweeps/rank.yaml", .yaml = yaml, .metric = metric, .goal = "minimize"};
    int64_t id;
    ok(db_sweep_begin(db, &s, &id, &e), &e);
    return id;
}

static int64_t add_point(struct db *db, const char *hash, const char *method, int r) {
    struct err e = {0};
    int64_t model, data, id;
    ok(db_model(db, &(struct db_model){"tiny", "/m/tiny", "m0", 1000}, &model, &e), &e);
    ok(db_dataset(db, &(struct db_dataset){"glosses", "/d", "d0"}, &data, &e), &e);
    json_t *config = config_of(method, r);
    struct db_point p = {
        .hash = hash, .base_hash = "base", .config = config, .model = model, .dataset = data};
    ok(db_point(db, &p, &id, &e), &e);
    json_decref(config);
    return id;
}

static struct train_result result_of(const char *state, double loss) {
    struct train_result r = {.trainable = 1000,
                             .total_params = 100000,
                             .adapted_params = 25000,
                             .steps = 60,
                             .tokens = 5000,
                             .train_loss = loss + 0.1,
                             .eval_loss = loss,
                             .metric = loss,
                             .best_metric = loss,
                             .best_step = 40,
                             .test_metric = NAN,
                             .peak_bytes = 5000,
                             .peak_bytes_predicted = 5000,
                             .rss_bytes = 9000,
                             .checkpoint_bytes = 4100,
                             .checkpoint_bytes_min = 4000,
                             .train_s = 2,
                             .eval_s = 1,
                             .total_s = 4};
    r.state = run_state_parse(state);
    r.mem_peak[MEM_ACT] = 700, r.mem_at_peak[MEM_ACT] = 600, r.mem_peak[MEM_OPT] = 80,
    r.mem_at_peak[MEM_OPT] = 80;
    return r;
}

static int64_t add_run(struct db *db, int64_t sweep, int64_t point, uint64_t seed, const char *state,
                       double loss) {
    struct err e = {0};
    int64_t env, run;
    ok(db_env(db, &(struct db_env){.build = "b1", .cpu = "some", .cores = 2}, &env, &e), &e);
    struct db_run r = {.sweep = sweep, .point = point, .env = env, .seed = seed, .threads = 2};
    ok(db_run_new(db, &r, &run, &e), &e);
    if (!state) return run;
    struct train_result res = result_of(state, loss);
    ok(db_run_finish(db, run, &res, 0, &e), &e);
    return run;
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void test_view_runs_has_the_documented_columns_in_order(void **state) {
    (void)state;
    static const char *const want[] = {"run_id",
                                       "point_id",
                                       "control_of",
                                       "sweep",
                                       "state",
                                       "model",
                                       "task",
                                       "data",
                                       "method",
                                       "r",
                                       "lora_alpha",
                                       "lr",
                                       "seed",
                                       "target_modules",
                                       "trainable",
                                       "total_params",
                                       "trainable_fraction",
                                       "adapted_fraction",
                                       "steps",
                                       "tokens",
                                       "batch_size",
                                       "max_length",
                                       "train_loss",
                                       "eval_loss",
                                       "base_eval_loss",
                                       "metric_name",
                                       "metric",
                                       "best_metric",
                                       "best_step",
                                       "base_metric",
                                       "test_metric",
                                       "peak_bytes",
                                       "peak_bytes_predicted",
                                       "act_bytes",
                                       "opt_bytes",
                                       "rss_bytes",
                                       "checkpoint_bytes",
                                       "checkpoint_bytes_min",
                                       "checkpoint_path",
                                       "tokens_per_s",
                                       "train_s",
                                       "eval_s",
                                       "total_s",
                                       "threads",
                                       "concurrent",
                                       "weights",
                                       "build",
                                       "error"};
    struct db *db = open_db(true);
    struct db_query *q;
    struct err e = {0};
    ok(db_query(db, &q, "SELECT * FROM runs", &e), &e);
    assert_int_equal(db_query_cols(q), ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) assert_string_equal(db_query_name(q, (int)i), want[i]);
    db_query_close(q);
    db_close(db);
}

static void test_a_finished_run_is_found_with_its_numbers_beside_the_base(void **state) {
    (void)state;
    struct db *db = open_db(true);
    struct err e = {0};
    int64_t sweep = add_sweep(db, "rank", "eval/loss", "name: rank");
    int64_t none = add_point(db, "p-none", "none", 8), lora = add_point(db, "p-lora", "lora", 8);
    int64_t run = add_run(db, sweep, lora, 3, NULL, 0);
    struct train_result res = result_of("complete", 1.5);
    strcpy(res.checkpoint_path, "/c/1");
    strcpy(res.checkpoint_sha256, "abc");
    ok(db_run_finish(db, run, &res, 1, &e), &e);
    assert_true(isnan(real(db, "SELECT base_eval_loss FROM runs"))); /* the base has not run */
    add_run(db, sweep, none, 0, "complete", 2.5);
    assert_true(real(db, "SELECT base_eval_loss FROM runs WHERE method = 'lora'") == 2.5);
    assert_true(real(db, "SELECT base_metric FROM runs WHERE method = 'lora'") == 2.5);
    assert_true(real(db, "SELECT adapted_fraction FROM runs WHERE method = 'lora'") == 0.25);
    assert_true(real(db, "SELECT trainable_fraction FROM runs WHERE method = 'lora'") == 0.01);
    assert_true(real(db, "SELECT tokens_per_s FROM runs WHERE method = 'lora'") == 2500);
    assert_true(real(db, "SELECT lr FROM runs WHERE method = 'lora'") == 5e-4);
    assert_text(db, "SELECT target_modules FROM runs WHERE method = 'lora'", "q_proj,v_proj");
    assert_text(db, "SELECT checkpoint_path FROM runs WHERE method = 'lora'", "/c/1");
    assert_text(db, "SELECT checkpoint_path FROM runs WHERE method = 'none'", NULL);
    assert_text(db, "SELECT model || task || data || build FROM runs WHERE method = 'lora'",
                "tinylmglossesb1");
    assert_int_equal(number(db, "SELECT act_bytes FROM runs WHERE method = 'lora'"), 700);
    assert_int_equal(number(db, "SELECT concurrent FROM runs WHERE method = 'lora'"), 1);
    assert_int_equal(number(db, "SELECT seed FROM runs WHERE method = 'lora'"), 3);
    /* what does not apply is NULL: the base has no rank, rate or modules */
    assert_int_equal(
        number(db,
               "SELECT count(*) FROM runs WHERE method = 'none' AND r IS NULL AND lora_alpha IS NULL"
               " AND lr IS NULL AND target_modules IS NULL AND batch_size IS NULL AND test_metric IS NULL"),
        1);
    assert_int_equal(
        number(db, "SELECT count(*) FROM param WHERE point = (SELECT id FROM point WHERE hash = 'p-lora')"),
        12);
    assert_true(real(db, "SELECT num FROM param WHERE key = 'train.lr' LIMIT 1") == 5e-4);
    assert_text(db, "SELECT txt FROM param WHERE key = 'target_modules' LIMIT 1", "[\"q_proj\",\"v_proj\"]");
    db_close(db);
}

static void test_points_models_and_environments_are_kept_once(void **state) {
    (void)state;
    struct db *db = open_db(true);
    int64_t a = add_point(db, "p", "lora", 8);
    assert_int_equal(add_point(db, "p", "lora", 8), a);
    int64_t sweep = add_sweep(db, "s", "eval/loss", "y");
    add_run(db, sweep, a, 0, "complete", 1);
    add_run(db, sweep, a, 1, "complete", 1);
    assert_int_equal(number(db, "SELECT count(*) FROM model"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM env"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM runs"), 2);
    db_close(db);
}

static void test_nan_and_infinities_survive_in_metrics(void **state) {
    (void)state;
    struct db *db = open_db(true);
    struct err e = {0};
    int64_t run =
        add_run(db, add_sweep(db, "s", "eval/loss", "y"), add_point(db, "p", "lora", 8), 0, NULL, 0);
    const double v[] = {0.1, NAN, INFINITY, -INFINITY, 1e-308};
    for (int i = 0; i < 5; i++) ok(db_metric(db, run, "train/loss", i, v[i], &e), &e);
    ok(db_metric(db, run, "train/loss", 0, 0.2, &e), &e); /* the last value counts */
    ok(db_flush(db, &e), &e);
    assert_text(db, "SELECT group_concat(kind, ' ') FROM (SELECT kind FROM metric ORDER BY step)",
                "finite nan +inf -inf finite");
    assert_true(real(db, "SELECT value FROM metric WHERE step = 0") == 0.2);
    assert_true(real(db, "SELECT value FROM metric WHERE step = 4") == 1e-308);
    assert_int_equal(number(db, "SELECT count(*) FROM metric WHERE value IS NULL"), 3);
    struct train_result res = result_of("nan", NAN);
    ok(db_run_finish(db, run, &res, 0, &e), &e);
    assert_text(db, "SELECT state FROM runs WHERE eval_loss IS NULL AND metric IS NULL", "nan");
    db_close(db);
}

static void test_what_is_finished_is_decided_by_the_last_attempt(void **state) {
    (void)state;
    static const struct {
        const char *state;
        bool done;
    } rule[] = {{"complete", true}, {"pruned", false},  {"nan", true},         {"failed", false},
                {"oom", false},     {"timeout", false}, {"interrupted", false}};
    struct db *db = open_db(true);
    struct err e = {0};
    int64_t sweep = add_sweep(db, "s", "eval/loss", "y"), p = add_point(db, "p", "lora", 8);
    assert_int_equal(db_run_done(db, "p", 0, &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(rule); i++) {
        int64_t run = add_run(db, sweep, p, 0, rule[i].state, 1);
        assert_int_equal(db_run_done(db, "p", 0, &e), rule[i].done ? run : 0);
    }
    assert_int_equal(db_run_done(db, "p", 1, &e), 0);
    assert_int_equal(db_run_done(db, "q", 0, &e), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM runs"), 1); /* one row: the last attempt */
    assert_int_equal(number(db, "SELECT max(attempt) FROM run"), (int)ARRAY_LEN(rule));
    struct train_result bad = result_of("nonsense", 1);
    assert_int_not_equal(db_run_finish(db, 1, &bad, 0, &e), 0);
    db_close(db);
}

static void test_a_sweep_shows_runs_of_other_sweeps_with_its_own_metric(void **state) {
    (void)state;
    struct db *db = open_db(true);
    struct err e = {0};
    int64_t p = add_point(db, "p", "lora", 8), p2 = add_point(db, "p2", "lora", 64);
    int64_t a = add_sweep(db, "a", "eval/loss", "1");
    ok(db_cell(db, a, p, 0, 0, &e), &e);
    int64_t run = add_run(db, a, p, 0, "complete", 1.25);
    ok(db_metric(db, run, "eval/accuracy", 20, 0.5, &e), &e);
    ok(db_metric(db, run, "eval/accuracy", 60, 0.75, &e), &e);
    int64_t b = add_sweep(db, "b", "eval/accuracy", "2");
    ok(db_cell(db, b, p2, 0, 0, &e), &e);
    ok(db_cell(db, b, p, 0, 1, &e), &e);
    ok(db_sweep_ready(db, &e), &e);
    assert_true(real(db, "SELECT metric FROM sweep_runs WHERE sweep = 'a'") == 1.25);
    assert_true(real(db, "SELECT metric FROM sweep_runs WHERE sweep = 'b' AND ord = 1") == 0.75);
    assert_int_equal(number(db, "SELECT run_id FROM sweep_runs WHERE sweep = 'b' AND ord = 1"), run);
    assert_int_equal(number(db, "SELECT count(*) FROM sweep_runs WHERE sweep = 'b' AND run_id IS NULL"), 1);
    assert_text(db, "SELECT sweep FROM runs", "a");
    /* the same command continues its row; an edited file makes a new one, which counts */
    assert_int_equal(add_sweep(db, "b", "eval/accuracy", "2"), b);
    int64_t b2 = add_sweep(db, "b", "eval/accuracy", "3");
    assert_int_not_equal(b2, b);
    ok(db_cell(db, b2, p, 0, 0, &e), &e);
    ok(db_sweep_ready(db, &e), &e);
    assert_int_equal(number(db, "SELECT count(*) FROM sweep_runs WHERE sweep = 'b'"), 1);
    assert_int_equal(db_sweep_find(db, "b", &e), b2);
    assert_int_equal(db_sweep_find(db, "a", &e), a);
    assert_int_equal(db_sweep_find(db, "sweeps/rank.yaml", &e), b2);
    assert_int_equal(db_sweep_find(db, NULL, &e), b2);
    assert_int_equal(db_sweep_find(db, "zzz", &e), 0);
    db_close(db);
}

/* Overwrite the file's header: 60 is user_version, 68 application_id (big-endian). */
static void patch(long at, unsigned char last) {
    char *path = in_dir("sub/bench.db");
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, &last, 1, at + 3), 1);
    close(fd);
    free(path);
}

static void assert_refused(const char *name, bool write, int code, const char *part) {
    struct db *db;
    struct err e = {0};
    char *path = *name ? in_dir(name) : xstrdup("");
    int rc = db_open(&db, path, write, &e);
    free(path);
    assert_null(db);
    assert_int_equal(rc, code);
    if (!strstr(e.msg, part)) fail_msg("'%s' lacks '%s'", e.msg, part);
}

static void test_files_that_are_not_ours_are_refused_with_the_remedy(void **state) {
    (void)state;
    db_close(open_db(true));
    patch(60, 6);
    assert_refused(
        "sub/bench.db", true, ERR_USER,
        "was written by a newer bench (schema 6, this one knows 5): update bench or use another --db");
    assert_refused("sub/bench.db", false, ERR_USER, "newer bench");
    patch(60, 0);
    assert_refused("sub/bench.db", true, ERR_USER, "no schema version");
    patch(68, 1);
    assert_refused("sub/bench.db", true, ERR_USER, "not one of bench");
    char *path = in_dir("text");
    struct strbuf junk = {0};
    for (int i = 0; i < 500; i++) strbuf_adds(&junk, "name: rank\n");
    ok(file_write(path, junk.s, junk.len, NULL), NULL);
    assert_refused("text", true, ERR_USER, "not a database");
    assert_refused("text", false, ERR_USER, "not a database");
    ok(file_write(path, "hm", 2, NULL), NULL);
    assert_refused("text", false, ERR_USER, "not a database");
    ok(file_write(path, "", 0, NULL), NULL);
    assert_refused("text", false, ERR_RESOURCE, "bench run");
    assert_refused("text/bench.db", true, ERR_RESOURCE, "text");
    assert_refused("sub", true, ERR_USER, "not a file");
    assert_refused("", true, ERR_USER, "empty");
    assert_refused("missing.db", false, ERR_RESOURCE, "no such database");
    strbuf_release(&junk);
    free(path);
}

static void test_a_damaged_file_is_an_error_not_a_crash(void **state) {
    (void)state;
    struct db *db = open_db(true);
    int64_t sweep = add_sweep(db, "s", "eval/loss", "y"), p = add_point(db, "p", "lora", 8);
    for (int i = 0; i < 50; i++) add_run(db, sweep, p, (uint64_t)i, "complete", 1);
    db_close(db);
    char *path = in_dir("sub/bench.db");
    struct strbuf whole = {0};
    ok(file_read(path, 1 << 26, &whole, NULL), NULL);
    for (size_t cut = 0; cut < whole.len; cut += 1 + whole.len / 60) {
        struct err e = {0};
        struct db_query *q;
        if (cut % 2)
            ok(file_write(path, whole.s, cut, NULL), NULL);
        else { /* a hole of noise */
            char *copy = xmalloc(whole.len);
            memcpy(copy, whole.s, whole.len);
            for (size_t i = cut; i < cut + 512 && i < whole.len; i++) copy[i] = (char)(i * 37 + 11);
            ok(file_write(path, copy, whole.len, NULL), NULL);
            free(copy);
        }
        if (db_open(&db, path, false, &e) == 0) {
            if (db_query(db, &q, "SELECT * FROM runs", &e) == 0)
                while (db_query_next(q, &e) == 1) (void)db_query_text(q, 5);
            db_query_close(q);
            db_close(db);
        }
    }
    strbuf_release(&whole);
    free(path);
}

static void test_a_second_runner_is_refused_with_pid_and_host(void **state) {
    (void)state;
    struct db *a = open_db(true), *b = open_db(true);
    struct err e = {0};
    ok(db_lock(a, false, NULL, &e), &e);
    assert_int_equal(db_lock(b, false, NULL, &e), ERR_RESOURCE);
    char host[257] = "";
    gethostname(host, sizeof host - 1);
    char *want = xasprintf("pid %ld on host %s is running on %s; wait for it with --wait or use another --db",
                           (long)getpid(), host, db_path(a));
    assert_string_equal(e.msg, want);
    free(want);
    volatile sig_atomic_t stop = 1;
    assert_int_equal(db_lock(b, true, &stop, &e), ERR_STOP);
    db_close(a);
    ok(db_lock(b, true, NULL, &e), &e);
    db_close(b);
}

/* A writer that finishes `n` runs, begins two more, and then waits to be killed. */
static pid_t fork_writer(int n) {
    int fd[2];
    char c;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct db *db = open_db(true);
        struct err e = {0};
        if (db_lock(db, false, NULL, &e)) _exit(1);
        int64_t sweep = add_sweep(db, "s", "eval/loss", "y"), p = add_point(db, "p", "lora", 8);
        for (int i = 0; i < n; i++) add_run(db, sweep, p, (uint64_t)i, "complete", i);
        int64_t run = add_run(db, sweep, p, 1000, NULL, 0);
        run = add_run(db, sweep, p, 1001, NULL, 0);
        for (int i = 0; i < 1000; i++) db_metric(db, run, "train/loss", i, i, &e); /* not committed */
        if (write(fd[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(fd[1]);
    assert_int_equal(read(fd[0], &c, 1), 1);
    close(fd[0]);
    return pid;
}

static void test_kill_9_loses_no_finished_run_and_frees_the_lock(void **state) {
    (void)state;
    pid_t pid = fork_writer(20);
    struct err e = {0};
    struct db *reader = open_db(false); /* beside the living writer, which holds an open transaction */
    assert_int_equal(number(reader, "SELECT count(*) FROM runs WHERE state = 'complete'"), 20);
    assert_int_equal(number(reader, "SELECT count(*) FROM runs WHERE state IN ('running', 'waiting')"), 2);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    struct db *after = open_db(false); /* before anybody has put it right */
    assert_int_equal(number(after, "SELECT count(*) FROM runs WHERE state = 'complete'"), 20);
    assert_int_equal(number(after, "SELECT count(*) FROM runs WHERE state = 'interrupted'"), 2);
    db_close(after);
    struct db *db = open_db(true);
    ok(db_lock(db, false, NULL, &e), &e);
    assert_int_equal(number(db, "SELECT count(*) FROM runs WHERE state = 'complete'"), 20);
    assert_int_equal(
        number(db, "SELECT count(*) FROM runs WHERE state = 'interrupted' AND error IS NOT NULL"), 2);
    assert_int_equal(number(reader, "SELECT count(*) FROM runs WHERE state = 'interrupted'"), 2);
    assert_int_equal(db_run_done(db, "p", 1000, &e), 0);
    assert_int_not_equal(db_run_done(db, "p", 19, &e), 0);
    assert_text(db, "PRAGMA integrity_check", "ok");
    db_close(reader);
    db_close(db);
}

static void test_a_reader_sees_committed_rows_only_and_never_blocks_the_writer(void **state) {
    (void)state;
    struct db *db = open_db(true), *reader;
    struct err e = {0};
    int64_t run =
        add_run(db, add_sweep(db, "s", "eval/loss", "y"), add_point(db, "p", "lora", 8), 0, NULL, 0);
    reader = open_db(false);
    struct db_query *q;
    ok(db_query(reader, &q, "SELECT * FROM runs", &e), &e);
    assert_int_equal(db_query_next(q, &e), 1); /* a read is under way */
    ok(db_metric(db, run, "train/loss", 1, 1, &e), &e);
    ok(db_flush(db, &e), &e);
    struct train_result res = result_of("complete", 1);
    ok(db_run_finish(db, run, &res, 0, &e), &e);
    assert_int_equal(db_query_next(q, &e), 0);
    db_query_close(q);
    assert_text(reader, "SELECT state FROM runs", "complete");
    assert_int_equal(number(reader, "SELECT count(*) FROM metric"), 1);
    db_close(reader);
    db_close(db);
}

static void test_queries_cannot_write(void **state) {
    (void)state;
    struct db *db = open_db(true);
    struct db_query *q;
    struct err e = {0};
    static const char *const bad[] = {"DELETE FROM run",
                                      "SELECT 1; DELETE FROM run",
                                      "INSERT INTO run (id) VALUES (1) RETURNING id",
                                      "",
                                      "-- nothing",
                                      "SELECT nope FROM runs",
                                      "ATTACH 'x' AS y",
                                      "PRAGMA user_version=9"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(db_query(db, &q, bad[i], &e), ERR_USER);
        assert_null(q);
    }
    ok(db_query(db, &q, "SELECT ?1, ?2, ?3, NULL; -- that is all", &e), &e);
    db_query_bind_int(q, 1, INT64_MIN);
    db_query_bind_num(q, 2, 0.5);
    db_query_bind_text(q, 3, "\xc3\xa9'\"");
    assert_int_equal(db_query_next(q, &e), 1);
    assert_true(db_query_type(q, 0) == DB_INT && db_query_int(q, 0) == INT64_MIN);
    assert_true(db_query_type(q, 1) == DB_NUM && db_query_num(q, 1) == 0.5);
    assert_true(db_query_type(q, 2) == DB_TEXT);
    assert_string_equal(db_query_text(q, 2), "\xc3\xa9'\"");
    assert_true(db_query_type(q, 3) == DB_NULL && isnan(db_query_num(q, 3)));
    db_query_close(q);
    db_close(db);
}

static void test_a_read_only_folder_can_be_read_and_says_why_it_cannot_be_written(void **state) {
    (void)state;
    if (geteuid() == 0) skip(); /* permissions do not bind root */
    struct db *db = open_db(true);
    add_run(db, add_sweep(db, "s", "eval/loss", "y"), add_point(db, "p", "lora", 8), 0, "complete", 1);
    db_close(db);
    char *sub = in_dir("sub"), *path = in_dir("sub/bench.db");
    chmod(path, 0444);
    chmod(sub, 0555);
    db = open_db(false);
    assert_int_equal(number(db, "SELECT count(*) FROM runs"), 1);
    db_close(db);
    assert_refused("sub/bench.db", true, ERR_RESOURCE, "--db");
    assert_refused("sub/new.db", true, ERR_RESOURCE, "--db");
    chmod(sub, 0755);
    free(sub);
    free(path);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIR(test_view_runs_has_the_documented_columns_in_order),
        IN_DIR(test_a_finished_run_is_found_with_its_numbers_beside_the_base),
        IN_DIR(test_points_models_and_environments_are_kept_once),
        IN_DIR(test_nan_and_infinities_survive_in_metrics),
        IN_DIR(test_what_is_finished_is_decided_by_the_last_attempt),
        IN_DIR(test_a_sweep_shows_runs_of_other_sweeps_with_its_own_metric),
        IN_DIR(test_files_that_are_not_ours_are_refused_with_the_remedy),
        IN_DIR(test_a_damaged_file_is_an_error_not_a_crash),
        IN_DIR(test_a_second_runner_is_refused_with_pid_and_host),
        IN_DIR(test_kill_9_loses_no_finished_run_and_frees_the_lock),
        IN_DIR(test_a_reader_sees_committed_rows_only_and_never_blocks_the_writer),
        IN_DIR(test_queries_cannot_write),
        IN_DIR(test_a_read_only_folder_can_be_read_and_says_why_it_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
