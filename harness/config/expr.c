/* SPDX-License-Identifier: Apache-2.0 */
/* expr.c - derived values: a recursive descent over one short line. See expr.h for the grammar.
 *
 * Depth and length are bounded, so a hostile expression can neither exhaust the stack nor take long. */
#include "harness/config/expr.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct parse {
    const char *text, *at;
    expr_lookup *lookup;
    void *arg;
    int depth;
    struct err *e;
};

static int take_sum(struct parse *p, double *ret);

static void skip_spaces(struct parse *p) {
    while (*p->at == ' ' || *p->at == '\t') p->at++;
}

static int unexpected_token(struct parse *p) {
    if (!*p->at) return err_set(p->e, ERR_USER, "\"%s\" ends too early", p->text);
    return err_set(p->e, ERR_USER,
                   "\"%s\": '%.20s' is not expected here (numbers, keys, + - * / ( ) and sqrt are)", p->text,
                   p->at);
}

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.'; }

static int take_number(struct parse *p, double *ret) {
    char *end;
    bool hex = p->at[0] == '0' && (p->at[1] == 'x' || p->at[1] == 'X');
    *ret = hex ? NAN : strtod(p->at, &end);
    if (hex || end == p->at || is_word(*end)) return unexpected_token(p);
    if (!isfinite(*ret)) return err_set(p->e, ERR_USER, "\"%s\": a number is too large", p->text);
    p->at = end;
    return 0;
}

static int take_parenthesis(struct parse *p, double *ret) {
    p->at++;
    int rc = take_sum(p, ret);
    if (rc) return rc;
    if (*p->at != ')') return unexpected_token(p);
    p->at++;
    return 0;
}

static int take_word(struct parse *p, double *ret) {
    char key[EXPR_MAX_BYTES + 1];
    size_t n = 0;
    while (is_word(p->at[n])) n++;
    memcpy(key, p->at, n);
    key[n] = 0;
    p->at += n;
    skip_spaces(p);
    if (*p->at != '(') return p->lookup(p->arg, key, ret, p->e);
    if (strcmp(key, "sqrt"))
        return err_set(p->e, ERR_USER, "\"%s\": there is no function '%.40s', only sqrt", p->text, key);
    int rc = take_parenthesis(p, ret);
    if (rc) return rc;
    if (*ret < 0) return err_set(p->e, ERR_USER, "\"%s\": root of a negative number", p->text);
    *ret = sqrt(*ret);
    return 0;
}

static int take_sign(struct parse *p, double *ret) {
    int rc;
    skip_spaces(p);
    if (++p->depth > EXPR_MAX_DEPTH) return err_set(p->e, ERR_USER, "\"%s\" is nested too deeply", p->text);
    char c = *p->at;
    if (c == '-' || c == '+') {
        p->at++;
        rc = take_sign(p, ret);
        if (c == '-') *ret = -*ret;
    } else if (c == '(') {
        rc = take_parenthesis(p, ret);
    } else if (isdigit((unsigned char)c) || c == '.') {
        rc = take_number(p, ret);
    } else if (isalpha((unsigned char)c) || c == '_') {
        rc = take_word(p, ret);
    } else {
        rc = unexpected_token(p);
    }
    p->depth--;
    skip_spaces(p);
    return rc;
}

static int take_product(struct parse *p, double *ret) {
    int rc = take_sign(p, ret);
    while (!rc && (*p->at == '*' || *p->at == '/')) {
        char op = *p->at++;
        double v = 0;
        if ((rc = take_sign(p, &v))) break;
        if (op == '/' && v == 0) return err_set(p->e, ERR_USER, "\"%s\" divides by zero", p->text);
        *ret = op == '*' ? *ret * v : *ret / v;
    }
    return rc;
}

static int take_sum(struct parse *p, double *ret) {
    int rc = take_product(p, ret);
    while (!rc && (*p->at == '+' || *p->at == '-')) {
        char op = *p->at++;
        double v = 0;
        if ((rc = take_product(p, &v))) break;
        *ret += op == '+' ? v : -v;
    }
    return rc;
}

int expr_eval(const char *text, expr_lookup *lookup, void *arg, double *ret, struct err *e) {
    struct parse p = {.text = text, .at = text, .lookup = lookup, .arg = arg, .e = e};
    *ret = 0;
    if (strlen(text) > EXPR_MAX_BYTES)
        return err_set(e, ERR_USER, "\"%.40s...\" is longer than %d bytes", text, EXPR_MAX_BYTES);
    int rc = take_sum(&p, ret);
    if (rc) return rc;
    if (*p.at) return unexpected_token(&p);
    if (!isfinite(*ret)) return err_set(e, ERR_USER, "\"%s\" is not a finite number", text);
    return 0;
}
