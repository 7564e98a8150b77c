/* SPDX-License-Identifier: Apache-2.0 */
/* test_generate.c - the cache against full passes, choosing tokens, text out of bytes, and what is refused.
 */
#include "harness/infer/generate.h"
#include "harness/core/generation.h"
#include "tests/engine.h"
#include "harness/nn/kernels/xent.h"

static const char *const folders[] = {"tests/golden/llama_tied", "build/share/models/smoke",
                                      "tests/golden/gpt2_tiny"};

enum { LEN = 75 }; /* three panels of tokens, or as many as the model has positions */

static void ids_of(int32_t *ids, int n, int vocab, int salt) {
    for (int i = 0; i < n; i++) ids[i] = (i * 37 + salt * 11 + i * i % 7) % vocab;
}

static float *rows_of(struct engine *g, const float *hidden, int n) {
    float *rows = malloc((size_t)n * (size_t)g->facts.vocab * sizeof *rows);
    logits_rows(g->team, rows, &g->facts.head->w, g->facts.head_bias ? g->facts.head_bias->value : NULL,
                hidden, g->facts.hidden, n);
    return rows;
}

/* Logits of every position by one pass without a cache. */
static float *full_pass(struct engine *g, const int32_t *ids, int n) {
    int own[LEN + 40], offsets[] = {0, n};
    struct engine_batch b;
    for (int i = 0; i < n; i++) own[i] = ids[i];
    engine_batch_init(&b, own, own, offsets, 1);
    arena_reset(&g->net.tape);
    g->model->layout(g->state, &g->net, b.b.np, false);
    float *rows = rows_of(g, g->model->forward(g->state, &g->net, &b.b), n);
    engine_batch_release(&b);
    return rows;
}

static double worst(const float *a, const float *b, size_t n) {
    double d = 0, m = 0;
    for (size_t i = 0; i < n; i++) {
        d = fmax(d, fabs((double)a[i] - (double)b[i]));
        m = fmax(m, fabs((double)b[i]));
    }
    return d / m;
}

static void open_method(struct engine *g, const char *folder, const char *method, int threads) {
    engine_open(g, folder, method, "{\"train.max_length\": 120}", threads, 3, false);
    for (int i = 0; i < g->net.nparams; i++) { /* an adapter that does something */
        struct param *p = g->net.params[i];
        for (size_t k = 0; p->site && k < param_size(p); k++)
            p->value[k] += 0.05f * (rng_uniform(rng_make(1, p->name, 0), k) - 0.5f);
    }
}

static void open_model(struct engine *g, const char *folder, int threads) {
    open_method(g, folder, "lora", threads);
}

/* Pieces of one length, the last one shorter. */
static void check_pieces(struct engine *g, const int32_t *ids, int n, int piece, const float *want) {
    struct kv *kv = g->model->kv_new(g->state, &g->net, &n, 1);
    size_t V = (size_t)g->facts.vocab;
    for (int at = 0; at < n; at += piece) {
        int len = MIN_OF(piece, n - at);
        float *rows = rows_of(g, g->model->extend(g->state, &g->net, kv, NULL, ids + at, len), len);
        double d = worst(rows, want + (size_t)at * V, (size_t)len * V);
        /* observed 8e-7 */
        if (d > 1e-5) fail_msg("pieces of %d, from token %d: logits differ by %g", piece, at, d);
        free(rows);
    }
    g->model->kv_free(kv);
}

static void the_cache_gives_the_logits_of_a_full_pass(void **state) {
    (void)state;
    static const int pieces[] = {1, 7, 32, 33, LEN};
    for (size_t f = 0; f < ARRAY_LEN(folders); f++)
        for (int threads = 1; threads <= 2; threads++) {
            struct engine g;
            int32_t ids[LEN];
            open_model(&g, folders[f], threads);
            int n = MIN_OF((int)LEN, g.facts.max_positions);
            ids_of(ids, n, g.facts.vocab, (int)f);
            float *want = full_pass(&g, ids, n);
            for (size_t i = 0; i < ARRAY_LEN(pieces); i++) check_pieces(&g, ids, n, pieces[i], want);
            free(want);
            engine_close(&g);
        }
}

