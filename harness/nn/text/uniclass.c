/* SPDX-License-Identifier: Apache-2.0 */
/* uniclass.c - Unicode properties at the reference's versions, repair of invalid UTF-8, NFC. See uniclass.h.
 *
 * The tables were measured: every code point was given to the reference's \p{..}, \s, Digits and NFC and to
 * utf8proc and PCRE2, and the ranges where they differ are listed. */
#include "harness/nn/text/uniclass.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct range {
    int32_t first, last, category;
};

/* Categories of what Unicode 15, 15.1 and 16 assigned (PCRE2 10.42 stops at 14, utf8proc 2.8 at 15), and of
 * U+1171E, which changed. */
// clang-format off
static const struct range late[] = {
    {0x897, 0x897, UTF8PROC_CATEGORY_MN},
    {0xCF3, 0xCF3, UTF8PROC_CATEGORY_MC},
    {0xECE, 0xECE, UTF8PROC_CATEGORY_MN},
    {0x1B4E, 0x1B4F, UTF8PROC_CATEGORY_PO},
    {0x1B7F, 0x1B7F, UTF8PROC_CATEGORY_PO},
    {0x1C89, 0x1C89, UTF8PROC_CATEGORY_LU},
    {0x1C8A, 0x1C8A, UTF8PROC_CATEGORY_LL},
    {0x2427, 0x2429, UTF8PROC_CATEGORY_SO},
    {0x2FFC, 0x2FFF, UTF8PROC_CATEGORY_SO},
    {0x31E4, 0x31E5, UTF8PROC_CATEGORY_SO},
    {0x31EF, 0x31EF, UTF8PROC_CATEGORY_SO},
    {0xA7CB, 0xA7CC, UTF8PROC_CATEGORY_LU},
    {0xA7CD, 0xA7CD, UTF8PROC_CATEGORY_LL},
    {0xA7DA, 0xA7DA, UTF8PROC_CATEGORY_LU},
    {0xA7DB, 0xA7DB, UTF8PROC_CATEGORY_LL},
    {0xA7DC, 0xA7DC, UTF8PROC_CATEGORY_LU},
    {0x105C0, 0x105F3, UTF8PROC_CATEGORY_LO},
    {0x10D40, 0x10D49, UTF8PROC_CATEGORY_ND},
    {0x10D4A, 0x10D4D, UTF8PROC_CATEGORY_LO},
    {0x10D4E, 0x10D4E, UTF8PROC_CATEGORY_LM},
    {0x10D4F, 0x10D4F, UTF8PROC_CATEGORY_LO},
    {0x10D50, 0x10D65, UTF8PROC_CATEGORY_LU},
    {0x10D69, 0x10D6D, UTF8PROC_CATEGORY_MN},
    {0x10D6E, 0x10D6E, UTF8PROC_CATEGORY_PD},
    {0x10D6F, 0x10D6F, UTF8PROC_CATEGORY_LM},
    {0x10D70, 0x10D85, UTF8PROC_CATEGORY_LL},
    {0x10D8E, 0x10D8F, UTF8PROC_CATEGORY_SM},
    {0x10EC2, 0x10EC4, UTF8PROC_CATEGORY_LO},
    {0x10EFC, 0x10EFF, UTF8PROC_CATEGORY_MN},
    {0x1123F, 0x11240, UTF8PROC_CATEGORY_LO},
    {0x11241, 0x11241, UTF8PROC_CATEGORY_MN},
    {0x11380, 0x11389, UTF8PROC_CATEGORY_LO},
    {0x1138B, 0x1138B, UTF8PROC_CATEGORY_LO},
    {0x1138E, 0x1138E, UTF8PROC_CATEGORY_LO},
    {0x11390, 0x113B5, UTF8PROC_CATEGORY_LO},
    {0x113B7, 0x113B7, UTF8PROC_CATEGORY_LO},
    {0x113B8, 0x113BA, UTF8PROC_CATEGORY_MC},
    {0x113BB, 0x113C0, UTF8PROC_CATEGORY_MN},
    {0x113C2, 0x113C2, UTF8PROC_CATEGORY_MC},
    {0x113C5, 0x113C5, UTF8PROC_CATEGORY_MC},
    {0x113C7, 0x113CA, UTF8PROC_CATEGORY_MC},
    {0x113CC, 0x113CD, UTF8PROC_CATEGORY_MC},
    {0x113CE, 0x113CE, UTF8PROC_CATEGORY_MN},
    {0x113CF, 0x113CF, UTF8PROC_CATEGORY_MC},
    {0x113D0, 0x113D0, UTF8PROC_CATEGORY_MN},
    {0x113D1, 0x113D1, UTF8PROC_CATEGORY_LO},
    {0x113D2, 0x113D2, UTF8PROC_CATEGORY_MN},
    {0x113D3, 0x113D3, UTF8PROC_CATEGORY_LO},
    {0x113D4, 0x113D5, UTF8PROC_CATEGORY_PO},
    {0x113D7, 0x113D8, UTF8PROC_CATEGORY_PO},
    {0x113E1, 0x113E2, UTF8PROC_CATEGORY_MN},
    {0x116D0, 0x116E3, UTF8PROC_CATEGORY_ND},
    {0x1171E, 0x1171E, UTF8PROC_CATEGORY_MC},
    {0x11B00, 0x11B09, UTF8PROC_CATEGORY_PO},
    {0x11BC0, 0x11BE0, UTF8PROC_CATEGORY_LO},
    {0x11BE1, 0x11BE1, UTF8PROC_CATEGORY_PO},
    {0x11BF0, 0x11BF9, UTF8PROC_CATEGORY_ND},
    {0x11F00, 0x11F01, UTF8PROC_CATEGORY_MN},
    {0x11F02, 0x11F02, UTF8PROC_CATEGORY_LO},
    {0x11F03, 0x11F03, UTF8PROC_CATEGORY_MC},
    {0x11F04, 0x11F10, UTF8PROC_CATEGORY_LO},
    {0x11F12, 0x11F33, UTF8PROC_CATEGORY_LO},
    {0x11F34, 0x11F35, UTF8PROC_CATEGORY_MC},
    {0x11F36, 0x11F3A, UTF8PROC_CATEGORY_MN},
    {0x11F3E, 0x11F3F, UTF8PROC_CATEGORY_MC},
    {0x11F40, 0x11F40, UTF8PROC_CATEGORY_MN},
    {0x11F41, 0x11F41, UTF8PROC_CATEGORY_MC},
    {0x11F42, 0x11F42, UTF8PROC_CATEGORY_MN},
    {0x11F43, 0x11F4F, UTF8PROC_CATEGORY_PO},
    {0x11F50, 0x11F59, UTF8PROC_CATEGORY_ND},
    {0x11F5A, 0x11F5A, UTF8PROC_CATEGORY_MN},
    {0x1342F, 0x1342F, UTF8PROC_CATEGORY_LO},
    {0x13439, 0x1343F, UTF8PROC_CATEGORY_CF},
    {0x13440, 0x13440, UTF8PROC_CATEGORY_MN},
    {0x13441, 0x13446, UTF8PROC_CATEGORY_LO},
    {0x13447, 0x13455, UTF8PROC_CATEGORY_MN},
    {0x13460, 0x143FA, UTF8PROC_CATEGORY_LO},
    {0x16100, 0x1611D, UTF8PROC_CATEGORY_LO},
    {0x1611E, 0x16129, UTF8PROC_CATEGORY_MN},
    {0x1612A, 0x1612C, UTF8PROC_CATEGORY_MC},
    {0x1612D, 0x1612F, UTF8PROC_CATEGORY_MN},
    {0x16130, 0x16139, UTF8PROC_CATEGORY_ND},
    {0x16D40, 0x16D42, UTF8PROC_CATEGORY_LM},
    {0x16D43, 0x16D6A, UTF8PROC_CATEGORY_LO},
    {0x16D6B, 0x16D6C, UTF8PROC_CATEGORY_LM},
    {0x16D6D, 0x16D6F, UTF8PROC_CATEGORY_PO},
    {0x16D70, 0x16D79, UTF8PROC_CATEGORY_ND},
    {0x18CFF, 0x18CFF, UTF8PROC_CATEGORY_LO},
    {0x1B132, 0x1B132, UTF8PROC_CATEGORY_LO},
    {0x1B155, 0x1B155, UTF8PROC_CATEGORY_LO},
    {0x1CC00, 0x1CCEF, UTF8PROC_CATEGORY_SO},
    {0x1CCF0, 0x1CCF9, UTF8PROC_CATEGORY_ND},
    {0x1CD00, 0x1CEB3, UTF8PROC_CATEGORY_SO},
    {0x1D2C0, 0x1D2D3, UTF8PROC_CATEGORY_NO},
    {0x1DF25, 0x1DF2A, UTF8PROC_CATEGORY_LL},
    {0x1E030, 0x1E06D, UTF8PROC_CATEGORY_LM},
    {0x1E08F, 0x1E08F, UTF8PROC_CATEGORY_MN},
    {0x1E4D0, 0x1E4EA, UTF8PROC_CATEGORY_LO},
    {0x1E4EB, 0x1E4EB, UTF8PROC_CATEGORY_LM},
    {0x1E4EC, 0x1E4EF, UTF8PROC_CATEGORY_MN},
    {0x1E4F0, 0x1E4F9, UTF8PROC_CATEGORY_ND},
    {0x1E5D0, 0x1E5ED, UTF8PROC_CATEGORY_LO},
    {0x1E5EE, 0x1E5EF, UTF8PROC_CATEGORY_MN},
    {0x1E5F0, 0x1E5F0, UTF8PROC_CATEGORY_LO},
    {0x1E5F1, 0x1E5FA, UTF8PROC_CATEGORY_ND},
    {0x1E5FF, 0x1E5FF, UTF8PROC_CATEGORY_PO},
    {0x1F6DC, 0x1F6DC, UTF8PROC_CATEGORY_SO},
    {0x1F774, 0x1F776, UTF8PROC_CATEGORY_SO},
    {0x1F77B, 0x1F77F, UTF8PROC_CATEGORY_SO},
    {0x1F7D9, 0x1F7D9, UTF8PROC_CATEGORY_SO},
    {0x1F8B2, 0x1F8BB, UTF8PROC_CATEGORY_SO},
    {0x1F8C0, 0x1F8C1, UTF8PROC_CATEGORY_SO},
    {0x1FA75, 0x1FA77, UTF8PROC_CATEGORY_SO},
    {0x1FA87, 0x1FA89, UTF8PROC_CATEGORY_SO},
    {0x1FA8F, 0x1FA8F, UTF8PROC_CATEGORY_SO},
    {0x1FAAD, 0x1FAAF, UTF8PROC_CATEGORY_SO},
    {0x1FABB, 0x1FABF, UTF8PROC_CATEGORY_SO},
    {0x1FAC6, 0x1FAC6, UTF8PROC_CATEGORY_SO},
    {0x1FACE, 0x1FACF, UTF8PROC_CATEGORY_SO},
    {0x1FADA, 0x1FADC, UTF8PROC_CATEGORY_SO},
    {0x1FADF, 0x1FADF, UTF8PROC_CATEGORY_SO},
    {0x1FAE8, 0x1FAE9, UTF8PROC_CATEGORY_SO},
    {0x1FAF7, 0x1FAF8, UTF8PROC_CATEGORY_SO},
    {0x1FBCB, 0x1FBEF, UTF8PROC_CATEGORY_SO},
    {0x2B739, 0x2B739, UTF8PROC_CATEGORY_LO},
    {0x2EBF0, 0x2EE5D, UTF8PROC_CATEGORY_LO},
    {0x31350, 0x323AF, UTF8PROC_CATEGORY_LO},
};

