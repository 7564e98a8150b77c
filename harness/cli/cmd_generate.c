/* cmd_generate.c - `bench generate`: continue a text with a model, with or without an adapter, or with both
 * to compare. */
#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/config/cfg.h"
#include "harness/cli/cmd.h"
#include "harness/table/columns.h"
#include "harness/infer/generate.h"
#include "harness/core/generation.h"
#include "harness/table/table.h"

static const char help[] =
    "usage: bench generate --model M [--adapter RUN|DIR] [--compare] [--chat] [--max-tokens N]\n"
    "                      [--temperature T] [--top-p P] [--top-k K] [--seed S] [--threads N] [--db FILE] "
    "[--json] PROMPT\n"
    "\n"
    "Continue PROMPT (- reads it from standard input) and print what follows it, up to the model's end "
    "token.\n"
    "\n"
    "  --adapter A      a folder with adapter_model.safetensors, or a run of the database: then --model is "
    "that run's unless given\n"
    "  --compare        the model alone and with the adapter: side by side on a terminal of 60 columns or "
    "more, else one after the other\n"
    "  --chat           PROMPT is what a user says; the model answers (models with <|im_start|> and "
    "<|im_end|>)\n"
    "  --max-tokens N   stop after N tokens (default 128)\n"
    "  --temperature T  0 takes the most probable token (default); above, tokens are drawn: 1 as the model "
    "says, lower more surely\n"
    "  --top-p P        draw among the most probable tokens that reach P together (default 1: all)\n"
    "  --top-k K        draw among the K most probable tokens (default 0: all)\n"
    "  --seed S         of the draws (default 0): one seed, one text\n"
    "  --json           the text, its token ids and why it ended, one object per model\n"
    "\n"
    "examples:\n"
    "  bench generate --model smollm2-135m 'The capital of France is'\n"
    "  bench generate --adapter 12 --compare --temperature 0.7 --top-p 0.9 'Define \"to saunter\":'\n";

struct options {
    const char *model, *adapter, *prompt, *db;
    bool compare, chat, json;
    int threads;
    struct generate_options g;
};

/* What one model says, on its way to the reader. */
struct voice {
    struct infer m;
    const struct options *o;
    struct generate_text text;
    struct strbuf all; /* when kept */
    struct token_ids ids;
    bool keep; /* for later: --json, or two columns */
    bool live; /* a terminal: show each token as it comes */
};

static void show_text(struct voice *v, const char *s, size_t n, bool last) {
    struct strbuf out = {0};
    generate_text_add(&v->text, s, n, last, &out);
    for (size_t i = 0; v->live && i < out.len; i++) /* no token may give orders to a terminal */
        if (iscntrl((unsigned char)out.s[i]) && !strchr("\n\t", out.s[i])) out.s[i] = '?';
    if (v->keep)
        strbuf_add(&v->all, out.s, out.len);
    else if (out.len)
        fwrite(out.s, 1, out.len, stdout);
    if (v->live) fflush(stdout);
    strbuf_release(&out);
}

static bool tell_piece(void *arg, int32_t id) {
    struct voice *v = arg;
    size_t len;
    char *s = tokenizer_decode(v->m.tok, &id, 1, false, &len);
    GROW(v->ids.v, v->ids.n, v->ids.cap);
    v->ids.v[v->ids.n++] = id;
    show_text(v, s, len, false);
    free(s);
    return !ferror(stdout);
}