static void every_method_passes_token_by_token_as_at_once(void **state) {
    (void)state;
    for (size_t f = 0; f < ARRAY_LEN(folders); f += 2)
        for (int i = 0; method_list[i]; i++) {
            if (f == 0 && !strcmp(method_list[i]->name, "bitfit")) continue; /* a Llama has no biases */
            struct engine g;
            int32_t ids[40];
            open_method(&g, folders[f], method_list[i]->name, 2);
            int n = MIN_OF(40, g.facts.max_positions);
            ids_of(ids, n, g.facts.vocab, i);
            float *want = full_pass(&g, ids, n);
            check_pieces(&g, ids, n, 1, want);
            free(want);
            engine_close(&g);
        }
}

static int best_of(const float *logits, int V) {
    struct generate_options greedy = {.temperature = 0};
    float *copy = malloc((size_t)V * sizeof *copy);
    memcpy(copy, logits, (size_t)V * sizeof *copy);
    int id = generate_pick(copy, V, &greedy, 0);
    free(copy);
    return id;
}

static void greedy_with_the_cache_is_greedy_without(void **state) {
    (void)state;
    enum { PROMPT = 9, NEW = 39 };
    for (size_t f = 0; f < ARRAY_LEN(folders); f++) {
        struct engine g;
        int32_t a[PROMPT + NEW], b[PROMPT + NEW];
        open_model(&g, folders[f], 1);
        ids_of(a, PROMPT, g.facts.vocab, 5);
        memcpy(b, a, sizeof a);
        struct kv *kv = g.model->kv_new(g.state, &g.net, (int[]){PROMPT + NEW}, 1);
        for (int n = PROMPT, new = PROMPT; n < PROMPT + NEW; n++, new = 1) {
            float *rows = rows_of(&g, g.model->extend(g.state, &g.net, kv, NULL, a + n - new, new), new);
            a[n] = best_of(rows + (size_t)(new - 1) * (size_t)g.facts.vocab, g.facts.vocab);
            free(rows);
            rows = full_pass(&g, b, n);
            b[n] = best_of(rows + (size_t)(n - 1) * (size_t)g.facts.vocab, g.facts.vocab);
            free(rows);
        }
        assert_memory_equal(a, b, sizeof a);
        g.model->kv_free(kv);
        engine_close(&g);
    }
}

/* ---- many prompts -------------------------------------------------------------------------------------- */

enum { MANY = 40, MOST_NEW = 14 };

struct told_many {
    int32_t id[MANY][MOST_NEW];
    int n[MANY];
};

static void take_many(void *arg, int which, int32_t id) {
    struct told_many *t = arg;
    assert_in_range(t->n[which], 0, MOST_NEW - 1);
    t->id[which][t->n[which]++] = id;
}

/* Prompts of 1 to 21 tokens, in all more than one piece, with room for 1 to 14 new ones. */
static void many_prompts(struct generation_prompt *p, int32_t (*ids)[24], int vocab) {
    for (int i = 0; i < MANY; i++) {
        int n = 1 + (i * 13 + 7) % 21;
        ids_of(ids[i], n, vocab, i);
        p[i] = (struct generation_prompt){ids[i], n, 1 + i % MOST_NEW};
    }
}

static void generate_many(struct engine *g, const struct generation_prompt *p, int n, int32_t stop,
                          struct told_many *t) {
    struct task_net tn = {&g->net, g->model, g->state, g->facts};
    struct generation x = {0};
    memset(t, 0, sizeof *t);
    arena_reset(&g->net.tape);
    generation_open(&x, &tn, p, n);
    if (!g->mem.counting) generation_run(&x, &(struct ends){{stop}, 1}, take_many, t);
    generation_close(&x);
    generation_close(&x); /* does nothing */
    arena_reset(&g->net.tape);
}

