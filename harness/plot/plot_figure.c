/* SPDX-License-Identifier: Apache-2.0 */
/* plot_figure.c - a figure on its way to files: variables for its script, data as CSV, gnuplot run on both.
 *
 * The script is assignments, then plots/common.gp, then plots/<kind>.gp. Text that comes from the record
 * stands in single quotes (no escapes, no command substitution there), without control characters, and the
 * templates draw it unenhanced; numbers travel in the CSV file, whose columns of text come last because
 * gnuplot 5.4 splits quoted commas. gnuplot is started by posix_spawn in the output folder, without a shell,
 * without the user's start-up files, and is killed after PLOT_SECONDS. */
#include "harness/plot/plot_private.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/core/method.h"

#define PLOT_SECONDS 120
#define SVG_MAX      (64u << 20)

extern char **environ;

/* ---- variables ----------------------------------------------------------------------------------------- */

/* 'it''s': cleaned, quoted. tic: gnuplot formats tic labels, so % is doubled. */
static void quote_text(struct strbuf *b, const char *v, bool tic) {
    char *clean = table_clean(v ? v : "");
    strbuf_addc(b, '\'');
    if (*clean == '\'') strbuf_addc(b, ' '); /* gnuplot reads an escaped quote at the start as the end */
    for (const char *p = clean; *p; p++) {
        if (*p == '\'' || (tic && *p == '%')) strbuf_addc(b, *p);
        strbuf_addc(b, *p);
    }
    strbuf_addc(b, '\'');
    free(clean);
}

static void add_number(struct strbuf *b, double v) {
    if (isfinite(v))
        strbuf_addf(b, "%.17g", v);
    else
        strbuf_adds(b, "NaN");
}

void plot_text(struct plot_figure *f, const char *name, const char *v) {
    strbuf_addf(&f->head, "%s = ", name);
    quote_text(&f->head, v, false);
    strbuf_addc(&f->head, '\n');
}

