/* SPDX-License-Identifier: Apache-2.0 */
/* test_mem.c - the allocation gate counts what it gives, remembers the split at the peak, and refuses over
 * the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/base/mem.h"

static void bytes_are_counted_by_category_rounded_to_64(void **state) {
    (void)state;
    struct mem m;
    mem_init(&m, false, 0);
    void *a = mem_alloc(&m, MEM_PARAM, 100), *b = mem_alloc(&m, MEM_GRAD, 64);
    assert_int_equal(m.live[MEM_PARAM], 128);
    assert_int_equal(m.live[MEM_GRAD], 64);
    assert_int_equal(m.total, 192);
    mem_free(&m, MEM_PARAM, a, 100);
    mem_free(&m, MEM_GRAD, b, 64);
    mem_free(&m, MEM_GRAD, NULL, 64);
    assert_int_equal(m.total, 0);
    assert_int_equal(m.total_peak, 192);
}

static void memory_is_zero_and_aligned_at_every_size(void **state) {
    (void)state;
    struct mem m;
    mem_init(&m, false, 0);
    static const size_t sizes[] = {1, 63, 64, 65, 4096, (1 << 18) - 1, 1 << 18, 5000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned char *p = mem_alloc(&m, MEM_MISC, sizes[i]);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t k = 0; k < sizes[i]; k++) assert_int_equal(p[k], 0);
        memset(p, 1, sizes[i]);
        mem_free(&m, MEM_MISC, p, sizes[i]);
    }
    assert_int_equal(m.total, 0);
}

static void the_split_is_that_of_the_moment_of_the_peak(void **state) {
    (void)state;
    struct mem m;
    mem_init(&m, false, 0);
    void *act = mem_alloc(&m, MEM_ACT, 6400);
    void *grad = mem_alloc(&m, MEM_GRAD, 640);
    mem_free(&m, MEM_ACT, act, 6400);
    void *opt = mem_alloc(&m, MEM_OPT, 1280); /* later, and less in total */
    assert_int_equal(m.total_peak, 7040);
    assert_int_equal(m.at_peak[MEM_ACT], 6400);
    assert_int_equal(m.at_peak[MEM_GRAD], 640);
    assert_int_equal(m.at_peak[MEM_OPT], 0);
    assert_int_equal(m.peak[MEM_OPT], 1280);
    mem_move(&m, MEM_OPT, MEM_FIXED, 1280);
    assert_int_equal(m.live[MEM_FIXED], 1280);
    mem_free(&m, MEM_GRAD, grad, 640);
    mem_free(&m, MEM_FIXED, opt, 1280);
    assert_int_equal(m.total, 0);
}

static void arenas_count_while_used_and_keep_their_pages(void **state) {
    (void)state;
    struct mem m;
    struct arena a;
    mem_init(&m, false, 0);
    arena_init(&a, &m, 1 << 20);
    assert_int_equal(m.total, 0); /* address space is free */
    char *p = arena_alloc(&a, MEM_ACT, 100), *q = arena_alloc(&a, MEM_SCRATCH, 1);
    assert_ptr_equal(q, p + 128);
    assert_int_equal(m.live[MEM_ACT], 128);
    assert_int_equal(m.live[MEM_SCRATCH], 64);
    arena_reset(&a);
    assert_int_equal(m.total, 0);
    assert_ptr_equal(arena_alloc(&a, MEM_ACT, 1), p);
    arena_release(&a);
    assert_int_equal(m.total, 0);
}

static void a_reserve_larger_than_the_address_space_shrinks_until_it_fits(void **state) {
    (void)state;
    struct mem m;
    struct arena a;
    mem_init(&m, false, 0);
    arena_init(&a, &m, (size_t)1 << 62);
    assert_true(a.reserve >= (size_t)1 << 30);
    char *p = arena_alloc(&a, MEM_ACT, 3 << 20); /* more than one opened step */
    memset(p, 1, 3 << 20);
    arena_release(&a);
}

struct refusal {
    jmp_buf back;
    enum mem_cat cat;
    size_t bytes;
};

static void refuse(struct mem *m, enum mem_cat cat, size_t bytes, void *arg) {
    (void)m;
    struct refusal *r = arg;
    r->cat = cat;
    r->bytes = bytes;
    longjmp(r->back, 1);
}

static void one_byte_over_the_limit_is_refused_with_its_category(void **state) {
    (void)state;
    struct mem m;
    struct refusal r;
    mem_init(&m, false, 1024);
    m.deny = refuse;
    m.deny_arg = &r;
    void *p = mem_alloc(&m, MEM_PARAM, 960);
    void *q = mem_alloc(&m, MEM_GRAD, 64); /* exactly full */
    if (!setjmp(r.back)) {
        mem_alloc(&m, MEM_OPT, 1);
        fail_msg("the limit did not hold");
    }
    assert_int_equal(r.cat, MEM_OPT);
    assert_int_equal(r.bytes, 64);
    assert_int_equal(m.total, 1024); /* nothing was counted for the refused block */
    mem_free(&m, MEM_PARAM, p, 960);
    mem_free(&m, MEM_GRAD, q, 64);
}

static void counting_ignores_the_limit_and_touches_nothing(void **state) {
    (void)state;
    struct mem m;
    mem_init(&m, true, 1024);
    void *p = mem_alloc(&m, MEM_ACT, (size_t)1 << 40); /* a terabyte of address space */
    assert_int_equal(m.total_peak, (size_t)1 << 40);
    mem_free(&m, MEM_ACT, p, (size_t)1 << 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_counted_by_category_rounded_to_64),
        cmocka_unit_test(memory_is_zero_and_aligned_at_every_size),
        cmocka_unit_test(the_split_is_that_of_the_moment_of_the_peak),
        cmocka_unit_test(arenas_count_while_used_and_keep_their_pages),
        cmocka_unit_test(a_reserve_larger_than_the_address_space_shrinks_until_it_fits),
        cmocka_unit_test(one_byte_over_the_limit_is_refused_with_its_category),
        cmocka_unit_test(counting_ignores_the_limit_and_touches_nothing),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
