/* SPDX-License-Identifier: Apache-2.0 */
/* test_golden.c - logits, loss, every gradient at step 0 and ten training losses of every method on tiny
 * Llamas, a GPT-2 and a BERT against PyTorch + PEFT.
 *
 * make_golden.py wrote the files and documents them; cases.json lists them. GOLDEN_SHOW=1 prints what is
 * observed. */
#include "tests/golden/golden.h"

#define DIR "tests/golden"

static void matches(void **state) {
    const json_t *c = *state;
    struct golden_gap gap;
    golden_measure(DIR, c, &gap);
    if (getenv("GOLDEN_SHOW"))
        printf("# %-9s %-16s start %.1e logits %.1e gradient %.1e loss %.1e  %s\n",
               json_string_value(json_object_get(c, "kind")), json_string_value(json_object_get(c, "case")),
               gap.start, gap.logits, gap.gradient, gap.loss, gap.worst);
    if (gap.start > TOL) fail_msg("the start is off by %g", gap.start); /* observed 1.8e-7 */
    if (gap.logits > TOL) fail_msg("logits are off by %g", gap.logits); /* 1.6e-6 */
    if (gap.gradient > TOL) fail_msg("gradient of %s is off by %g", gap.worst, gap.gradient); /* 6.4e-6 */
    if (gap.loss > TOL) fail_msg("a loss is off by %g", gap.loss);                            /* 7.7e-7 */
    assert_int_equal(gap.missing, 0);
    assert_true(gap.gradients > 0);
}

/* Every method of a paper has golden values. */
static void every_method_is_there(void **state) {
    const json_t *cases = *state, *c;
    for (const struct method *const *m = method_list; *m; m++) {
        size_t i;
        bool found = !(*m)->paper;
        json_array_foreach((json_t *)(uintptr_t)cases, i, c) found |=
            !strcmp(json_string_value(json_object_get(c, "method")), (*m)->name);
        if (!found) fail_msg("%s: no golden values", (*m)->name);
    }
}

int main(void) {
    json_t *cases = json_load_file(DIR "/cases.json", 0, NULL), *c;
    size_t i, n = json_array_size(cases);
    if (!n) {
        fprintf(stderr, DIR "/cases.json cannot be read\n");
        return 1;
    }
    struct CMUnitTest *tests = calloc(n + 1, sizeof *tests);
    json_array_foreach(cases, i, c) {
        char *name = xasprintf("%s_%s_matches_pytorch", json_string_value(json_object_get(c, "kind")),
                               json_string_value(json_object_get(c, "case")));
        tests[i] = (struct CMUnitTest){.name = name, .test_func = matches, .initial_state = c};
    }
    tests[n] = (struct CMUnitTest){
        .name = "every_method_is_there", .test_func = every_method_is_there, .initial_state = cases};
    return _cmocka_run_group_tests("methods against PyTorch + PEFT", tests, n + 1, NULL, NULL);
}