static void print_json(const struct voice *v, const char *adapter, enum generate_end end) {
    static const char *const words[] = {"end", "length", "positions", "output"};
    json_t *ids = json_array();
    for (int i = 0; i < v->ids.n; i++) json_array_append_new(ids, json_integer(v->ids.v[i]));
    json_t *j = json_pack("{ss?,so,so,ss}", "adapter", adapter, "text",
                          json_stringn(v->all.s ? v->all.s : "", v->all.len), "ids", ids, "end", words[end]);
    json_dumpf(j, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(j);
}

static int print_piece(struct voice *v, const char *text, size_t len, const char *adapter, struct err *e) {
    struct token_ids prompt = {0};
    enum generate_end end;
    int rc = generate_prompt(&v->m, text, len, v->o->chat, &prompt, e);
    if (rc > 0)
        fputs(
            "bench generate: warning: the prompt begins with the start token that the tokenizer adds: there "
            "are two now\n",
            stderr);
    if (rc >= 0) rc = generate_run(&v->m, prompt.v, prompt.n, &v->o->g, tell_piece, v, &end, e);
    if (!rc) {
        show_text(v, "", 0, true);
        if (v->o->json)
            print_json(v, adapter, end);
        else if (!v->keep)
            putchar('\n');
        if (end == GENERATE_POSITIONS)
            fprintf(stderr, "bench generate: the model's %d positions are used up\n",
                    v->m.facts.max_positions);
    }
    free(prompt.v);
    return rc;
}

/* adapter NULL: the model alone. said NULL: print; else the text is kept there. */
static int one_model(const struct options *o, const char *model, const char *adapter,
                     const struct strbuf *prompt, struct strbuf *said, struct err *e) {
    struct voice v = {.o = o, .keep = o->json || said, .live = !o->json && !said && isatty(STDOUT_FILENO)};
    int rc = infer_open(&v.m, model, adapter, o->threads, 0, e);
    if (rc) return rc;
    if (o->compare && !v.keep) printf("%s--- %s ---\n", adapter ? "\n" : "", adapter ? adapter : "base");
    rc = print_piece(&v, prompt->s ? prompt->s : "", prompt->len, adapter, e);
    infer_close(&v.m);
    generate_text_release(&v.text);
    if (said) *said = v.all;
    if (!said) strbuf_release(&v.all);
    free(v.ids.v);
    return rc;
}

static int side_by_side(const struct options *o, const char *model, const char *adapter,
                        const struct strbuf *prompt, struct err *e) {
    struct strbuf said[2] = {{0}}, out = {0};
    char *name = xasprintf("with %s", adapter);
    int rc = one_model(o, model, NULL, prompt, &said[0], e);
    if (!rc) rc = one_model(o, model, adapter, prompt, &said[1], e);
    if (!rc) {
        columns_write(&out, table_terminal(), (const char *[]){model, name},
                      (const char *[]){said[0].s ? said[0].s : "", said[1].s ? said[1].s : ""});
        fwrite(out.s, 1, out.len, stdout);
    }
    for (int i = 0; i < 2; i++) strbuf_release(&said[i]);
    strbuf_release(&out);
    free(name);
    return rc;
}

static int generate_all(const struct options *o, struct err *e) {
    json_t *recorded = NULL;
    struct strbuf prompt = {0};
    char *adapter = o->adapter ? infer_adapter(o->adapter, o->db, &recorded, e) : NULL;
    if (o->adapter && !adapter) return e->code;
    const char *model = o->model ? o->model : recorded ? cfg_str(recorded, "model") : NULL;
    int rc = model ? 0 : err_set(e, ERR_USER, "--model is missing");
    if (!rc && !strcmp(o->prompt, "-"))
        rc = file_read("/dev/stdin", (size_t)16 << 20, &prompt, e);
    else
        strbuf_adds(&prompt, o->prompt);
    bool columns = o->compare && !o->json && isatty(STDOUT_FILENO) && table_terminal() >= COLUMNS_LEAST;
    if (!rc && columns) {
        rc = side_by_side(o, model, adapter, &prompt, e);
    } else {
        if (!rc && (o->compare || !adapter)) rc = one_model(o, model, NULL, &prompt, NULL, e);
        if (!rc && adapter) rc = one_model(o, model, adapter, &prompt, NULL, e);
    }
    strbuf_release(&prompt);
    json_decref(recorded);
    free(adapter);
    return rc;
}

/* A number in [lo, hi], or NaN. */
static double read_number(const char *s, double lo, double hi) {
    char *end;
    double x = strtod(s, &end);
    return *s && !*end && x >= lo && x <= hi ? x : NAN;
}

static int check_options(const struct options *o, int left) {
    const char *wrong = left < 1   ? "the prompt is missing"
                        : left > 1 ? "one prompt at a time: put it in quotes"
                        : o->compare && !o->adapter
                            ? "--compare wants --adapter: what to compare with the model alone"
                        : !o->adapter && !o->model ? "--model is missing"
                                                   : NULL;
    if (wrong) fprintf(stderr, "bench generate: %s; see `bench generate --help`\n", wrong);
    return wrong ? 2 : 0;
}

static const struct option long_options[] = {{"model", required_argument, NULL, 'm'},
                                             {"adapter", required_argument, NULL, 'a'},
                                             {"compare", no_argument, NULL, 'c'},
                                             {"chat", no_argument, NULL, 'C'},
                                             {"max-tokens", required_argument, NULL, 'n'},
                                             {"temperature", required_argument, NULL, 't'},
                                             {"top-p", required_argument, NULL, 'p'},
                                             {"top-k", required_argument, NULL, 'k'},
                                             {"seed", required_argument, NULL, 's'},
                                             {"threads", required_argument, NULL, 'T'},
                                             {"db", required_argument, NULL, 'd'},
                                             {"json", no_argument, NULL, 'j'},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

/* False: the argument is no number that the option takes. */
static bool take_option(struct options *o, int c) {
    double x = 0;
    switch (c) {
    case 'm':
        o->model = optarg;
        break;
    case 'a':
        o->adapter = optarg;
        break;
    case 'd':
        o->db = optarg;
        break;
    case 'c':
        o->compare = true;
        break;
    case 'C':
        o->chat = true;
        break;
    case 'j':
        o->json = true;
        break;
    case 'n':
        o->g.max_tokens = isnan(x = read_number(optarg, 1, 1 << 20)) ? 0 : (int)x;
        break;
    case 't':
        o->g.temperature = x = read_number(optarg, 0, 1000);
        break;
    case 'p':
        o->g.top_p = x = read_number(optarg, 1e-9, 1);
        break;
    case 'k':
        o->g.top_k = isnan(x = read_number(optarg, 0, 1 << 30)) ? 0 : (int)x;
        break;
    case 's':
        o->g.seed = isnan(x = read_number(optarg, 0, 9007199254740992.0)) ? 0 : (uint64_t)x;
        break;
    case 'T':
        o->threads = isnan(x = read_number(optarg, 1, 64)) ? 0 : (int)x;
        break;
    }
    return !isnan(x);
}

int cmd_generate(int argc, char **argv) {
    struct options o = {.g = {.max_tokens = 128, .top_p = 1}};
    struct err e = {0};
    for (int c; (c = getopt_long(argc, argv, "m:n:h", long_options, NULL)) != -1;) {
        switch (c) {
        case 'h':
            fputs(help, stdout);
            return 0;
        case '?':
            fputs("see `bench generate --help`\n", stderr);
            return 2;
        }
        if (!take_option(&o, c)) {
            fprintf(
                stderr,
                "bench generate: '%s' is not a number that this option takes; see `bench generate --help`\n",
                optarg);
            return 2;
        }
    }
    int rc = check_options(&o, argc - optind);
    if (rc) return rc;
    o.prompt = argv[optind];
    if (generate_all(&o, &e) == 0) return 0;
    fflush(stdout);
    fprintf(stderr, "bench generate: %s\n", e.msg);
    return err_exit_code(&e);
}
