/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c - both ends of the pipe between `bench run` and a worker process (see worker.h). */
#include "harness/sched/worker.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness/base/util.h"

#define FLUSH_S    0.1  /* between lines while training */
#define FLUSH_ROWS 2000 /* or as soon as so many rows wait */
#define JOB_MAX    (64u << 20)

/* Fields of struct train_result, by how they travel. */
#define RESULT_LONGS(X)                                                                                      \
    X(trainable);                                                                                            \
    X(total_params);                                                                                         \
    X(adapted_params);                                                                                       \
    X(model_bytes);                                                                                          \
    X(steps);                                                                                                \
    X(tokens);                                                                                               \
    X(best_step);                                                                                            \
    X(checkpoint_bytes);                                                                                     \
    X(checkpoint_bytes_min);                                                                                 \
    X(eval_tokens);                                                                                          \
    X(first_tokens)
#define RESULT_NUMS(X)                                                                                       \
    X(train_loss);                                                                                           \
    X(eval_loss);                                                                                            \
    X(metric);                                                                                               \
    X(best_metric);                                                                                          \
    X(test_metric);                                                                                          \
    X(train_s);                                                                                              \
    X(eval_s);                                                                                               \
    X(total_s);                                                                                              \
    X(first_s)
#define RESULT_SIZES(X)                                                                                      \
    X(peak_bytes);                                                                                           \
    X(peak_bytes_predicted);                                                                                 \
    X(rss_bytes)
#define RESULT_STRINGS(X)                                                                                    \
    X(weights);                                                                                              \
    X(error);                                                                                                \
    X(checkpoint_path);                                                                                      \
    X(checkpoint_sha256)

/* ---- numbers ------------------------------------------------------------------------------------------- */

static json_t *num_out(double v) {
    return isnan(v) ? json_string("nan") : isinf(v) ? json_string(v > 0 ? "inf" : "-inf") : json_real(v);
}

static double num_in(const json_t *j) {
    if (json_is_number(j)) return json_number_value(j);
    const char *s = json_string_value(j);
    return s && !strcmp(s, "inf") ? INFINITY : s && !strcmp(s, "-inf") ? -INFINITY : (double)NAN;
}

/* Text from anywhere as a JSON string: bytes that are no UTF-8 become '?'. */
static json_t *text_out(const char *s) {
    size_t n = strlen(s), ok = utf8_valid_prefix(s, n);
    if (ok == n) return json_string(s);
    char *copy = xstrdup(s);
    while ((ok = utf8_valid_prefix(copy, n)) < n) copy[ok] = '?';
    json_t *j = json_string(copy);
    free(copy);
    return j;
}

/* ---- the job ------------------------------------------------------------------------------------------- */

char *worker_job_text(const struct train_job *job, int index, int base_fd) {
    json_t *j = json_object();
    json_object_set(j, "config", (json_t *)job->config);
    json_object_set_new(j, "seed", json_integer((json_int_t)job->seed));
    json_object_set_new(j, "threads", json_integer(job->threads));
    json_object_set_new(j, "memory_limit", json_integer((json_int_t)job->memory_limit));
    json_object_set_new(j, "time_limit", json_real(job->time_limit));
    json_object_set_new(j, "save", json_string(job->save));
    json_object_set_new(j, "predicted", json_integer((json_int_t)job->predicted));
    json_object_set_new(j, "index", json_integer(index));
    json_object_set_new(j, "base_fd", json_integer(base_fd));
    if (job->out_dir) json_object_set_new(j, "out_dir", json_string(job->out_dir));
    char *text = json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17));
    BUG_ON(!text, "job %d does not encode", index);
    json_decref(j);
    return text;
}

