/* SPDX-License-Identifier: Apache-2.0 */
/* berttext.c - see berttext.h. ASCII takes a short way through every step. */
#include "harness/nn/text/berttext.h"

#include <stdint.h>
#include <utf8proc.h>

#include "harness/nn/text/uniclass.h"

/* ---- properties of characters -------------------------------------------------------------------------- */

struct span {
    int32_t first, last;
};

/* *_later: have the property in utf8proc, not in the reference; *_then: the other way round. */
// clang-format off
static const struct span mark_later[] = {
    {0x7FD, 0x7FD}, {0x898, 0x89F}, {0x8CA, 0x8E1}, {0x9FE, 0x9FE}, {0xAFA, 0xAFF}, {0xB55, 0xB55},
    {0xC04, 0xC04}, {0xC3C, 0xC3C}, {0xD00, 0xD00}, {0xD3B, 0xD3C}, {0xD81, 0xD81}, {0xEBA, 0xEBA},
    {0xECE, 0xECE}, {0x180F, 0x180F}, {0x1885, 0x1886}, {0x1ABF, 0x1ACE}, {0x1DF6, 0x1DFB},
    {0xA82C, 0xA82C}, {0xA8C5, 0xA8C5}, {0xA8FF, 0xA8FF}, {0xA9BD, 0xA9BD}, {0x10D24, 0x10D27},
    {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50}, {0x10F82, 0x10F85}, {0x11070, 0x11070},
    {0x11073, 0x11074}, {0x110C2, 0x110C2}, {0x111C9, 0x111C9}, {0x111CF, 0x111CF}, {0x1123E, 0x1123E},
    {0x11241, 0x11241}, {0x1133B, 0x1133B}, {0x11438, 0x1143F}, {0x11442, 0x11444}, {0x11446, 0x11446},
    {0x1145E, 0x1145E}, {0x1182F, 0x11837}, {0x11839, 0x1183A}, {0x1193B, 0x1193C}, {0x1193E, 0x1193E},
    {0x11943, 0x11943}, {0x119D4, 0x119D7}, {0x119DA, 0x119DB}, {0x119E0, 0x119E0}, {0x11A01, 0x11A0A},
    {0x11A33, 0x11A38}, {0x11A3B, 0x11A3E}, {0x11A47, 0x11A47}, {0x11A51, 0x11A56}, {0x11A59, 0x11A5B},
    {0x11A8A, 0x11A96}, {0x11A98, 0x11A99}, {0x11C30, 0x11C36}, {0x11C38, 0x11C3D}, {0x11C3F, 0x11C3F},
    {0x11C92, 0x11CA7}, {0x11CAA, 0x11CB0}, {0x11CB2, 0x11CB3}, {0x11CB5, 0x11CB6}, {0x11D31, 0x11D36},
    {0x11D3A, 0x11D3A}, {0x11D3C, 0x11D3D}, {0x11D3F, 0x11D45}, {0x11D47, 0x11D47}, {0x11D90, 0x11D91},
    {0x11D95, 0x11D95}, {0x11D97, 0x11D97}, {0x11EF3, 0x11EF4}, {0x11F00, 0x11F01}, {0x11F36, 0x11F3A},
    {0x11F40, 0x11F40}, {0x11F42, 0x11F42}, {0x13440, 0x13440}, {0x13447, 0x13455}, {0x16F4F, 0x16F4F},
    {0x16FE4, 0x16FE4}, {0x1CF00, 0x1CF2D}, {0x1CF30, 0x1CF46}, {0x1E000, 0x1E006}, {0x1E008, 0x1E018},
    {0x1E01B, 0x1E021}, {0x1E023, 0x1E024}, {0x1E026, 0x1E02A}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136},
    {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF}, {0x1E944, 0x1E94A},
};
static const struct span punctuation_later[] = {
    {0x61D, 0x61D}, {0x9FD, 0x9FD}, {0xA76, 0xA76}, {0xC77, 0xC77}, {0xC84, 0xC84}, {0x1B7D, 0x1B7E},
    {0x2E43, 0x2E4F}, {0x2E52, 0x2E5D}, {0x10EAD, 0x10EAD}, {0x10F55, 0x10F59}, {0x10F86, 0x10F89},
    {0x1144B, 0x1144F}, {0x1145A, 0x1145B}, {0x1145D, 0x1145D}, {0x11660, 0x1166C}, {0x116B9, 0x116B9},
    {0x1183B, 0x1183B}, {0x11944, 0x11946}, {0x119E2, 0x119E2}, {0x11A3F, 0x11A46}, {0x11A9A, 0x11A9C},
    {0x11A9E, 0x11AA2}, {0x11B00, 0x11B09}, {0x11C41, 0x11C45}, {0x11C70, 0x11C71}, {0x11EF7, 0x11EF8},
    {0x11F43, 0x11F4F}, {0x11FFF, 0x11FFF}, {0x12FF1, 0x12FF2}, {0x16E97, 0x16E9A}, {0x16FE2, 0x16FE2},
    {0x1E95E, 0x1E95F},
};
// clang-format on

static bool in_spans(const struct span *v, size_t n, int32_t c) {
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c > v[mid].last)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < n && c >= v[lo].first;
}

static bool is_mark(int32_t c) {
    if (c < 0x300) return false;
    if (c == 0x1734) return true; /* spacing since Unicode 14 */
    return utf8proc_category(c) == UTF8PROC_CATEGORY_MN && !in_spans(mark_later, ARRAY_LEN(mark_later), c);
}

