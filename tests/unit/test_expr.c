/* SPDX-License-Identifier: Apache-2.0 */
/* test_expr.c - derived values: arithmetic, keys, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "harness/config/expr.h"
#include "harness/base/util.h"

static int keys(void *arg, const char *key, double *ret, struct err *e) {
    (void)arg;
    if (!strcmp(key, "r")) return *ret = 8, 0;
    if (!strcmp(key, "train.lr")) return *ret = 5e-4, 0;
    if (!strcmp(key, "zero")) return *ret = 0, 0;
    return err_set(e, ERR_USER, "there is no key '%s'", key);
}

static void value(const char *text, double want) {
    struct err e = {0};
    double v;
    if (expr_eval(text, keys, NULL, &v, &e)) fail_msg("%s: %s", text, e.msg);
    if (v != want) fail_msg("%s = %.17g, not %.17g", text, v, want);
}

static void refused(const char *text, const char *message) {
    struct err e = {0};
    double v;
    assert_int_equal(expr_eval(text, keys, NULL, &v, &e), ERR_USER);
    if (!strstr(e.msg, message)) fail_msg("%s: expected '%s' in '%s'", text, message, e.msg);
}

static void arithmetic_has_the_usual_precedence(void **state) {
    (void)state;
    value("2*r", 16);
    value(" 2 * r ", 16);
    value("1+2*3", 7);
    value("(1+2)*3", 9);
    value("8-4-2", 2);
    value("64/4/2", 8);
    value("-r+1", -7);
    value("--r", 8);
    value("2*-3", -6);
    value("r*(r-1)/2", 28);
}

static void numbers_are_as_in_yaml(void **state) {
    (void)state;
    value("5e-4", 5e-4);
    value("1.5E2*2", 300);
    value(".5*r", 4);
    value("2e0+1", 3);
}

static void keys_may_have_dots(void **state) {
    (void)state;
    value("train.lr*2", 1e-3);
    value("sqrt(r*2)", 4);
    value("sqrt (16)", 4);
    value("16*sqrt(4)/r", 4);
}

static void mistakes_are_told(void **state) {
    (void)state;
    refused("", "ends too early");
    refused("2*", "ends too early");
    refused("(r", "ends too early");
    refused("r)", "')' is not expected");
    refused("2 r", "'r' is not expected");
    refused("2r", "'2r' is not expected");
    refused("0x10", "not expected");
    refused("1..2", "not expected");
    refused("r ^ 2", "'^ 2' is not expected");
    refused("q*2", "there is no key 'q'");
    refused("log(r)", "no function 'log'");
    refused("sqrt(-r)", "negative");
    refused("r/zero", "divides by zero");
    refused("r/(8-r)", "divides by zero");
    refused("1e999", "too large");
    refused("1e300*1e300", "not a finite number");
    refused("r;", "not expected");
    refused("\xc3\xa9", "not expected");
}

static void hostile_expressions_end_quickly(void **state) {
    (void)state;
    struct strbuf b = {0};
    for (int i = 0; i < 100000; i++) strbuf_adds(&b, "(");
    refused(b.s, "longer than");
    strbuf_reset(&b);
    for (int i = 0; i < 200; i++) strbuf_adds(&b, i % 2 ? "(" : "-");
    refused(b.s, "nested too deeply");
    strbuf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_has_the_usual_precedence),
        cmocka_unit_test(numbers_are_as_in_yaml),
        cmocka_unit_test(keys_may_have_dots),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(hostile_expressions_end_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