static int job_read(int fd, json_t **ret, struct err *e) {
    struct strbuf b = {0};
    char buf[65536];
    for (;;) {
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 || b.len > JOB_MAX) {
            strbuf_release(&b);
            return err_set(e, ERR_USER, "cannot read the job from standard input");
        }
        if (n == 0) break;
        strbuf_add(&b, buf, (size_t)n);
    }
    json_error_t je;
    *ret = json_loadb(b.s ? b.s : "", b.len, 0, &je);
    strbuf_release(&b);
    if (!json_is_object(*ret) || !json_is_object(json_object_get(*ret, "config"))) {
        json_decref(*ret);
        *ret = NULL;
        return err_set(e, ERR_USER, "no job on standard input: `bench worker` is started by `bench run`");
    }
    return 0;
}

/* ---- the worker's report ------------------------------------------------------------------------------- */

struct reporter {
    int fd;
    json_t *metrics, *items, *events, *progress; /* what waits to be sent */
    size_t rows;
    double sent; /* when */
    char hook;   /* first letter of the test hook's action, 0: none */
};

static void send_line(int fd, json_t *line) {
    char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(17));
    BUG_ON(!text, "a report does not encode (fd %d)", fd);
    size_t n = strlen(text);
    text[n++] = '\n'; /* over the NUL */
    for (size_t at = 0; at < n;) {
        ssize_t w = write(fd, text + at, n - at);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) _exit(1); /* nobody listens any more */
        at += (size_t)w;
    }
    free(text);
    json_decref(line);
}

static void move_in(json_t *line, const char *key, json_t **from) {
    if (*from) json_object_set_new(line, key, *from);
    *from = NULL;
}

static void reporter_flush(struct reporter *r) {
    json_t *line = json_object();
    move_in(line, "m", &r->metrics);
    move_in(line, "i", &r->items);
    move_in(line, "e", &r->events);
    move_in(line, "p", &r->progress);
    r->rows = 0;
    r->sent = now_seconds();
    if (json_object_size(line))
        send_line(r->fd, line);
    else
        json_decref(line);
}

static void reporter_add(struct reporter *r, json_t **list, json_t *row) {
    if (!*list) *list = json_array();
    json_array_append_new(*list, row);
    if (++r->rows >= FLUSH_ROWS || now_seconds() - r->sent >= FLUSH_S) reporter_flush(r);
}

static volatile sig_atomic_t stop_asked;

static void on_term(int sig) {
    (void)sig;
    stop_asked = 1;
}

/* The test hook of worker.h. */
static void hook_act(struct reporter *r) {
    char action = r->hook;
    r->hook = 0;
    if (!action) return;
    reporter_flush(r);
    fprintf(stderr, "test hook '%c' acts\n", action);
    if (action == 's' && signal(SIGSEGV, SIG_DFL) != SIG_ERR) raise(SIGSEGV); /* past a sanitizer's handler */
    if (action == 'k') raise(SIGKILL);
    if (action == 'e') _exit(7);
    if (action == 'h') signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 600 && !stop_asked; i++) usleep(100000);
}

static char hook_find(int index) {
    const char *s = getenv("BENCH_TEST_WORKER");
    while (s && *s) {
        const char *colon = strchr(s, ':');
        if (!colon) return 0;
        if (atoi(colon + 1) == index) return !strncmp(s, "sleep", 5) ? 'w' : *s;
        s = strchr(colon, ',');
        s = s ? s + 1 : NULL;
    }
    return 0;
}

static void on_metric(void *arg, const char *key, long step, double value) {
    struct reporter *r = arg;
    reporter_add(r, &r->metrics, json_pack("[s,I,o]", key, (json_int_t)step, num_out(value)));
    hook_act(r);
}

static void on_item(void *arg, const char *key, long item, double value, double weight) {
    struct reporter *r = arg;
    reporter_add(r, &r->items,
                 json_pack("[s,I,o,o]", key, (json_int_t)item, num_out(value), num_out(weight)));
}

static void on_event(void *arg, const char *kind, const char *text) {
    struct reporter *r = arg;
    reporter_add(r, &r->events, json_pack("[s,o]", kind, text_out(text)));
}