void plot_textf(struct plot_figure *f, const char *name, const char *fmt, ...) {
    char text[2000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    plot_text(f, name, text);
}

void plot_num(struct plot_figure *f, const char *name, double v) {
    strbuf_addf(&f->head, "%s = ", name);
    add_number(&f->head, v);
    strbuf_addc(&f->head, '\n');
}

static void write_texts(struct plot_figure *f, const char *name, const char *const *v, int n, bool tic) {
    strbuf_addf(&f->head, "n_%s = %d\narray %s[%d] = [", name, n, name, n ? n : 1);
    for (int i = 0; i < n; i++) {
        if (i) strbuf_adds(&f->head, ", ");
        quote_text(&f->head, v[i], tic);
    }
    strbuf_adds(&f->head, n ? "]\n" : "'']\n");
}

void plot_texts(struct plot_figure *f, const char *name, const char *const *v, int n) {
    write_texts(f, name, v, n, false);
}
void plot_tics(struct plot_figure *f, const char *name, const char *const *v, int n) {
    write_texts(f, name, v, n, true);
}

void plot_nums(struct plot_figure *f, const char *name, const double *v, int n) {
    strbuf_addf(&f->head, "n_%s = %d\narray %s[%d] = [", name, n, name, n ? n : 1);
    for (int i = 0; i < n; i++) {
        if (i) strbuf_adds(&f->head, ", ");
        add_number(&f->head, v[i]);
    }
    strbuf_adds(&f->head, n ? "]\n" : "0]\n");
}

/* ---- colours ------------------------------------------------------------------------------------------- */

static const char *color_chosen(const struct method *m) {
    static const struct {
        const char *method, *color;
    } chosen[] = {
#define METHOD_COLOR(name, color) {#name, color},
#include "experiments/plots/colors.def"
#undef METHOD_COLOR
    };
    if (m->flags & METHOD_FULL) return "#000000";
    if (method_is_base(m)) return "#777777";
    for (size_t i = 0; i < ARRAY_LEN(chosen); i++)
        if (!strcmp(chosen[i].method, m->name)) return chosen[i].color;
    return NULL;
}

const char *plot_method_color(const char *method) {
    static const char *const further[] = {"#999933", "#332288", "#44aa99", "#aa4499",
                                          "#117733", "#661100", "#6699cc"};
    size_t k = 0;
    for (int i = 0; method_list[i]; i++) {
        const char *color = color_chosen(method_list[i]);
        if (!strcmp(method_list[i]->name, method)) return color ? color : further[k % ARRAY_LEN(further)];
        if (!color) k++;
    }
    return "#777777";
}

double plot_tic_step(double span, int most) {
    if (!(span > 0) || !isfinite(span)) return 1;
    double unit = pow(10, floor(log10(span / most)));
    static const double steps[] = {1, 2, 5, 10};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (span / (unit * steps[i]) <= most) return unit * steps[i];
    return unit * 10;
}

void plot_shade(char out[8], int i, int n) {
    /* viridis without its light end, which does not show as a line on white */
    static const unsigned char v[][3] = {{68, 1, 84},    {71, 44, 122},  {59, 81, 139}, {44, 113, 142},
                                         {33, 144, 141}, {39, 173, 129}, {92, 200, 99}, {150, 205, 40}};
    double t = n > 1 ? (double)i / (n - 1) * (ARRAY_LEN(v) - 1) : 2, w = t - floor(t);
    size_t a = (size_t)t, b = MIN_OF(a + 1, ARRAY_LEN(v) - 1);
    int c[3];
    for (int k = 0; k < 3; k++) c[k] = (int)(v[a][k] * (1 - w) + v[b][k] * w + 0.5) & 255;
    snprintf(out, 8, "#%02x%02x%02x", c[0], c[1], c[2]);
}

/* ---- what every figure says ---------------------------------------------------------------------------- */

char *plot_count_text(const struct plot_set *s, bool intervals) {
    const char *also = !intervals ? "" : s->seeds_max < PLOT_BAR_SEEDS ? ", dots: each" : ", 95 % interval";
    if (s->seeds_max == 0) return xstrdup("no finished run");
    if (s->seeds_min != s->seeds_max)
        return xasprintf("mean over %d to %d seeds%s", s->seeds_min, s->seeds_max, also);
    return s->seeds_max == 1 ? xstrdup("1 seed") : xasprintf("mean over %d seeds%s", s->seeds_max, also);
}

/* At most n bytes of a name, cut at a letter's border. */
static char *shorten_text(const char *s, size_t n) {
    char *clean = table_clean(s ? s : "");
    if (strlen(clean) <= n) return clean;
    while (n && ((unsigned char)clean[n] & 0xc0) == 0x80) n--;
    clean[n] = 0;
    char *cut = xasprintf("%s...", clean);
    free(clean);
    return cut;
}

void plot_head(struct plot_figure *f, const struct plot_set *s, const char *what) {
    const char *slash = s->model ? strrchr(s->model, '/') : NULL;
    char *sweep = shorten_text(s->sweep, 30),
         *model = shorten_text(slash && slash[1] ? slash + 1 : s->model, 30),
         *task = shorten_text(s->task, 16), *data = shorten_text(s->data, 24),
         *metric = shorten_text(s->metric, 24);
    plot_textf(f, "title", "%s: %s%s%s%s%s", sweep, model, *task ? ", task " : "", task, *data ? " on " : "",
               data);
    plot_text(f, "subtitle", what);
    plot_text(f, "metric", metric);
    plot_num(f, "maximize", s->maximize);
    plot_num(f, "base", s->base);
    free(sweep), free(model), free(task), free(data), free(metric);
}

/* ---- files --------------------------------------------------------------------------------------------- */

char *plot_file_name(const char *name) {
    struct strbuf b = {0};
    bool changed = false;
    for (const char *p = name; *p; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                     *p == '_' || (b.len && (*p == '-' || *p == '.'));
        if (b.len == 80) {
            changed = true;
            break;
        }
        strbuf_addc(&b, plain ? *p : '_');
        changed |= !plain;
    }
    if (!b.len) strbuf_adds(&b, "unnamed"), changed = true;
    if (changed) {
        char hex[65];
        sha256_hex(name, strlen(name), hex);
        strbuf_addf(&b, "-%.8s", hex);
    }
    return strbuf_detach(&b);
}

static const struct {
    unsigned bit;
    const char *name;
} format_list[] = {{PLOT_PNG, "png"}, {PLOT_SVG, "svg"}, {PLOT_PDF, "pdf"}};

static void path_add(struct plot_paths *p, char *path) {
    GROW(p->path, p->n, p->cap);
    p->path[p->n++] = path;
}

void plot_paths_release(struct plot_paths *p) {
    for (int i = 0; i < p->n; i++) free(p->path[i]);
    free(p->path);
    *p = (struct plot_paths){0};
}

/* A user's own template, appended. */
static int template_own(struct strbuf *b, const char *path, struct err *e) {
    int rc = file_read(path, 1 << 20, b, e);
    if (rc) return err_set(e, ERR_USER, "--template: cannot read %s", path);
    strbuf_addc(b, '\n');
    return 0;
}

/* <share>/plots/<name>.gp, appended. */
static int template_add(struct strbuf *b, const char *name, struct err *e) {
    char *share = share_dir(), *file = xasprintf("plots/%s.gp", name), *path = path_join(share, file);
    int rc = file_read(path, 1 << 20, b, e);
    if (rc) err_wrap(e, "a plot's template is missing (reinstall bench, or set BENCH_SHARE)");
    free(share), free(file), free(path);
    return rc;
}

static int script_write(const struct plot_figure *f, const char *dir, const char *base, unsigned formats,
                        char **path, struct err *e) {
    struct strbuf b = {0};
    strbuf_addf(&b,
                "# %s: drawn from %s.csv. After a change: gnuplot %s.gp, in this folder.\n"
                "# Written again by every `bench plot %s`: keep your own version under another name.\n",
                f->kind, base, base, f->kind);
    strbuf_addf(&b, "file = '%s'\nformats = '", base);
    for (size_t i = 0; i < ARRAY_LEN(format_list); i++)
        if (formats & format_list[i].bit) strbuf_addf(&b, "%s ", format_list[i].name);
    strbuf_adds(&b, "'\n");
    strbuf_add(&b, f->head.s, f->head.len);
    int rc = template_add(&b, "common", e);
    if (!rc)
        rc = f->template_file ? template_own(&b, f->template_file, e)
                              : template_add(&b, f->template ? f->template : f->kind, e);
    char *name = xasprintf("%s.gp", base);
    *path = path_join(dir, name);
    if (!rc) rc = file_write(*path, b.s, b.len, e);
    free(name);
    strbuf_release(&b);
    if (rc) {
        free(*path);
        *path = NULL;
    }
    return rc;
}

/* ---- gnuplot ------------------------------------------------------------------------------------------- */

static int gnuplot_missing(struct err *e) {
    return err_set(e, ERR_RESOURCE,
                   "no pictures: gnuplot is not installed (apt-get install gnuplot-nox, then: bench plot)");
}

/* Is it on the PATH? Asked before it is started, since not every posix_spawn can tell why a start failed. */
static bool gnuplot_found(void) {
    const char *path = getenv("PATH");
    bool found = false;
    for (const char *p = path ? path : "/usr/bin:/bin"; *p && !found;) {
        size_t n = strcspn(p, ":");
        char *dir = xstrndup(p, n), *file = path_join(n ? dir : ".", "gnuplot");
        found = access(file, X_OK) == 0 && !dir_exists(file);
        free(dir), free(file);
        p += n + (p[n] == ':');
    }
    return found;
}

static int gnuplot_start(const char *dir, const char *script, int *out, pid_t *pid, struct err *e) {
    int fd[2];
    if (pipe2(fd, O_CLOEXEC)) return err_set(e, ERR_RESOURCE, "cannot start gnuplot: %s", strerror(errno));
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t at;
    sigset_t none, pipe_signal;
    sigemptyset(&none);
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&at);
    posix_spawnattr_setsigmask(&at, &none);
    /* `bench run` ignores SIGPIPE, which a started program would inherit */
    posix_spawnattr_setsigdefault(&at, &pipe_signal);
    posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addchdir_np(&fa, dir);
    posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, fd[1], 1);
    posix_spawn_file_actions_adddup2(&fa, fd[1], 2);
    char *argv[] = {"gnuplot", "-d", (char *)(uintptr_t)script, NULL};
    int err = posix_spawnp(pid, "gnuplot", &fa, &at, argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&at);
    close(fd[1]);
    *out = fd[0];
    if (!err) return 0;
    close(fd[0]);
    if (err == ENOENT) return gnuplot_missing(e);
    return err_set(e, ERR_RESOURCE, "cannot start gnuplot: %s", strerror(err));
}