static void prompts_continued_together_say_what_each_says_alone(void **state) {
    (void)state;
    static struct told_many all, one;
    for (size_t f = 0; f < ARRAY_LEN(folders); f++) {
        struct engine g;
        struct generation_prompt p[MANY];
        int32_t ids[MANY][24];
        open_model(&g, folders[f], 2);
        many_prompts(p, ids, g.facts.vocab);
        generate_many(&g, p, MANY, -1, &all);
        for (int i = 0; i < MANY; i++) {
            int32_t b[40];
            assert_int_equal(all.n[i], p[i].max_tokens);
            memcpy(b, p[i].ids, (size_t)p[i].n * sizeof *b);
            generate_many(&g, p + i, 1, -1, &one);
            assert_memory_equal(one.id[0], all.id[i], (size_t)all.n[i] * sizeof(int32_t));
            for (int n = p[i].n, k = 0; i % 7 == 0 && k < all.n[i]; n++, k++) { /* and what full passes say */
                float *rows = full_pass(&g, b, n);
                b[n] = best_of(rows + (size_t)(n - 1) * (size_t)g.facts.vocab, g.facts.vocab);
                assert_int_equal(b[n], all.id[i][k]);
                free(rows);
            }
        }
        engine_close(&g);
    }
}

static void a_prompt_that_stops_leaves_the_others_going(void **state) {
    (void)state;
    static struct told_many all, some;
    struct engine g;
    struct generation_prompt p[MANY];
    int32_t ids[MANY][24];
    open_model(&g, folders[0], 1);
    many_prompts(p, ids, g.facts.vocab);
    generate_many(&g, p, MANY, -1, &all);
    int32_t stop = all.id[13][1];
    int cut = 0;
    generate_many(&g, p, MANY, stop, &some);
    for (int i = 0; i < MANY; i++) {
        int want = 0;
        while (want < all.n[i] && all.id[i][want] != stop) want++;
        cut += want < all.n[i];
        assert_int_equal(some.n[i], want);
        assert_memory_equal(some.id[i], all.id[i], (size_t)want * sizeof(int32_t));
    }
    assert_in_range(cut, 1, MANY - 1);
    engine_close(&g);
}

static void counting_foresees_the_memory_of_a_generation(void **state) {
    (void)state;
    static struct told_many t;
    size_t peak[2];
    for (int counting = 0; counting < 2; counting++) {
        struct engine g;
        struct generation_prompt p[MANY];
        int32_t ids[MANY][24];
        engine_open(&g, folders[0], "lora", "{\"train.max_length\": 120}", 1, 3, counting);
        many_prompts(p, ids, g.facts.vocab);
        size_t before = g.mem.total;
        generate_many(&g, p, MANY, -1, &t);
        assert_int_equal(g.mem.total, before);
        peak[counting] = g.mem.total_peak - before;
        engine_close(&g);
    }
    assert_int_equal(peak[0], peak[1]);
    assert_true(peak[0] > 0);
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

static const float odds[] = {0.5f, 3.0f, 1.0f, 3.0f, -2.0f, 2.0f};

static int pick(const struct generate_options *o, uint64_t place) {
    float l[ARRAY_LEN(odds)];
    memcpy(l, odds, sizeof l);
    return generate_pick(l, ARRAY_LEN(odds), o, place);
}

static void greedy_takes_the_lowest_id_among_equals(void **state) {
    (void)state;
    assert_int_equal(pick(&(struct generate_options){.top_p = 1}, 0), 1);
    for (uint64_t i = 0; i < 50; i++)
        assert_int_equal(pick(&(struct generate_options){.temperature = 1, .top_p = 1, .top_k = 1}, i), 1);
}

static void draws_follow_the_probabilities(void **state) {
    (void)state;
    struct generate_options o = {.temperature = 0.7, .top_p = 1, .seed = 4};
    double p[ARRAY_LEN(odds)], total = 0;
    int seen[ARRAY_LEN(odds)] = {0}, n = 20000;
    for (size_t i = 0; i < ARRAY_LEN(odds); i++) total += p[i] = exp((double)odds[i] / 0.7);
    for (int i = 0; i < n; i++) seen[pick(&o, (uint64_t)i)]++;
    for (size_t i = 0; i < ARRAY_LEN(odds); i++) {
        double want = p[i] / total, sigma = sqrt(want * (1 - want) / n);
        if (fabs((double)seen[i] / n - want) > 4 * sigma)
            fail_msg("token %zu: %d of %d, %g expected", i, seen[i], n, want * n);
    }
}

static void top_k_and_top_p_leave_the_rest_out(void **state) {
    (void)state;
    int k[ARRAY_LEN(odds)] = {0}, p[ARRAY_LEN(odds)] = {0};
    for (uint64_t i = 0; i < 2000; i++) {
        k[pick(&(struct generate_options){.temperature = 5, .top_p = 1, .top_k = 3}, i)]++;
        p[pick(&(struct generate_options){.temperature = 1, .top_p = 0.5}, i)]++; /* 0.39 + 0.39 reach it */
    }
    assert_true(k[1] && k[3] && k[5] && !k[0] && !k[2] && !k[4]);
    assert_true(p[1] && p[3] && !p[5] && !p[0] && !p[2] && !p[4]);
}

static void many_logits_are_ranked_ties_by_id(void **state) {
    (void)state;
    enum { V = 5000 };
    float *l = malloc(V * sizeof *l), *copy = malloc(V * sizeof *l);
    /* many ties, both signs */
    for (int i = 0; i < V; i++) l[i] = roundf(20 * (rng_uniform(rng_make(9, "rank", 0), (uint64_t)i) - 0.5f));
    l[1234] = 11, l[77] = 11, l[4000] = -0.0f;
    for (int k = 1; k < 4; k++) { /* top_k leaves the first k, which draws then show */
        bool seen[V] = {false};
        for (uint64_t i = 0; i < 60; i++) {
            memcpy(copy, l, V * sizeof *l);
            seen[generate_pick(copy, V, &(struct generate_options){.temperature = 50, .top_p = 1, .top_k = k},
                               i)] = true;
        }
        int third = 0, n = 0;
        while (l[third] != 10) third++;
        for (int i = 0; i < V; i++) n += seen[i];
        assert_int_equal(n, k);
        assert_true(seen[77] && seen[1234] == (k >= 2) && seen[third] == (k >= 3));
    }
    free(l), free(copy);
}

static void a_seed_fixes_the_draws(void **state) {
    (void)state;
    struct generate_options a = {.temperature = 3, .top_p = 1, .seed = 1}, b = a;
    int same = 0;
    b.seed = 2;
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(pick(&a, i), pick(&a, i));
        same += pick(&a, i) == pick(&b, i);
    }
    assert_true(same < 120);
}

