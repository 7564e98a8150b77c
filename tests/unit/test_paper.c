/* SPDX-License-Identifier: Apache-2.0 */
/* test_paper.c - printed values and verdicts, and every delivered table: what must reproduce does, and what
 * does not is listed here by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/paper/paper.h"
#include "harness/base/util.h"

static struct archs *book;

static int load(void **state) {
    struct err e = {0};
    (void)state;
    setenv("BENCH_SHARE", "experiments", 1);
    if (archs_load(&book, NULL, &e)) fail_msg("%s", e.msg);
    return 0;
}

static int unload(void **state) {
    (void)state;
    archs_free(book);
    return 0;
}

/* ---- values -------------------------------------------------------------------------------------------- */

static void judged(const char *printed, bool binary, double computed, enum paper_verdict want,
                   const char *shown) {
    struct paper_value v;
    struct err e = {0};
    char text[PAPER_TEXT_MAX];
    if (paper_value_parse(printed, binary, &v, &e)) fail_msg("%s", e.msg);
    paper_value_format(&v, computed, text);
    if (paper_judge(&v, computed) != want)
        fail_msg("%s against %.17g: %s", printed, computed, paper_verdict_name(paper_judge(&v, computed)));
    assert_string_equal(text, shown);
}

static void values_are_judged_at_the_printed_precision(void **state) {
    (void)state;
    judged("0.3M", false, 294912, PAPER_REPRODUCES, "0.3M");
    judged("36.8K", false, 36864, PAPER_ROUNDS, "36.86K");
    judged("49.5K", false, 49920, PAPER_DIFFERS, "49.92K");
    judged("18M", false, 18874368, PAPER_ROUNDS, "18.9M");
    judged("0.35M", false, 393216, PAPER_DIFFERS, "0.393M");
    judged("9,175,040", false, 9175040, PAPER_REPRODUCES, "9,175,040");
    judged("9,175,040", false, 9175041, PAPER_DIFFERS, "9,175,041");
    judged("144KB", true, 147456, PAPER_REPRODUCES, "144KB");
    judged("144KB", false, 147456, PAPER_DIFFERS, "147.5KB");
    judged("3.0M", true, 3171840, PAPER_REPRODUCES, "3.0M");
    judged("350GB", false, 350e9, PAPER_REPRODUCES, "350GB");
    judged("1.2TB", false, 1.05e12, PAPER_DIFFERS, "1.05TB");
    judged("1.5B", false, 1.54e9, PAPER_REPRODUCES, "1.5B");
    judged("+2.2%", false, 2.249, PAPER_REPRODUCES, "2.2%");
    judged("-0.5", false, -0.54, PAPER_REPRODUCES, "-0.5");
    judged("-0.5", false, 0.54, PAPER_DIFFERS, "0.54");
    judged("10,000x", false, 9285, PAPER_DIFFERS, "9,285x");
    judged("0.5", false, 0.45, PAPER_REPRODUCES, "0.5");
    judged("0.4", false, 0.45, PAPER_REPRODUCES, "0.5"); /* a half may go either way */
    judged("3M", false, NAN, PAPER_NOT_RUN, "-");
}

static void what_is_no_printed_value_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "M", "about 3M", "3Q", "3MBB", "3BB", "1.2.3M", "3 M x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct paper_value v;
        struct err e = {0};
        if (paper_value_parse(bad[i], false, &v, &e) != ERR_USER) fail_msg("'%s' passes", bad[i]);
    }
}

/* ---- the delivered tables ------------------------------------------------------------------------------ */