/* Reads what it says, to its end or the time limit. */
static void gnuplot_hear(int fd, pid_t pid, struct strbuf *said, bool *late) {
    double end = now_seconds() + PLOT_SECONDS;
    char buf[1024];
    *late = false;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        double left = end - now_seconds();
        if (left <= 0 && !*late) {
            kill(pid, SIGKILL);
            *late = true;
        }
        int got = poll(&p, 1, left > 0 ? (int)(left * 1000) + 1 : 1000);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0 && *late) break;
        ssize_t n = got > 0 ? read(fd, buf, sizeof buf) : -1;
        if (n == 0) break;
        if (n > 0 && said->len < 8192) strbuf_add(said, buf, (size_t)n);
    }
    close(fd);
}

/* Its error message as one line: gnuplot prints the source, a caret, then `"file" line N: what`. */
static void gnuplot_reason(struct strbuf *said, char *out, size_t size) {
    char *text = said->s ? said->s : (char[]){0}, *hit = strstr(text, ".gp\"");
    while (hit && hit > text && hit[-1] != '\n') hit--;
    char *clean = table_clean(hit ? hit : text), *p = clean;
    while (*p == ' ') p++;
    snprintf(out, size, "%.300s", p);
    for (size_t n = strlen(out); n && out[n - 1] == ' ';) out[--n] = 0;
    free(clean);
}