/* Code points whose combining class or composition is younger than Unicode 9: the reference's NFC leaves them
 * where they are and lets nothing pass them. And U+11A7, which composes with nothing, but which utf8proc 2.8
 * takes for a Hangul final and loses. */
static const struct { int32_t first, last; } nfc_unknown[] = {
    {0x7FD, 0x7FD}, {0x898, 0x89F}, {0x8CA, 0x8D3}, {0x9FE, 0x9FE}, {0xC3C, 0xC3C}, {0xD3B, 0xD3C},
    {0xEBA, 0xEBA}, {0x11A7, 0x11A7}, {0x1715, 0x1715}, {0x1ABF, 0x1ACE}, {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C}, {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50},
    {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x1193D, 0x1193E}, {0x11943, 0x11943}, {0x119E0, 0x119E0}, {0x11A34, 0x11A34},
    {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42}, {0x11D44, 0x11D45}, {0x11D97, 0x11D97},
    {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F}, {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE},
    {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
};
// clang-format on

static const struct range *find_late(int32_t c) {
    size_t lo = 0, hi = ARRAY_LEN(late);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c > late[mid].last) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < ARRAY_LEN(late) && c >= late[lo].first ? &late[lo] : NULL;
}

static int category_of(int32_t c) {
    int cat = utf8proc_category(c);
    if (cat != UTF8PROC_CATEGORY_CN && c != 0x1171E) return cat;
    const struct range *r = find_late(c);
    return r ? r->category : cat;
}