static void on_progress(void *arg, const struct train_progress *p) {
    struct reporter *r = arg;
    bool due = now_seconds() - r->sent >= FLUSH_S;
    if (r->progress && !due) return;
    json_decref(r->progress);
    r->progress = json_pack("[I,I,o,o,o,s]", (json_int_t)p->step, (json_int_t)p->steps, num_out(p->loss),
                            num_out(p->tokens_per_s), num_out(p->eta_s), p->phase ? p->phase : "");
    if (due) reporter_flush(r);
}

static json_t *result_out(const struct train_result *res) {
    json_t *j = json_object(), *peak = json_array(), *at = json_array();
#define PUT_INT(f)  json_object_set_new(j, #f, json_integer((json_int_t)res->f))
#define PUT_NUM(f)  json_object_set_new(j, #f, num_out(res->f))
#define PUT_TEXT(f) json_object_set_new(j, #f, text_out(res->f))
    RESULT_LONGS(PUT_INT);
    RESULT_SIZES(PUT_INT);
    RESULT_NUMS(PUT_NUM);
    RESULT_STRINGS(PUT_TEXT);
    json_object_set_new(j, "state", json_string(run_state_name(res->state)));
    for (int c = 0; c < MEM_NCAT; c++) {
        json_array_append_new(peak, json_integer((json_int_t)res->mem_peak[c]));
        json_array_append_new(at, json_integer((json_int_t)res->mem_at_peak[c]));
    }
    json_object_set_new(j, "mem_peak", peak);
    json_object_set_new(j, "mem_at_peak", at);
    return j;
}

static void job_signals(void) {
    struct sigaction sa = {.sa_handler = on_term}, ign = {.sa_handler = SIG_IGN};
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &ign, NULL); /* a terminal sends these to the workers too */
    sigaction(SIGHUP, &ign, NULL);
    sigaction(SIGUSR1, &ign, NULL); /* and batch systems these */
    sigaction(SIGUSR2, &ign, NULL);
    sigaction(SIGPIPE, &ign, NULL);
}

int worker_serve(int in, int out, struct err *e) {
    json_t *j;
    int rc = job_read(in, &j, e);
    if (rc) return rc;
    job_signals();
    prctl(PR_SET_NAME, "bench-worker"); /* else it would be "exe" in ps and top */
    struct train_job job = {
        .config = json_object_get(j, "config"),
        .seed = (uint64_t)json_integer_value(json_object_get(j, "seed")),
        .threads = (int)json_integer_value(json_object_get(j, "threads")),
        .memory_limit = (size_t)json_integer_value(json_object_get(j, "memory_limit")),
        .time_limit = json_number_value(json_object_get(j, "time_limit")),
        .predicted = (size_t)json_integer_value(json_object_get(j, "predicted")),
        .base_fd = (int)json_integer_value(json_object_get(j, "base_fd")),
        .out_dir = json_string_value(json_object_get(j, "out_dir")),
        .save = json_string_value(json_object_get(j, "save")),
        .stop = &stop_asked,
    };
    struct reporter r = {.fd = out, .sent = now_seconds()};
    r.hook = hook_find((int)json_integer_value(json_object_get(j, "index")));
    struct train_report rep = {&r, on_metric, on_item, on_progress, on_event};
    struct train_result res;
    worker_result_init(&res);
    struct err te = {0};
    if (train_run(&job, &rep, &res, &te) != 0) {
        if (!*res.error) snprintf(res.error, sizeof res.error, "%s", te.msg);
    }
    reporter_flush(&r);
    send_line(out, json_pack("{s:o}", "result", result_out(&res)));
    json_decref(j);
    return 0;
}

/* ---- the parent's side --------------------------------------------------------------------------------- */

void worker_result_init(struct train_result *res) {
    memset(res, 0, sizeof *res);
    res->state = RUN_FAILED;
#define NO_COUNT(f) res->f = -1
#define NO_NUM(f)   res->f = NAN
    RESULT_LONGS(NO_COUNT);
    RESULT_NUMS(NO_NUM);
}