static void logits_that_are_no_numbers_still_give_a_token(void **state) {
    (void)state;
    struct generate_options o = {.temperature = 1, .top_p = 0.9};
    float nan[3] = {NAN, NAN, NAN}, some[3] = {NAN, 2, INFINITY}, hole[3] = {1, NAN, 1};
    assert_in_range(generate_pick(nan, 3, &o, 0), 0, 2);
    assert_in_range(generate_pick(some, 3, &o, 0), 0, 2);
    for (uint64_t i = 0; i < 50; i++) assert_int_not_equal(generate_pick(hole, 3, &o, i), 1);
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void expect_text(const char *bytes, size_t n, size_t step, const char *want) {
    struct generate_text t = {0};
    struct strbuf out = {0};
    for (size_t i = 0; i < n; i += step) {
        generate_text_add(&t, bytes + i, MIN_OF(step, n - i), i + step >= n, &out);
        assert_int_equal(utf8_valid_prefix(out.s ? out.s : "", out.len),
                         out.len); /* never half a character */
    }
    assert_string_equal(out.s, want);
    generate_text_release(&t);
    strbuf_release(&out);
}

static void characters_come_whole_however_they_are_cut(void **state) {
    (void)state;
    const char *text = "a\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 z";
    for (size_t step = 1; step <= strlen(text); step++) expect_text(text, strlen(text), step, text);
    for (size_t step = 1; step <= 4; step++) {
        expect_text("x\xE2\x82", 3, step, "x\xEF\xBF\xBD");             /* the end cuts a character */
        expect_text("\xE2\x82z", 3, step, "\xEF\xBF\xBDz");             /* the next byte does not go on */
        expect_text("\x80\xFFz", 3, step, "\xEF\xBF\xBD\xEF\xBF\xBDz"); /* bytes that begin nothing */
    }
}

/* ---- whole generations --------------------------------------------------------------------------------- */

struct told {
    int32_t id[64];
    int n, want;
};

static bool take(void *arg, int32_t id) {
    struct told *t = arg;
    t->id[t->n++] = id;
    return t->n < t->want;
}

static void generation_ends_where_it_should(void **state) {
    (void)state;
    struct infer m;
    struct err e = {0};
    struct told a = {.want = 64}, b = {.want = 3};
    struct generate_options o = {.max_tokens = 12, .top_p = 1};
    enum generate_end end;
    int32_t many[600] = {0};
    if (infer_open(&m, "smoke", NULL, 1, 0, &e)) fail_msg("%s", e.msg);
    struct token_ids prompt = {0};
    assert_int_equal(generate_prompt(&m, "What is a", 9, false, &prompt, &e), 0);
    assert_int_equal(generate_run(&m, prompt.v, prompt.n, &o, take, &a, &end, &e), 0);
    assert_int_equal(end, GENERATE_LENGTH);
    assert_int_equal(a.n, 12);
    assert_int_equal(generate_run(&m, prompt.v, prompt.n, &o, take, &b, &end, &e), 0);
    assert_int_equal(end, GENERATE_REFUSED);
    assert_memory_equal(a.id, b.id, 3 * sizeof a.id[0]);

    int max = m.facts.max_positions;
    assert_in_range(max, 16, 599);
    a.n = 0;
    assert_int_equal(generate_run(&m, many, max - 4, &o, take, &a, &end, &e), 0);
    assert_int_equal(end, GENERATE_POSITIONS);
    assert_int_equal(a.n, 5); /* the last one needs no position of its own */
    assert_int_equal(generate_run(&m, many, max + 1, &o, take, &a, &end, &e), ERR_USER);
    assert_non_null(strstr(e.msg, "positions"));
    many[0] = m.facts.vocab;
    assert_int_equal(generate_run(&m, many, 4, &o, take, &a, &end, &e), ERR_USER);
    assert_int_equal(generate_run(&m, many, 0, &o, take, &a, &end, &e), ERR_USER);
    free(prompt.v);
    infer_close(&m);
}

static void a_chat_prompt_is_chatml_around_plain_words(void **state) {
    (void)state;
    struct infer m;
    struct err e = {0};
    struct token_ids got = {0}, want = {0};
    if (infer_open(&m, "smoke", NULL, 1, 0, &e)) fail_msg("%s", e.msg);
    const char *whole = "<|im_start|>user\nWhat is a<|im_end|>\n<|im_start|>assistant\n",
               *said = "<|im_end|>";
    assert_int_equal(generate_prompt(&m, "What is a", 9, true, &got, &e), 0);
    tokenizer_encode(m.tok, whole, strlen(whole), true, &want);
    assert_int_equal(got.n, want.n);
    assert_memory_equal(got.v, want.v, (size_t)got.n * sizeof *got.v);
    got.n = 0;
    int special = tokenizer_id(m.tok, said), seen = 0;
    assert_int_equal(generate_prompt(&m, said, strlen(said), true, &got, &e), 0);
    for (int i = 0; i < got.n; i++) seen += got.v[i] == special;
    assert_int_equal(seen, 1); /* the one that ends the user's turn */
    free(got.v), free(want.v);
    infer_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_passes_token_by_token_as_at_once),
        cmocka_unit_test(the_cache_gives_the_logits_of_a_full_pass),
        cmocka_unit_test(greedy_with_the_cache_is_greedy_without),
        cmocka_unit_test(prompts_continued_together_say_what_each_says_alone),
        cmocka_unit_test(a_prompt_that_stops_leaves_the_others_going),
        cmocka_unit_test(counting_foresees_the_memory_of_a_generation),
        cmocka_unit_test(greedy_takes_the_lowest_id_among_equals),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(top_k_and_top_p_leave_the_rest_out),
        cmocka_unit_test(many_logits_are_ranked_ties_by_id),
        cmocka_unit_test(a_seed_fixes_the_draws),
        cmocka_unit_test(logits_that_are_no_numbers_still_give_a_token),
        cmocka_unit_test(characters_come_whole_however_they_are_cut),
        cmocka_unit_test(generation_ends_where_it_should),
        cmocka_unit_test(a_chat_prompt_is_chatml_around_plain_words),
    };
    return cmocka_run_group_tests_name("generation", tests, NULL, NULL);
}