static int gnuplot_run(const char *dir, const char *script, struct err *e) {
    struct strbuf said = {0};
    int out = -1, status, rc;
    pid_t pid;
    bool late;
    if (!gnuplot_found()) return gnuplot_missing(e);
    if ((rc = gnuplot_start(dir, script, &out, &pid, e))) return rc;
    gnuplot_hear(out, pid, &said, &late);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    char reason[400];
    gnuplot_reason(&said, reason, sizeof reason);
    if (late)
        rc = err_set(e, ERR_RESOURCE, "gnuplot took more than %d s on %s/%s and was stopped", PLOT_SECONDS,
                     dir, script);
    else if (WIFSIGNALED(status))
        rc = err_set(e, ERR_RESOURCE, "gnuplot was killed by signal %d on %s/%s", WTERMSIG(status), dir,
                     script);
    else if (WEXITSTATUS(status))
        rc =
            err_set(e, ERR_RESOURCE, "gnuplot failed in %s: %s", dir, *reason ? reason : "it gave no reason");
    strbuf_release(&said);
    return rc;
}

static void replace_all(struct strbuf *b, const char *from, const char *to) {
    struct strbuf out = {0};
    const char *p = b->s ? b->s : "";
    for (const char *hit; (hit = strstr(p, from)); p = hit + strlen(from)) {
        strbuf_add(&out, p, (size_t)(hit - p));
        strbuf_adds(&out, to);
    }
    strbuf_adds(&out, p);
    strbuf_release(b);
    *b = out;
}

