/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_generate.c - `bench generate`: continue a text with a model, with or without an adapter, or with both
 * to compare. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/config/cfg.h"
#include "harness/cli/command.h"
#include "harness/table/columns.h"
#include "harness/infer/generate.h"
#include "harness/core/generation.h"
#include "harness/table/table.h"

struct options {
    const char *model, *adapter, *prompt, *db;
    bool compare, chat;
    enum table_format format;
    long threads, max_tokens, top_k, seed;
    double temperature, top_p;
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
    const struct options *o = v->o;
    struct token_ids prompt = {0};
    struct generate_options how = {.max_tokens = (int)o->max_tokens,
                                   .temperature = o->temperature,
                                   .top_p = o->top_p,
                                   .top_k = (int)o->top_k,
                                   .seed = (uint64_t)o->seed};
    enum generate_end end;
    int rc = generate_prompt(&v->m, text, len, o->chat, &prompt, e);
    if (rc > 0)
        fputs(
            "bench generate: warning: the prompt begins with the start token that the tokenizer adds: there "
            "are two now\n",
            stderr);
    if (rc >= 0) rc = generate_run(&v->m, prompt.v, prompt.n, &how, tell_piece, v, &end, e);
    if (!rc) {
        show_text(v, "", 0, true);
        if (o->format == TABLE_AS_JSON)
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
    bool json = o->format == TABLE_AS_JSON;
    struct voice v = {.o = o, .keep = json || said, .live = !json && !said && isatty(STDOUT_FILENO)};
    int rc = infer_open(&v.m, model, adapter, (int)o->threads, 0, e);
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
        command_print(&out);
    }
    for (int i = 0; i < 2; i++) strbuf_release(&said[i]);
    free(name);
    return rc;
}

static int run_generate(void *options, struct err *e) {
    const struct options *o = options;
    json_t *recorded = NULL;
    struct strbuf prompt = {0};
    char *adapter = o->adapter ? infer_adapter(o->adapter, o->db, &recorded, e) : NULL;
    if (o->adapter && !adapter) return e->code;
    char *model = infer_model(o->model, recorded, adapter, e);
    int rc = model ? 0 : e->code;
    if (!rc && !strcmp(o->prompt, "-"))
        rc = input_read("/dev/stdin", (size_t)16 << 20, &prompt, e);
    else
        strbuf_adds(&prompt, o->prompt);
    bool columns = o->compare && o->format != TABLE_AS_JSON && isatty(STDOUT_FILENO) &&
                   table_terminal() >= COLUMNS_LEAST;
    if (!rc && columns) {
        rc = side_by_side(o, model, adapter, &prompt, e);
    } else {
        if (!rc && (o->compare || !adapter)) rc = one_model(o, model, NULL, &prompt, NULL, e);
        if (!rc && adapter) rc = one_model(o, model, adapter, &prompt, NULL, e);
    }
    strbuf_release(&prompt);
    json_decref(recorded);
    free(model);
    free(adapter);
    return rc;
}

static int check_generate(const void *options, struct err *e) {
    const struct options *o = options;
    const char *wrong = o->compare && !o->adapter
                            ? "--compare wants --adapter: what to compare with the model alone"
                        : !o->adapter && !o->model ? "--model is missing"
                                                   : NULL;
    return wrong ? err_set(e, ERR_USER, "%s", wrong) : 0;
}

static const struct option_row generate_options[] = {
    {NULL, 0, AT_TEXT(prompt), "PROMPT", "the text to continue, in quotes; - is standard input",
     .required = true},
    {"model", 'm', AT_TEXT(model), "MODEL", "the model", .otherwise = "that of the run of --adapter",
     .names = NAMES_MODELS},
    ROW_ADAPTER(adapter),
    {"compare", 0, AT_FLAG(compare), NULL,
     "the model alone and with the adapter: side by side on a terminal of 60 columns or more, else one after "
     "the other"},
    {"chat", 0, AT_FLAG(chat), NULL,
     "PROMPT is what a user says; the model answers (models with <|im_start|> and <|im_end|>)"},
    {"max-tokens", 'n', AT_INT(max_tokens), "N", "stop after N tokens", 1, 1 << 20, .def = "128"},
    {"temperature", 0, AT_NUMBER(temperature), "T",
     "0 takes the most probable token; above, tokens are drawn: 1 as the model says, lower more surely", 0,
     1000, .def = "0"},
    {"top-p", 0, AT_NUMBER(top_p), "P", "draw among the most probable tokens that reach P together; 1: all",
     1e-9, 1, .def = "1"},
    {"top-k", 0, AT_INT(top_k), "K", "draw among the K most probable tokens; 0: all", 0, 1 << 30, .def = "0"},
    {"seed", 0, AT_INT(seed), "S", "of the draws: one seed, one text", 0, 9007199254740992.0, .def = "0"},
    ROW_THREADS(threads),
    ROW_DB(db),
    {"json", 0, AT_VALUE(format, TABLE_AS_JSON), NULL,
     "the text, its token ids and why it ended, one object per model"},
    {0}};

const struct command cmd_generate = {
    .name = "generate",
    .summary = "continue a text with a model, with or without an adapter",
    .about = "Continue PROMPT and print what follows it, up to the model's end token.",
    .rows = generate_options,
    .size = sizeof(struct options),
    .examples =
        "bench generate --model smollm2-135m 'The capital of France is'\n"
        "bench generate --adapter 12 --compare --temperature 0.7 --top-p 0.9 'Define \"to saunter\":'\n",
    .where = COMMAND_COMPUTES,
    .check = check_generate,
    .run = run_generate,
};
