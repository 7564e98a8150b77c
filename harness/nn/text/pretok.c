/* SPDX-License-Identifier: Apache-2.0 */
/* pretok.c - the chain of pre-tokenizer steps, the digit rule and GPT-2's rule by hand. See pretok.h. */
#include "harness/nn/text/pretok.h"

#include <stdlib.h>
#include <string.h>

#include "harness/nn/text/pretok_split.h"
#include "harness/nn/text/uniclass.h"
#include "harness/base/util.h"

enum step_kind { STEP_DIGITS, STEP_BYTELEVEL, STEP_SPLIT };

struct step {
    enum step_kind kind;
    bool individual;              /* digits */
    bool prefix_space, use_regex; /* byte level */
    struct split *split;
    struct strbuf spaced; /* a piece with its leading space; a step is never active twice at once */
};

struct pretok {
    struct step *steps;
    int n, cap;
    pretok_word *word; /* of the running pretok_run */
    void *ctx;
    bool stopped;
};

struct pretok *pretok_new(void) {
    return xcalloc(1, sizeof(struct pretok));
}

void pretok_free(struct pretok *p) {
    if (!p) return;
    for (int i = 0; i < p->n; i++) {
        split_free(p->steps[i].split);
        strbuf_release(&p->steps[i].spaced);
    }
    free(p->steps);
    free(p);
}

static struct step *add_step(struct pretok *p, enum step_kind kind) {
    GROW(p->steps, p->n, p->cap);
    p->steps[p->n] = (struct step){.kind = kind};
    return &p->steps[p->n++];
}

void pretok_add_digits(struct pretok *p, bool individual) {
    add_step(p, STEP_DIGITS)->individual = individual;
}

void pretok_add_bytelevel(struct pretok *p, bool prefix_space, bool use_regex) {
    struct step *s = add_step(p, STEP_BYTELEVEL);
    s->prefix_space = prefix_space;
    s->use_regex = use_regex;
}

int pretok_add_split(struct pretok *p, const char *pattern, size_t n, bool literal,
                     enum split_behavior behavior, bool invert, struct err *e) {
    struct split *split;
    int rc = split_new(&split, pattern, n, literal, behavior, invert, e);
    if (rc == 0) add_step(p, STEP_SPLIT)->split = split;
    return rc;
}

/* ---- classes of characters ----------------------------------------------------------------------------- */

static const uint8_t ascii_class[128] = {
    ['\t'] = UNI_SPACE,         ['\n'] = UNI_SPACE,         ['\v'] = UNI_SPACE,
    ['\f'] = UNI_SPACE,         ['\r'] = UNI_SPACE,         [' '] = UNI_SPACE,
    ['0' ... '9'] = UNI_NUMBER, ['A' ... 'Z'] = UNI_LETTER, ['a' ... 'z'] = UNI_LETTER,
};

/* The class of the character at s; *len is its length in bytes. */
static enum uniclass class_at(const char *s, size_t n, int *len) {
    unsigned char c = (unsigned char)*s;
    if (c < 0x80) {
        *len = 1;
        return ascii_class[c];
    }
    return uniclass_of(uniclass_next(s, n, len));
}

/* The first position at or after i where the class is not `cls`. */
static size_t run_end(const char *s, size_t i, size_t n, enum uniclass cls) {
    for (int len; i < n && class_at(s + i, n - i, &len) == cls;) i += (size_t)len;
    return i;
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

static void run_step(struct pretok *p, int step, const char *s, size_t n);

/* Length of 's 't 're 've 'm 'll 'd at s, or 0. */
static size_t split_contraction(const char *s, size_t n) {
    if (n < 2 || *s != '\'') return 0;
    if (s[1] == 's' || s[1] == 't' || s[1] == 'm' || s[1] == 'd') return 2;
    if (n < 3) return 0;
    return (s[1] == 'r' && s[2] == 'e') || (s[1] == 'v' && s[2] == 'e') || (s[1] == 'l' && s[2] == 'l') ? 3
                                                                                                        : 0;
}

/* The end of a run of white space at i by \s+(?!\S)|\s+: a run before a non-space leaves its last character
 * to it. */
static size_t space_end(const char *s, size_t i, size_t n) {
    size_t last = i, end = i;
    int len;
    while (end < n && class_at(s + end, n - end, &len) == UNI_SPACE) last = end, end += (size_t)len;
    return end == n || last == i ? end : last;
}

static void cut_gpt2(struct pretok *p, int step, const char *s, size_t n) {
    for (size_t i = 0, end; i < n && !p->stopped; i = end) {
        size_t word = i; /* where the run begins: after one optional space */
        int len;
        size_t c = split_contraction(s + i, n - i);
        if (c > 0) {
            end = i + c;
        } else {
            enum uniclass cls = class_at(s + i, n - i, &len);
            if (s[i] == ' ' && i + 1 < n) {
                cls = class_at(s + i + 1, n - i - 1, &len);
                word = i + 1;
            }
            end = cls == UNI_SPACE ? space_end(s, i, n) : run_end(s, word + (size_t)len, n, cls);
        }
        run_step(p, step + 1, s + i, end - i);
    }
}

static void cut_digits(struct pretok *p, int step, const char *s, size_t n) {
    bool individual = p->steps[step].individual, in_number = false;
    size_t start = 0;
    int len;
    for (size_t i = 0; i < n && !p->stopped; i += (size_t)len) {
        unsigned char c = (unsigned char)s[i];
        bool number = c < 0x80 ? (len = 1, c >= '0' && c <= '9')
                               : uniclass_is_numeric(uniclass_next(s + i, n - i, &len));
        if (i > start && (number != in_number || (number && individual))) {
            run_step(p, step + 1, s + start, i - start);
            start = i;
        }
        in_number = number;
    }
    run_step(p, step + 1, s + start, n - start);
}

static void run_bytelevel(struct pretok *p, int step, const char *s, size_t n) {
    struct step *b = &p->steps[step];
    if (b->prefix_space && *s != ' ') {
        strbuf_reset(&b->spaced);
        strbuf_addc(&b->spaced, ' ');
        strbuf_add(&b->spaced, s, n);
        s = b->spaced.s, n = b->spaced.len;
    }
    if (b->use_regex) {
        cut_gpt2(p, step, s, n);
    } else {
        run_step(p, step + 1, s, n);
    }
}

/* A piece of a Split step on its way to the next step. */
struct split_piece {
    struct pretok *p;
    int step;
    const char *s;
};

static bool next_step(void *ctx, size_t start, size_t end) {
    const struct split_piece *x = ctx;
    run_step(x->p, x->step, x->s + start, end - start);
    return !x->p->stopped;
}

static void run_step(struct pretok *p, int step, const char *s, size_t n) {
    if (n == 0 || p->stopped) return;
    if (step == p->n) {
        p->word(p->ctx, s, n);
        return;
    }
    switch (p->steps[step].kind) {
    case STEP_DIGITS:
        cut_digits(p, step, s, n);
        break;
    case STEP_BYTELEVEL:
        run_bytelevel(p, step, s, n);
        break;
    case STEP_SPLIT: {
        struct split_piece next = {p, step + 1, s};
        split_run(p->steps[step].split, s, n, next_step, &next);
    }
    }
}

void pretok_run(struct pretok *p, const char *text, size_t n, pretok_word *word, void *ctx) {
    p->word = word;
    p->ctx = ctx;
    p->stopped = false;
    run_step(p, 0, text, n);
}

void pretok_stop(struct pretok *p) { p->stopped = true; }
