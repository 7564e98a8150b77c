/* SPDX-License-Identifier: Apache-2.0 */
/* keys_manual.c - `bench help sweep` and docs/sweep.md: how a sweep file is written, and every key. */
#include <string.h>

#include "harness/cli/keys.h"
#include "harness/cli/manual.h"

/* Paragraphs; those that begin with two blanks stand as they are. */
static const char about[] =
    "A sweep file is a YAML map. `base` has what every run has; axes say what varies. `bench run FILE.yaml` "
    "trains every combination once per seed, and the same command again does only what is missing. `bench "
    "run "
    "FILE.yaml --dry-run` lists the runs, and every mistake with its line, before anything starts.";

static const char example[] =
    "name: mine\n"
    "base:                                # what every run has\n"
    "  model: smollm2-135m\n"
    "  task: lm\n"
    "  data:\n"
    "    train: train.jsonl\n"
    "    eval: eval.jsonl\n"
    "    prompt: \"Question: {question}\\nAnswer: \"\n"
    "    completion: \"{answer}\"\n"
    "  train: {steps: 200, batch_size: 8, warmup: 0.06}\n"
    "  lora_alpha: \"2*r\"                  # derived from another key\n"
    "seeds: [0, 1, 2]                     # each combination so often\n"
    "parameters:                          # axes of all runs\n"
    "  target_modules: [[q_proj, v_proj], all-linear]\n"
    "variants:                            # each with axes of its own\n"
    "  - {method: [lora, lora_fa], parameters: {r: [4, 16], train.lr: [5.0e-4, 2.0e-3]}}\n"
    "  - {method: full, parameters: {train.lr: [2.0e-5, 1.0e-4]}}\n"
    "  - {method: none}                   # the untouched model, evaluated once\n";

static const struct option_word rules[] = {
    {"train.lr", "the same key as `train: {lr: ...}`: a dot or a map, wherever it stands"},
    {"base", "what every run has; a list of values for one key is an axis and stands elsewhere"},
    {"parameters",
     "axes: key and list; the outer list is the axis, so [[q_proj, v_proj], all-linear] has two values"},
    {"variants",
     "a list of maps: `method`, keys that differ from `base`, and `parameters` of its own; an axis "
     "that a method does not know is left out for it"},
    {"paired", "a list of maps that vary together: - {r: 4, train.lr: 1e-3}; every row sets the same keys"},
    {"\"2*r\"", "a number may be derived from other keys: + - * / sqrt( ) and keys, in quotes"},
    {"8GiB, 2h", "sizes take kB MB GB KiB MiB GiB, times s m h d: 90s, 1h30m"},
    {NULL, NULL}};

static const struct part {
    enum key_place place;
    const char *title;
} parts[] = {{KEY_TOP, "At the top of the file"},
             {KEY_BASE, "Below base, for every run"},
             {KEY_TASK, "Below base, of tasks"},
             {KEY_METHOD, "Below base, of methods"}};

/* "whole number, 1 to 1e9; default 100". */
static void add_facts(const struct opt *o, struct strbuf *out) {
    struct strbuf range = {0};
    key_range(o, &range);
    strbuf_adds(out, key_type(o));
    if (range.len) strbuf_addf(out, "%s%s", o->type == OPT_ENUM ? " " : ", ", range.s);
    if (o->def) strbuf_addf(out, "; default %s", o->def);
    strbuf_release(&range);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void text_row(const struct key_row *k, struct strbuf *out) {
    strbuf_addf(out, "  %s  ", k->opt->key);
    struct strbuf facts = {0};
    add_facts(k->opt, &facts);
    manual_wrap(facts.s, 4 + (int)strlen(k->opt->key), 6, out);
    strbuf_adds(out, "\n      ");
    manual_wrap(k->opt->help, 6, 6, out);
    if (k->of.len) strbuf_addf(out, "\n      (%s)", k->of.s);
    strbuf_addc(out, '\n');
    strbuf_release(&facts);
}

void keys_manual_text(struct strbuf *out) {
    struct key_list l;
    struct err e;
    BUG_ON(keys_read(&l, NULL, NULL, NULL, &e), "%s", e.msg);
    manual_wrap(about, 0, 0, out);
    strbuf_adds(out, "\n\n");
    for (const char *s = example; *s; s += strcspn(s, "\n") + 1)
        strbuf_addf(out, "  %.*s\n", (int)strcspn(s, "\n"), s);
    strbuf_adds(out, "\n");
    for (const struct option_word *w = rules; w->name; w++) {
        strbuf_addf(out, "  %-12s", w->name);
        manual_wrap(w->help, 14, 14, out);
        strbuf_addc(out, '\n');
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        strbuf_addf(out, "\n%s:\n\n", parts[i].title);
        for (int k = 0; k < l.n; k++)
            if (l.v[k].place == parts[i].place) text_row(&l.v[k], out);
    }
    keys_release(&l);
}

/* ---- Markdown ------------------------------------------------------------------------------------------ */

static void add_code(const char *text, struct strbuf *out) {
    strbuf_addc(out, '`');
    manual_cell(text, out);
    strbuf_addc(out, '`');
}

static void markdown_row(const struct key_row *k, struct strbuf *out) {
    const struct opt *o = k->opt;
    struct strbuf range = {0};
    key_range(o, &range);
    strbuf_adds(out, "| ");
    add_code(o->key, out);
    strbuf_addf(out, " | %s | ", key_type(o));
    manual_cell(range.s ? range.s : "", out);
    strbuf_adds(out, range.len ? " | " : "| ");
    if (o->def) add_code(o->def, out);
    strbuf_adds(out, o->def ? " | " : "| ");
    manual_cell(o->help, out);
    if (k->of.len) strbuf_addf(out, " | %s", k->of.s);
    strbuf_adds(out, " |\n");
    strbuf_release(&range);
}

void keys_manual_markdown(struct strbuf *out) {
    struct key_list l;
    struct err e;
    BUG_ON(keys_read(&l, NULL, NULL, NULL, &e), "%s", e.msg);
    strbuf_addf(out,
                "<!-- made by `bench help sweep --markdown` from the option tables: change those -->\n\n# A "
                "sweep file\n\n%s\n\n```yaml\n%s```\n\n",
                about, example);
    for (const struct option_word *w = rules; w->name; w++) {
        strbuf_adds(out, "- ");
        add_code(w->name, out);
        strbuf_addf(out, ": %s.\n", w->help);
    }
    strbuf_adds(out, "\n`bench ls keys --search WORD` finds a key; `--json` has them for programs.\n");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        bool of = parts[i].place >= KEY_TASK;
        strbuf_addf(out, "\n## %s\n\n| key | type | range | default | meaning |%s\n|---|---|---|---|---|%s\n",
                    parts[i].title,
                    !of                          ? ""
                    : parts[i].place == KEY_TASK ? " tasks |"
                                                 : " methods |",
                    of ? "---|" : "");
        for (int k = 0; k < l.n; k++)
            if (l.v[k].place == parts[i].place) markdown_row(&l.v[k], out);
    }
    keys_release(&l);
}
