/* parity.c - the table of `make parity`: parity DIR [DIR ...] compares bench's engine with what
 * make_golden.py wrote into each DIR (cases.json and the models beside it) and prints a line per method and
 * model: the worst difference of each quantity and a verdict. Exit code 1 when a verdict is a failure.
 *
 * Differences are max|a-b| / max|b| of a tensor (the worst tensor's), and relative for losses; `start` is
 * that of a start which the method computes itself. Bounds are TOL of golden.h; for a model of many layers
 * (kind `model`) BOUND_DEEP, see there. */
#include "tests/golden/golden.h"

/* Over 30 layers float32 itself is off by more: PyTorch's own gradients differ from its float64 ones by up to
 * 1e-5 there. */
#define BOUND_DEEP 5e-5

static bool show(const char *dir, const json_t *c) {
    const char *kind = json_string_value(json_object_get(c, "kind")), *worst;
    struct golden_gap gap;
    golden_measure(dir, c, &gap);
    bool large = !strcmp(kind, "model");
    double bound = large ? BOUND_DEEP : TOL;
    bool ok = gap.start <= bound && gap.logits <= bound && gap.gradient <= bound && gap.loss <= bound &&
              gap.gradients > 0 && (large || !gap.missing);
    worst = gap.gradient > bound ? gap.worst : "";
    printf("%-16s %-10s %9.1e %9.1e %9.1e %9d %9.1e  %s%s%s\n", json_string_value(json_object_get(c, "case")),
           kind, gap.start, gap.logits, gap.gradient, gap.gradients, gap.loss, ok ? "agrees" : "DIFFERS",
           *worst ? ": " : "", worst);
    fflush(stdout);
    return ok;
}

int main(int argc, char **argv) {
    bool ok = argc > 1;
    printf("%-16s %-10s %9s %9s %9s %9s %9s  %s\n", "method", "model", "start", "logits", "gradient",
           "tensors", "losses", "verdict");
    for (int i = 1; i < argc; i++) {
        char *path = path_join(argv[i], "cases.json");
        json_t *cases = json_load_file(path, 0, NULL), *c;
        size_t k;
        if (!json_array_size(cases)) {
            fprintf(stderr, "%s cannot be read\n", path);
            ok = false;
        }
        json_array_foreach(cases, k, c) ok &= show(argv[i], c);
        json_decref(cases);
        free(path);
    }
    return !ok;
}
