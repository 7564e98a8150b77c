/* SPDX-License-Identifier: Apache-2.0 */
/* paper_value.c - printed values: reading them, and judging a computed one at their precision. See paper.h.
 *
 * A printed number claims its digits. x in printed units agrees when it rounds to them (a half may go either
 * way); when the digits are those of x cut off, the paper rounded differently; anything else does not
 * reproduce. Signs are compared, "+2.2%" is 2.2. A tolerance widens the first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/paper/paper.h"
#include "harness/base/util.h"

const char *paper_verdict_name(enum paper_verdict v) {
    static const char *const names[] = {"reproduces", "rounds differently", "does not reproduce",
                                        "not run",    "nothing printed",    "measured"};
    return names[v];
}

/* K, M, B, G, T with or without B for bytes. 0: no such suffix. */
static double unit_of(const char *suffix, bool binary) {
    static const struct {
        char letter;
        int power;
    } known[] = {{'K', 1}, {'k', 1}, {'M', 2}, {'G', 3}, {'B', 3}, {'T', 4}};
    double base = binary ? 1024 : 1000;
    if (!*suffix || !strcmp(suffix, "x") || !strcmp(suffix, "%")) return 1;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (*suffix == known[i].letter && (!suffix[1] || (!strcmp(suffix + 1, "B") && *suffix != 'B')))
            return pow(base, known[i].power);
    return 0;
}

int paper_value_parse(const char *printed, bool binary, struct paper_value *ret, struct err *e) {
    char digits[40];
    size_t n = 0;
    const char *s = printed;
    bool point = false;
    *ret = (struct paper_value){0};
    if (*s == '+') s++;
    if (*s == '-') digits[n++] = *s++;
    for (; ((*s >= '0' && *s <= '9') || *s == ',' || (*s == '.' && !point)) && n < sizeof digits - 1; s++) {
        if (*s == ',') continue;
        ret->decimals += point;
        point |= *s == '.';
        digits[n++] = *s;
    }
    digits[n] = 0;
    while (*s == ' ') s++;
    snprintf(ret->suffix, sizeof ret->suffix, "%s", s);
    ret->unit = strlen(s) < sizeof ret->suffix ? unit_of(s, binary) : 0;
    if (!strpbrk(digits, "0123456789") || ret->unit == 0)
        return err_set(e, ERR_USER,
                       "printed '%.60s' is not a number with one of the units K M B G T KB MB GB TB x %%",
                       printed);
    ret->number = strtod(digits, NULL);
    return 0;
}

enum paper_verdict paper_judge(const struct paper_value *v, double computed) {
    double x = computed / v->unit, place = pow(10, -v->decimals), slack = 1e-9 * (1 + fabs(x));
    if (!isfinite(x)) return PAPER_NOT_RUN;
    if (fabs(x - v->number) <= place / 2 + v->tolerance + slack) return PAPER_REPRODUCES;
    if (x * v->number >= 0 && fabs(x) > fabs(v->number) && fabs(x) < fabs(v->number) + place - slack)
        return PAPER_ROUNDS;
    return PAPER_DIFFERS;
}

/* "1234567" -> "1,234,567"; a sign stays. */
static void group_digits(const char *s, char *out, size_t size) {
    size_t n = 0, whole = strcspn(s, ".");
    for (size_t i = 0; s[i] && n + 2 < size; i++) {
        size_t left = whole - i;
        if (i > 0 && i < whole && left % 3 == 0 && s[i - 1] != '-') out[n++] = ',';
        out[n++] = s[i];
    }
    out[n] = 0;
}

void paper_value_format(const struct paper_value *v, double computed, char out[PAPER_TEXT_MAX]) {
    double x = computed / v->unit;
    int decimals = v->decimals;
    char text[40], grouped[40];
    if (!isfinite(x)) {
        strcpy(out, "-");
        return;
    }
    if (paper_judge(v, computed) != PAPER_REPRODUCES)
        for (; decimals < v->decimals + 3; decimals++) {
            snprintf(text, sizeof text, "%.*f", decimals, x);
            if (strtod(text, NULL) != v->number && decimals > v->decimals) break;
            if (v->unit == 1 && x == floor(x)) break;
        }
    snprintf(text, sizeof text, "%.*f", decimals, x);
    group_digits(text, grouped, sizeof grouped);
    snprintf(out, PAPER_TEXT_MAX, "%s%s", grouped, v->suffix);
}
