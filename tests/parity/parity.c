/* SPDX-License-Identifier: Apache-2.0 */
/* parity.c - the table of `make parity`: parity DIR [DIR ...] compares bench's engine with what
 * make_golden.py wrote into each DIR (cases.json and the models beside it) and prints a line per method and
 * model: the worst difference of each quantity and a verdict. Exit code 1 when a verdict is a failure.
 *
 * Differences are max|a-b| / max|b| of a tensor (the worst tensor's), and relative for losses; `start` is
 * that of a start which the method computes itself. The bound is TOL of golden.h. On a real model of many
 * layers float32 is further from the truth than that in PyTorch too: there the values are float64's, a second
 * line says how far PyTorch's own float32 is from them, and the bound is NOISE times that where it is more.
 */
#include "tests/golden/golden.h"

/* Seen: gradients up to 3, losses 4.5. Sums run in one order here, in several partial sums in PyTorch. */
#define NOISE 10

static double bound_of(const struct modelfile *f, const char *what) {
    char key[32];
    snprintf(key, sizeof key, "own.%s", what);
    return fmax(TOL, NOISE * scalar(f, key, 0));
}

static bool show(const char *dir, const json_t *c) {
    const char *kind = json_string_value(json_object_get(c, "kind")),
               *name = json_string_value(json_object_get(c, "case"));
    char *path = xasprintf("%s/golden_%s_%s.safetensors", dir, kind, name);
    struct golden_gap gap;
    struct golden g;
    golden_measure(dir, c, &gap);
    golden_open_file(&g, path);
    bool large = modelfile_find(g.f, "own.loss"), bad = gap.gradient > bound_of(g.f, "gradient");
    bool ok = gap.start <= (large ? 10 : 1) * TOL && gap.logits <= bound_of(g.f, "logits") && !bad &&
              gap.loss <= bound_of(g.f, "loss") && gap.gradients > 0 && (large || !gap.missing);
    printf("%-16s %-10s %9.1e %9.1e %9.1e %9d %9.1e  %s%s%s\n", name, kind, gap.start, gap.logits,
           gap.gradient, gap.gradients, gap.loss, ok ? "agrees" : "DIFFERS", bad ? ": " : "",
           bad ? gap.worst : "");
    if (large)
        printf("  PyTorch in float32 %27.1e %9.1e %19.1e\n", scalar(g.f, "own.logits", 0),
               scalar(g.f, "own.gradient", 0), scalar(g.f, "own.loss", 0));
    fflush(stdout);
    golden_close(&g);
    free(path);
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
