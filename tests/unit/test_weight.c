/* SPDX-License-Identifier: Apache-2.0 */
/* test_weight.c - where the rows of a stored matrix lie, by llama.cpp's and Hugging Face's own definitions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/nn/kernels/weight.h"

/* llama.cpp's converter permutes the rows of q and k: [heads, 2, hd/2] becomes [heads, hd/2, 2]. Each row
 * here holds its number. */
static void rows_in_llama_cpps_order_are_read_in_hugging_faces(void **state) {
    (void)state;
    enum { HEADS = 3, HALF = 4, ROWS = HEADS * 2 * HALF, COLS = 5 };
    float hf[ROWS][COLS], stored[ROWS][COLS], got[ROWS][COLS], part[7][2];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) hf[i][j] = (float)(100 * i + j);
    for (int h = 0; h < HEADS; h++)
        for (int s = 0; s < 2; s++)
            for (int k = 0; k < HALF; k++)
                memcpy(stored[(h * HALF + k) * 2 + s], hf[(h * 2 + s) * HALF + k], sizeof hf[0]);
    struct weight w = weight_f32(stored[0], ROWS, COLS, COLS);
    w.rope_heads = HEADS;
    weight_expand(&w, 0, ROWS, 0, COLS, got[0], COLS);
    assert_memory_equal(got, hf, sizeof hf);
    weight_expand(&w, 6, 7, 1, 2, part[0], 2);
    for (int i = 0; i < 7; i++) assert_memory_equal(part[i], &hf[6 + i][1], sizeof part[i]);
    const float *data;
    int ld;
    assert_false(weight_is_plain(&w, &data, &ld));
}

/* A Conv1D's file has [d_in, d_out]. */
static void transposed_files_are_read_as_they_are_meant(void **state) {
    (void)state;
    enum { ROWS = 6, COLS = 40 };
    float stored[COLS][ROWS], got[ROWS][COLS];
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) stored[j][i] = (float)(100 * i + j);
    struct weight w = weight_f32(stored[0], ROWS, COLS, ROWS);
    w.transposed = true;
    weight_expand(&w, 0, ROWS, 0, COLS, got[0], COLS);
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLS; j++) assert_true(got[i][j] == (float)(100 * i + j));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_llama_cpps_order_are_read_in_hugging_faces),
        cmocka_unit_test(transposed_files_are_read_as_they_are_meant),
    };
    return cmocka_run_group_tests_name("weight", tests, NULL, NULL);
}