/* ASCII's symbols count too. */
static bool is_punctuation(int32_t c) {
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
               (c >= '{' && c <= '~');
    if (c == 0x166D || c == 0x111C9) return true;
    int cat = utf8proc_category(c);
    return cat >= UTF8PROC_CATEGORY_PC && cat <= UTF8PROC_CATEGORY_PO &&
           !in_spans(punctuation_later, ARRAY_LEN(punctuation_later), c);
}

static bool is_space(int32_t c) { return uniclass_of(c) == UNI_SPACE; }

/* Control, format and private characters; the format characters that came after the reference's Unicode are
 * none of them there. */
static bool is_control(int32_t c) {
    if (c < 0x80) return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
    static const struct span later[] = {
        {0x890, 0x891}, {0x8E2, 0x8E2}, {0x110CD, 0x110CD}, {0x13430, 0x1343F}};
    int cat = utf8proc_category(c);
    return (cat == UTF8PROC_CATEGORY_CC || cat == UTF8PROC_CATEGORY_CF || cat == UTF8PROC_CATEGORY_CO) &&
           !in_spans(later, ARRAY_LEN(later), c);
}

static bool is_ideograph(int32_t c) {
    static const struct span ideographs[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                             {0x20000, 0x2A6DF}, {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF},
                                             {0x2F800, 0x2FA1F}};
    return c >= 0x3400 && in_spans(ideographs, ARRAY_LEN(ideographs), c);
}

/* ---- the steps ----------------------------------------------------------------------------------------- */

static void add_char(struct strbuf *out, int32_t c) {
    utf8proc_uint8_t bytes[4];
    strbuf_add(out, bytes, (size_t)utf8proc_encode_char(c, bytes));
}

static void clean_text(const char *s, size_t n, struct strbuf *out) {
    int len;
    for (size_t i = 0; i < n; i += (size_t)len) {
        int32_t c = uniclass_next(s + i, n - i, &len);
        if (c == 0xFFFD || is_control(c)) continue;
        if (is_space(c))
            strbuf_addc(out, ' ');
        else
            strbuf_add(out, s + i, (size_t)len);
    }
}

static void space_ideographs(const char *s, size_t n, struct strbuf *out) {
    int len;
    for (size_t i = 0; i < n; i += (size_t)len) {
        bool apart = is_ideograph(uniclass_next(s + i, n - i, &len));
        if (apart) strbuf_addc(out, ' ');
        strbuf_add(out, s + i, (size_t)len);
        if (apart) strbuf_addc(out, ' ');
    }
}

static void strip_marks(const char *s, size_t n, struct strbuf *out) {
    struct strbuf nfd = {0};
    int len;
    uniclass_nfd(s, n, &nfd);
    for (size_t i = 0; i < nfd.len; i += (size_t)len)
        if (!is_mark(uniclass_next(nfd.s + i, nfd.len - i, &len))) strbuf_add(out, nfd.s + i, (size_t)len);
    strbuf_release(&nfd);
}

/* Where the reference's mapping is later or longer than utf8proc's. */
static int32_t lower_of(int32_t c) {
    switch (c) {
    case 0x1C89:
    case 0xA7CC:
    case 0xA7CE:
    case 0xA7D2:
    case 0xA7D4:
    case 0xA7DA:
        return c + 1;
    case 0xA7CB:
        return 0x264;
    case 0xA7DC:
        return 0x19B;
    default:
        if (c >= 0x10D50 && c <= 0x10D65) return c + 0x20;
        if (c >= 0x16EA0 && c <= 0x16EB8) return c + 0x1B;
        return utf8proc_tolower(c);
    }
}

void berttext_lower(const char *s, size_t n, struct strbuf *out) {
    int len;
    for (size_t i = 0; i < n; i += (size_t)len) {
        int32_t c = uniclass_next(s + i, n - i, &len);
        if (c < 0x80)
            strbuf_addc(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : (char)c);
        else if (c == 0x130)
            strbuf_adds(out, "i\xCC\x87");
        else
            add_char(out, lower_of(c));
    }
}

void berttext_normalize(const struct berttext *b, const char *s, size_t n, struct strbuf *out) {
    void (*const steps[])(const char *, size_t, struct strbuf *) = {
        b->clean ? clean_text : NULL, b->cjk ? space_ideographs : NULL, b->strip ? strip_marks : NULL,
        b->lower ? berttext_lower : NULL};
    struct strbuf now = {0}, next = {0};
    strbuf_add(&now, s, n);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (!steps[i]) continue;
        struct strbuf t = next;
        strbuf_reset(&t);
        steps[i](now.s ? now.s : "", now.len, &t);
        next = now;
        now = t;
    }
    strbuf_add(out, now.s ? now.s : "", now.len);
    strbuf_release(&now);
    strbuf_release(&next);
}

void berttext_words(const char *s, size_t n, berttext_word *word, void *ctx) {
    size_t start = 0;
    int len;
    for (size_t i = 0; i < n; i += (size_t)len) {
        int32_t c = uniclass_next(s + i, n - i, &len);
        bool space = is_space(c), mark = !space && is_punctuation(c);
        if (!space && !mark) continue;
        if (i > start) word(ctx, s + start, i - start);
        if (mark) word(ctx, s + i, (size_t)len);
        start = i + (size_t)len;
    }
    if (n > start) word(ctx, s + start, n - start);
}