static void text_in(const json_t *j, char *to, size_t size) {
    const char *s = json_string_value(j);
    snprintf(to, size, "%s", s ? s : "");
}

static void result_in(const json_t *j, struct train_result *res) {
    worker_result_init(res);
#define GET_LONG(f) res->f = (long)json_integer_value(json_object_get(j, #f))
#define GET_SIZE(f) res->f = (size_t)json_integer_value(json_object_get(j, #f))
#define GET_NUM(f)  res->f = num_in(json_object_get(j, #f))
#define GET_TEXT(f) text_in(json_object_get(j, #f), res->f, sizeof res->f)
    RESULT_LONGS(GET_LONG);
    RESULT_SIZES(GET_SIZE);
    RESULT_NUMS(GET_NUM);
    RESULT_STRINGS(GET_TEXT);
    enum run_state state = run_state_parse(json_string_value(json_object_get(j, "state")));
    res->state = state == RUN_NSTATES ? RUN_FAILED : state;
    const json_t *peak = json_object_get(j, "mem_peak"), *at = json_object_get(j, "mem_at_peak");
    for (size_t c = 0; c < MEM_NCAT; c++) {
        res->mem_peak[c] = (size_t)json_integer_value(json_array_get(peak, c));
        res->mem_at_peak[c] = (size_t)json_integer_value(json_array_get(at, c));
    }
}

static void metrics_in(const json_t *list, const struct train_report *rep) {
    size_t i;
    json_t *row;
    if (!rep->metric) return;
    json_array_foreach(list, i, row) {
        const char *key = json_string_value(json_array_get(row, 0));
        long step = (long)json_integer_value(json_array_get(row, 1));
        if (key) rep->metric(rep->arg, key, step, num_in(json_array_get(row, 2)));
    }
}

static void items_in(const json_t *list, const struct train_report *rep) {
    size_t i;
    json_t *row;
    if (!rep->item) return;
    json_array_foreach(list, i, row) {
        const char *key = json_string_value(json_array_get(row, 0));
        long item = (long)json_integer_value(json_array_get(row, 1));
        if (key)
            rep->item(rep->arg, key, item, num_in(json_array_get(row, 2)), num_in(json_array_get(row, 3)));
    }
}

static void progress_in(const json_t *p, const struct train_report *rep) {
    if (!json_is_array(p) || !rep->progress) return;
    struct train_progress t = {
        .step = (long)json_integer_value(json_array_get(p, 0)),
        .steps = (long)json_integer_value(json_array_get(p, 1)),
        .loss = num_in(json_array_get(p, 2)),
        .tokens_per_s = num_in(json_array_get(p, 3)),
        .eta_s = num_in(json_array_get(p, 4)),
        .phase = json_string_value(json_array_get(p, 5)),
    };
    rep->progress(rep->arg, &t);
}

int worker_parse(const char *line, size_t n, const struct train_report *rep, struct train_result *res,
                 struct err *e) {
    json_t *j = json_loadb(line, n, 0, NULL);
    if (!json_is_object(j)) {
        json_decref(j);
        return err_set(e, ERR_RESOURCE, "the worker sent a line that is no report");
    }
    metrics_in(json_object_get(j, "m"), rep);
    items_in(json_object_get(j, "i"), rep);
    size_t i;
    json_t *ev;
    json_array_foreach(json_object_get(j, "e"), i, ev) {
        const char *kind = json_string_value(json_array_get(ev, 0)),
                   *text = json_string_value(json_array_get(ev, 1));
        if (kind && text && rep->event) rep->event(rep->arg, kind, text);
    }
    progress_in(json_object_get(j, "p"), rep);
    const json_t *result = json_object_get(j, "result");
    int got = json_is_object(result);
    if (got) result_in(result, res);
    json_decref(j);
    return got;
}