/* The points' definitions: <path id='gpPt1' stroke-width='0.121' ...: another width in each. */
static void points_thicken(struct strbuf *b, const char *width) {
    struct strbuf out = {0};
    const char *p = b->s ? b->s : "", *hit;
    static const char attribute[] = "stroke-width='";
    while ((hit = strstr(p, "id='gpPt"))) {
        const char *value = strstr(hit, attribute), *line = strchr(hit, '\n');
        if (!value || !line || value > line) break;
        value += sizeof attribute - 1;
        strbuf_add(&out, p, (size_t)(value - p));
        strbuf_adds(&out, width);
        p = value + strcspn(value, "'");
    }
    strbuf_adds(&out, p);
    strbuf_release(b);
    *b = out;
}

/* gnuplot names one font, where a reader without it should fall back to something like it; and draws the
 * strokes of points, such as the crosses of diverged runs, as hairlines whatever their line width. */
static int svg_polish(const char *path, struct err *e) {
    struct strbuf b = {0};
    int rc = file_read(path, SVG_MAX, &b, e);
    if (!rc) {
        replace_all(&b, "font-family=\"DejaVu Sans\"",
                    "font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\"");
        points_thicken(&b, "0.4");
        rc = file_write(path, b.s, b.len, e);
    }
    strbuf_release(&b);
    return rc;
}

static char *output_path(const char *dir, const char *base, const char *ending) {
    char *name = xasprintf("%s.%s", base, ending), *path = path_join(dir, name);
    free(name);
    return path;
}

/* The pictures, or what is wrong in paths->drawing. Old pictures never stay beside new data. */
static int write_pictures(const char *dir, const char *base, unsigned formats, struct plot_paths *paths) {
    enum { N = ARRAY_LEN(format_list) };
    char *path[N], *script = xasprintf("%s.gp", base);
    struct err *e = &paths->drawing;
    for (int i = 0; i < N; i++) {
        path[i] = formats & format_list[i].bit ? output_path(dir, base, format_list[i].name) : NULL;
        if (path[i]) unlink(path[i]);
    }
    int rc = gnuplot_run(dir, script, e);
    for (int i = 0; i < N && !rc; i++) {
        if (path[i] && !file_exists(path[i])) rc = err_set(e, ERR_RESOURCE, "gnuplot wrote no %s", path[i]);
        if (!rc && path[i] && format_list[i].bit == PLOT_SVG) rc = svg_polish(path[i], e);
    }
    for (int i = 0; i < N; i++) {
        if (path[i] && rc) unlink(path[i]);
        if (path[i] && !rc)
            path_add(paths, path[i]);
        else
            free(path[i]);
    }
    free(script);
    return rc;
}

int plot_figure_write(struct plot_figure *f, const char *dir, const char *base, unsigned formats,
                      struct plot_paths *paths, struct err *e) {
    struct strbuf csv = {0};
    char *data = output_path(dir, base, "csv"), *script = NULL;
    int rc = dir_make(dir, e);
    table_write(f->csv, TABLE_AS_CSV, 0, &csv);
    if (!rc) rc = file_write(data, csv.s, csv.len, e);
    strbuf_release(&csv);
    if (!rc) rc = script_write(f, dir, base, formats, &script, e);
    if (!rc && write_pictures(dir, base, formats, paths) && e) *e = paths->drawing;
    if (!rc) {
        path_add(paths, data);
        path_add(paths, script);
        return paths->drawing.code;
    }
    free(data);
    return rc;
}

void plot_figure_release(struct plot_figure *f) {
    strbuf_release(&f->head);
    table_free(f->csv);
    *f = (struct plot_figure){0};
}
