/* SPDX-License-Identifier: Apache-2.0 */
/* perf_train.c - speed and memory of a training step on a real model: 4 x 128 random tokens, all labelled,
 * AdamW, as tests/perf/peer_train.py does with PyTorch + PEFT.
 *
 *   build/tests/perf/perf_train [MODEL [METHOD [STEPS [THREADS]]]]     default: smollm2-135m, lora (r = 8 on
 *     q and v), 10 steps, 2 threads
 *
 * Prints the median and best tokens/s after three steps of warm-up, the peak of the allocation gate and max
 * RSS. */
#include "harness/hub/catalog.h"
#include "tests/engine.h"

enum { SEQUENCES = 4, LENGTH = 128, N = SEQUENCES * LENGTH, WARMUP = 3, MAX_STEPS = 1000 };

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void random_batch(struct engine_batch *b, int vocab, uint64_t step) {
    int ids[N], labels[N], offsets[SEQUENCES + 1];
    struct rng r = rng_make(0, "perf", step);
    for (int t = 0; t < N; t++) {
        ids[t] = (int)(rng_u32(r, (uint64_t)t) % (uint32_t)vocab);
        labels[t] = t % LENGTH ? ids[t] : -100;
    }
    for (int s = 0; s <= SEQUENCES; s++) offsets[s] = s * LENGTH;
    engine_batch_init(b, ids, labels, offsets, SEQUENCES);
}

int main(int argc, char **argv) {
    const char *model = argc > 1 ? argv[1] : "smollm2-135m", *method = argc > 2 ? argv[2] : "lora";
    int steps = argc > 3 ? atoi(argv[3]) : 10, threads = argc > 4 ? atoi(argv[4]) : 2;
    struct err e = {0};
    char *path = catalog_model_path(model, &e);
    if (!path || steps < 1 || steps > MAX_STEPS || threads < 1) {
        fprintf(stderr, "perf_train: %s\n", path ? "bad number" : e.msg);
        return path ? 2 : 0; /* without the model there is nothing to measure */
    }
    struct engine g;
    engine_open(
        &g, path, method,
        "{\"r\": 8, \"lora_alpha\": 16, \"target_modules\": [\"q_proj\", \"v_proj\"], \"train.lr\": 1e-4}",
        threads, 0, false);
    double seconds[MAX_STEPS], loss = 0;
    for (int i = 0; i < steps + WARMUP; i++) {
        struct engine_batch b;
        random_batch(&b, g.facts.vocab, (uint64_t)i);
        double t0 = now_seconds();
        loss = engine_loss(&g, &b, true, NULL);
        engine_update(&g);
        if (i >= WARMUP) seconds[i - WARMUP] = now_seconds() - t0;
        engine_batch_release(&b);
    }
    qsort(seconds, (size_t)steps, sizeof *seconds, by_size);
    printf("%s: trainable %zu, loss %.4f, median %.1f tok/s, best %.1f, %d steps, %d threads, gate peak %.0f "
           "MiB, RSS peak %.0f MiB\n",
           method, net_trainable(&g.net), loss, N / seconds[steps / 2], N / seconds[0], steps, threads,
           (double)g.mem.total_peak / 1048576, (double)rss_peak_bytes() / 1048576);
    engine_close(&g);
    free(path);
    return 0;
}