/* Values that were worked out apart from this program, from the papers' formulas. */
static const struct {
    const char *table, *row, *column;
    double computed;
} known[] = {
    {"lora-2", "RoBERTa base, LoRA", NULL, 294912},
    {"lora-2", "RoBERTa large, LoRA", NULL, 786432},
    {"lora-2", "DeBERTa XXL, LoRA as in the paper's Table 10: r=8", NULL, 2359296},
    {"lora-2", "DeBERTa XXL, LoRA as in the released scripts: r=16", NULL, 4718592},
    {"lora-2", "RoBERTa large, Adapter-P b=16", NULL, 811392},
    {"lora-2", "RoBERTa large, Adapter-P b=64", NULL, 3171840},
    {"lora-2", "RoBERTa large, Adapter-H b=8", NULL, 835968},
    {"lora-2", "RoBERTa large, Adapter-H b=64", NULL, 6343680},
    {"lora-3", "GPT-2 M, FT", NULL, 354823168},
    {"lora-3", "GPT-2 M, LoRA r=4", NULL, 393216},
    {"lora-3", "GPT-2 M, Adapter-L b=6", NULL, 368784},
    {"lora-3", "GPT-2 M, Adapter-L b=224", NULL, 11089152},
    {"lora-3", "GPT-2 M, Adapter-H b=112", NULL, 11089152},
    {"lora-3", "GPT-2 M, FT of the top 2 layers", NULL, 25192448},
    {"lora-3", "GPT-2 L, LoRA r=4", NULL, 737280},
    {"lora-3", "GPT-2 L, Adapter-L b=8", NULL, 875808},
    {"lora-3", "GPT-2 L, Adapter-L b=248", NULL, 23002848},
    {"lora-gpt3", "Table 4, BitFit as 12 d L", NULL, 14155776},
    {"lora-gpt3", "Table 4 and 15, LoRA r_v=2", NULL, 4718592},
    {"lora-gpt3", "Table 15, LoRA r_q=r_k=r_v=r_o=1", NULL, 9437184},
    {"lora-gpt3", "Table 15, LoRA r_q=r_v=64", NULL, 301989888},
    {"lora-gpt3", "Table 15, LoRA r_q=r_k=r_v=r_o=64", NULL, 603979776},
    {"vera-1", "base r=1, VeRA", "parameters", 18456},
    {"vera-1", "large r=16, VeRA", "parameters", 49920},
    {"vera-1", "GPT-3 r=256, VeRA", "parameters", 2408448},
    {"vera-1", "GPT-3 r=256, VeRA as 2 L (d + 128 r)", "parameters", 8650752},
    {"vera-counts", "Llama-2 7B, LoRA r=64", NULL, 159907840},
    {"vera-counts", "Llama-2 13B, LoRA r=64", NULL, 250347520},
    {"vera-counts", "Llama-2 7B, VeRA r=1024", NULL, 1589248},
    {"vera-counts", "Llama-2 7B, VeRA r=256", NULL, 1417216},
    {"vera-counts", "Llama-2 13B, VeRA r=1024", NULL, 2416640},
    {"delta-lora", "BART large, W_q and W_v of all attentions", NULL, 75497472},
    {"peft-metamath", "DoRA r=32", NULL, 9289728},
    {"lora-fa", "full fine-tuning against LoRA-FA, d=8192 r=4", NULL, 2048},
};

static const struct paper_cell *find(const struct paper *p, const char *row, const char *column) {
    for (int i = 0; i < p->ncells; i++)
        if (!strcmp(p->cells[i].row, row) && (!column || !strcmp(p->cells[i].column, column)))
            return &p->cells[i];
    fail_msg("%s has no row '%s'", p->name, row);
    return NULL;
}

static void counts_equal_those_worked_out_apart(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        struct paper *p;
        struct err e = {0};
        if (paper_load(&p, known[i].table, book, NULL, &e)) fail_msg("%s", e.msg);
        const struct paper_cell *x = find(p, known[i].row, known[i].column);
        if (x->computed != known[i].computed)
            fail_msg("%s, %s: %.17g, not %.17g", p->name, x->row, x->computed, known[i].computed);
        paper_free(p);
    }
}

/* Rows that do not reproduce, by what their name begins with, and how many cells that is. Everything else
 * that is printed must. */
static const struct {
    const char *table, *row;
    int cells;
} differs[] = {
    {"galore-2", "60M", 1},
    {"galore-2", "130M", 1},
    {"galore-2", "1B", 1},
    {"gpt3-sizes", "full checkpoint, float16, of its tensors", 1},
    {"gpt3-sizes", "adapter ", 3},
    {"gpt3-sizes", "fewer trainable", 3},
    {"gpt3-sizes", "throughput gain", 1},
    {"gpt3-sizes", "training, ", 4},
    {"gpt3-sizes", "full checkpoint of popular accounts, float16", 1},
    {"gpt3-sizes", "full checkpoint of popular accounts, float32 with Adam", 1},
    {"gpt3-sizes", "r_", 13},
    {"lora-2", "RoBERTa base, FT", 1},
    {"lora-2", "RoBERTa base, LoRA (the code's README", 1},
    {"lora-2", "RoBERTa large, FT", 1},
    {"lora-2", "RoBERTa large, Adapter-P b=64", 1},
    {"lora-2", "RoBERTa large, Adapter-H b=64", 1},
    {"lora-2", "DeBERTa XXL, FT", 1},
    {"lora-2", "DeBERTa XXL, LoRA as in the paper's", 1},
    {"lora-3", "GPT-2 M, FT", 1},
    {"lora-3", "GPT-2 M, LoRA", 1},
    {"lora-3", "GPT-2 L, LoRA", 1},
    {"lora-checkpoints", "RoBERTa large", 1},
    {"lora-checkpoints", "DeBERTa XXL r=8", 1},
    {"lora-checkpoints", "GPT-2 L", 1},
    {"lora-fa", "b=16", 2},
    {"lora-gpt3", "Table 4, FT", 2},
    {"lora-gpt3", "Table 4, BitFit", 1},
    {"lora-gpt3", "section D.4", 1},
    {"lora-gpt3", "Table 15, LoRA r_q=r_k=r_v=r_o=64", 1},
    {"lora-gpt3", "Table 15, PreLayer", 4},
    {"lora-gpt3", "Table 4 and 15, PreLayer", 1},
    {"lora-gpt3", "Table 15, LoRA+PreLayer", 1},
    {"peft-metamath", "VeRA r=256, its file", 1},
    {"vera-1", "large r=16, VeRA", 1},
    {"vera-1", "GPT-3 r=1, VeRA", 1},
    {"vera-1", "GPT-3 r=16, VeRA", 2},
    {"vera-1", "GPT-3 r=256, VeRA", 2},
    {"vera-counts", "GLUE", 2},
};

