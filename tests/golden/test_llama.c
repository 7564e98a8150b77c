/* test_llama.c - logits, loss, every gradient at step 0 and ten training losses of two tiny Llamas against PyTorch + PEFT.
 *
 * make_golden.py wrote the files and documents them. Tolerance 1e-5 (golden.h); largest observed: logits 1.3e-6, gradients 3.7e-6, losses 5.8e-7. */
#include "tests/golden/golden.h"

#define QV "\"target_modules\": [\"q_proj\", \"v_proj\"]"
#define CASE(model, name, method, over, gradients)                                                           \
    static void model##_##name##_matches_pytorch(void **s) {                                                 \
        (void)s;                                                                                             \
        check("tests/golden/llama_" #model, #model, #name, method, over, gradients);                                                       \
    }
CASE(tied, full, "full", QV, 10)
CASE(tied, lora_qv, "lora", QV, 8)
CASE(tied, lora_all, "lora", "\"target_modules\": \"all-linear\"", 28)
CASE(tied, vera, "vera", "\"target_modules\": \"all-linear\", \"r\": 8", 28)
CASE(tied, lora_fa, "lora_fa", QV, 0)
CASE(tied, lora_plus, "lora_plus", QV, 0)
CASE(tied, delta_lora, "delta_lora", QV, 0)
CASE(untied, full, "full", QV, 3)
CASE(untied, lora_qv, "lora", QV, 8)
CASE(untied, lora_all, "lora", "\"target_modules\": \"all-linear\"", 0)
CASE(untied, vera, "vera", "\"target_modules\": \"all-linear\", \"r\": 8", 0)
CASE(untied, lora_fa, "lora_fa", QV, 0)
CASE(untied, lora_plus, "lora_plus", QV, 0)
CASE(untied, delta_lora, "delta_lora", QV, 0)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tied_full_matches_pytorch),       cmocka_unit_test(tied_lora_qv_matches_pytorch),
        cmocka_unit_test(tied_lora_all_matches_pytorch),   cmocka_unit_test(tied_vera_matches_pytorch),
        cmocka_unit_test(tied_lora_fa_matches_pytorch),    cmocka_unit_test(tied_lora_plus_matches_pytorch),
        cmocka_unit_test(tied_delta_lora_matches_pytorch), cmocka_unit_test(untied_full_matches_pytorch),
        cmocka_unit_test(untied_lora_qv_matches_pytorch),  cmocka_unit_test(untied_lora_all_matches_pytorch),
        cmocka_unit_test(untied_vera_matches_pytorch),     cmocka_unit_test(untied_lora_fa_matches_pytorch),
        cmocka_unit_test(untied_lora_plus_matches_pytorch), cmocka_unit_test(untied_delta_lora_matches_pytorch),
    };
    return cmocka_run_group_tests_name("llama against PyTorch + PEFT", tests, NULL, NULL);
}