static enum uniclass class_of_category(int cat) {
    switch (cat) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return UNI_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return UNI_NUMBER;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return UNI_SPACE;
    default:
        return UNI_OTHER;
    }
}

enum uniclass uniclass_of(int32_t c) {
    if ((c >= 9 && c <= 13) || c == 0x85) return UNI_SPACE;
    return class_of_category(category_of(c));
}

bool uniclass_is_numeric(int32_t c) {
    if ((c >= 0x11DE0 && c <= 0x11DE9) || (c >= 0x16FF4 && c <= 0x16FF6)) return true; /* Unicode 17 */
    return class_of_category(category_of(c)) == UNI_NUMBER;
}

bool uniclass_is_word(int32_t c) {
    switch (category_of(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    case UTF8PROC_CATEGORY_SO: /* the circled and squared letters are Other_Alphabetic */
        return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
               (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
    default:
        return c == 0x200C || c == 0x200D;
    }
}

int32_t uniclass_standin(int32_t c) {
    if (c < 0x897) return c;
    bool three = c < 0x10000;       /* bytes of UTF-8 */
    if (c == 0x180E) return 0x2060; /* PCRE2's \s has it, although it is a format character */
    const struct range *r = find_late(c);
    if (!r) return c;
    switch (r->category) {
    case UTF8PROC_CATEGORY_LU:
        return three ? 0x1E00 : 0x10400;
    case UTF8PROC_CATEGORY_LL:
        return three ? 0x1E01 : 0x10428;
    case UTF8PROC_CATEGORY_LM:
        return three ? 0x0E46 : 0x16B40;
    case UTF8PROC_CATEGORY_LO:
        return three ? 0x0E01 : c >= 0x20000 ? 0x20000 : 0x10330; /* Han stays Han */
    case UTF8PROC_CATEGORY_MN:
        return three ? 0x0E31 : 0x10A0F;
    case UTF8PROC_CATEGORY_MC:
        return three ? 0x0903 : 0x11000;
    case UTF8PROC_CATEGORY_ND:
        return three ? 0x0E50 : 0x104A0;
    case UTF8PROC_CATEGORY_NO:
        return three ? 0x2070 : 0x10107;
    case UTF8PROC_CATEGORY_PD:
        return three ? 0x2010 : 0x10EAD;
    case UTF8PROC_CATEGORY_PO:
        return three ? 0x2020 : 0x10100;
    case UTF8PROC_CATEGORY_SM:
        return three ? 0x2200 : 0x1D6C1;
    case UTF8PROC_CATEGORY_CF:
        return three ? 0x2060 : 0xE0001;
    case UTF8PROC_CATEGORY_SO:
        return three ? 0x2400 : 0x1F300;
    default:
        return c;
    }
}

int32_t uniclass_next(const char *s, size_t n, int *len) {
    const uint8_t *p = (const uint8_t *)s;
    if (*p < 0x80 || n < 2) {
        *len = 1;
        return *p;
    }
    if (*p < 0xE0 || n < 3) {
        *len = 2;
        return (p[0] & 0x1F) << 6 | (p[1] & 0x3F);
    }
    if (*p < 0xF0 || n < 4) {
        *len = 3;
        return (p[0] & 0xF) << 12 | (p[1] & 0x3F) << 6 | (p[2] & 0x3F);
    }
    *len = 4;
    return (p[0] & 7) << 18 | (p[1] & 0x3F) << 12 | (p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

/* Length of the maximal subsequence at s that begins like a character: Unicode chapter 3, table 3-7. At
 * least 1. */
static size_t bad_length(const uint8_t *s, size_t n) {
    size_t need;
    uint8_t lo = 0x80, hi = 0xBF;
    if (*s >= 0xC2 && *s <= 0xDF) {
        need = 2;
    } else if (*s >= 0xE0 && *s <= 0xEF) {
        need = 3;
        if (*s == 0xE0) lo = 0xA0;
        if (*s == 0xED) hi = 0x9F;
    } else if (*s >= 0xF0 && *s <= 0xF4) {
        need = 4;
        if (*s == 0xF0) lo = 0x90;
        if (*s == 0xF4) hi = 0x8F;
    } else {
        return 1;
    }
    size_t k = 1;
    for (; k < need && k < n && s[k] >= lo && s[k] <= hi; k++) lo = 0x80, hi = 0xBF;
    return k;
}

void uniclass_repair(const char *s, size_t n, struct strbuf *out) {
    while (n > 0) {
        size_t good = utf8_valid_prefix(s, n);
        strbuf_add(out, s, good);
        s += good, n -= good;
        if (n == 0) return;
        size_t bad = bad_length((const uint8_t *)s, n);
        strbuf_add(out, "\xEF\xBF\xBD", 3);
        s += bad, n -= bad;
    }
}

static bool nfc_knows(int32_t c) {
    if (c < nfc_unknown[0].first) return true;
    for (size_t i = 0; i < ARRAY_LEN(nfc_unknown); i++)
        if (c >= nfc_unknown[i].first && c <= nfc_unknown[i].last) return false;
    return true;
}

/* Put the combining marks of every run into canonical order: stable, by class. utf8proc's own ordering moves
 * one mark at a time, which is quadratic in the length of a run. `spare` has room for n code points. */
static void order_marks(int32_t *c, size_t n, int32_t *spare) {
    for (size_t i = 0, end; i < n; i = end) {
        size_t at[257] = {0};
        bool sorted = true;
        int last = 0;
        for (end = i; end < n; end++) {
            int ccc = utf8proc_get_property(c[end])->combining_class;
            if (ccc == 0) break;
            sorted = sorted && ccc >= last;
            last = ccc;
        }
        if (end == i) end++;
        if (sorted) continue;
        for (size_t k = i; k < end; k++) at[utf8proc_get_property(c[k])->combining_class + 1]++;
        for (int k = 0; k < 256; k++) at[k + 1] += at[k];
        for (size_t k = i; k < end; k++) spare[at[utf8proc_get_property(c[k])->combining_class]++] = c[k];
        memcpy(c + i, spare, (end - i) * sizeof *c);
    }
}

/* form: UTF8PROC_COMPOSE or UTF8PROC_DECOMPOSE. */
static void add_normal(const char *s, size_t n, utf8proc_option_t form, struct strbuf *out) {
    const utf8proc_option_t options = UTF8PROC_STABLE | form;
    size_t m = 0, cap = 2 * n + 16;
    if (n == 0) return;
    int32_t *c = xmalloc(cap * sizeof *c), *spare;
    int len;
    for (size_t i = 0; i < n; i += (size_t)len) {
        if (cap - m < 16) cap *= 2, c = xrealloc(c, cap * sizeof *c);
        int32_t one = uniclass_next(s + i, n - i, &len);
        utf8proc_ssize_t k = utf8proc_decompose_char(one, c + m, 16, options, NULL);
        BUG_ON(k < 0 || k > 16, "U+%04X: %zd", (unsigned)one, (ssize_t)k);
        m += (size_t)k;
    }
    spare = xmalloc(m * sizeof *spare);
    order_marks(c, m, spare);
    free(spare);
    utf8proc_ssize_t left = (utf8proc_ssize_t)m;
    if (form == UTF8PROC_COMPOSE) left = utf8proc_normalize_utf32(c, left, options);
    BUG_ON(left < 0, "utf8proc_normalize_utf32: %s", utf8proc_errmsg(left));
    for (utf8proc_ssize_t i = 0; i < left; i++) {
        utf8proc_uint8_t bytes[4];
        strbuf_add(out, bytes, (size_t)utf8proc_encode_char(c[i], bytes));
    }
    free(c);
}

/* U+11938 was given its decomposition later: composing gives it back, decomposing must leave it. */
static void normal_form(const char *s, size_t n, utf8proc_option_t form, struct strbuf *out) {
    size_t start = 0, i = 0;
    bool ascii = true;
    for (int len; i < n; i += (size_t)len) {
        int32_t c = uniclass_next(s + i, n - i, &len);
        if (c >= 0x80) ascii = false;
        if (nfc_knows(c) && !(c == 0x11938 && form == UTF8PROC_DECOMPOSE)) continue;
        add_normal(s + start, i - start, form, out);
        strbuf_add(out, s + i, (size_t)len);
        start = i + (size_t)len;
    }
    if (ascii) {
        strbuf_add(out, s, n);
    } else {
        add_normal(s + start, n - start, form, out);
    }
}

void uniclass_nfc(const char *s, size_t n, struct strbuf *out) { normal_form(s, n, UTF8PROC_COMPOSE, out); }

void uniclass_nfd(const char *s, size_t n, struct strbuf *out) { normal_form(s, n, UTF8PROC_DECOMPOSE, out); }