static void the_cells_that_do_not_reproduce_are_these(void **state) {
    (void)state;
    int seen[ARRAY_LEN(differs)] = {0}, n, cells = 0;
    char **names;
    struct err e = {0};
    if (paper_names(&names, &n, &e)) fail_msg("%s", e.msg);
    for (int i = 0; i < n; i++) {
        struct paper *p;
        if (paper_load(&p, names[i], book, NULL, &e)) fail_msg("%s", e.msg);
        for (int k = 0; k < p->ncells; k++) {
            const struct paper_cell *x = &p->cells[k];
            size_t d = 0;
            cells += x->printed != NULL;
            if (x->verdict == PAPER_NOT_RUN && !x->arm) assert_non_null(x->note);
            if (x->verdict != PAPER_DIFFERS) continue;
            while (d < ARRAY_LEN(differs) && (strcmp(differs[d].table, names[i]) ||
                                              strncmp(x->row, differs[d].row, strlen(differs[d].row))))
                d++;
            if (d == ARRAY_LEN(differs))
                fail_msg("%s, %s: printed %s, computed %s", names[i], x->row, x->printed, x->shown);
            seen[d]++;
        }
        paper_free(p);
    }
    for (size_t d = 0; d < ARRAY_LEN(differs); d++)
        if (seen[d] != differs[d].cells)
            fail_msg("%s, %s: %d cells differ, not %d", differs[d].table, differs[d].row, seen[d],
                     differs[d].cells);
    assert_true(cells >= 150);
    paper_names_free(names, n);
}

/* ---- mistakes ------------------------------------------------------------------------------------------ */

static void mistakes_in_a_table_name_their_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"cells:\n  - {row: a, printd: 3M, formula: 1}\n",
         ":2: unknown key 'printd' (did you mean 'printed'?)"},
        {"cells:\n  - {row: a, printed: 3Q, formula: 1}\n", ":2: printed '3Q'"},
        {"cells:\n  - {row: a, printed: 3M}\n", ":2: a cell needs `formula`"},
        {"cells:\n\n  - {row: a, printed: 3M, formula: x + 1}\n", ":3: 'x' is neither in `set`"},
        {"cells:\n  - {row: a, printed: 3M, arch: gpt2, method: lora, set: {q: 1}}\n",
         ":2: method lora has no option 'q'"},
        {"cells:\n  - {row: a, printed: 3M, arch: gpt2, method: lora, targets: nothing}\n",
         ":2: targets 'nothing' are no layers"},
        {"cells:\n  - {row: a, printed: 3M, arch: gpt2, method: lorra}\n", ":2: unknown method 'lorra'"},
        {"cells:\n  - {row: a, printed: 3M, arch: gpt5, formula: 1}\n", ":2: unknown architecture 'gpt5'"},
        {"cells: 3\n", ":1: `cells` must be a list"},
    };
    char path[] = "/tmp/paper-XXXXXX.yaml";
    close(mkstemps(path, 5));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct paper *p = NULL;
        struct err e = {0};
        assert_int_equal(file_write(path, bad[i].text, strlen(bad[i].text), &e), 0);
        assert_int_equal(paper_load(&p, path, book, NULL, &e), ERR_USER);
        if (!strstr(e.msg, bad[i].message)) fail_msg("'%s' is not in '%s'", bad[i].message, e.msg);
        assert_null(p);
    }
    unlink(path);
    struct paper *p;
    struct err e = {0};
    assert_int_equal(paper_load(&p, "vera1", book, NULL, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "did you mean 'vera-1'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_judged_at_the_printed_precision),
        cmocka_unit_test(what_is_no_printed_value_is_refused),
        cmocka_unit_test(counts_equal_those_worked_out_apart),
        cmocka_unit_test(the_cells_that_do_not_reproduce_are_these),
        cmocka_unit_test(mistakes_in_a_table_name_their_line),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
