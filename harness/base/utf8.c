/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c - see utf8.h. */
#include "harness/base/utf8.h"

#include <string.h>

/* Length of the valid sequence at s (n bytes left, n > 0), or 0. Ranges as in Unicode's table 3-7. */
static size_t utf8_one(const unsigned char *s, size_t n) {
    unsigned c = s[0];
    if (c < 0x80) return 1;
    unsigned lo = 0x80, hi = 0xBF;
    size_t len;
    if (c >= 0xC2 && c <= 0xDF)
        len = 2;
    else if (c >= 0xE0 && c <= 0xEF)
        len = 3, lo = c == 0xE0 ? 0xA0 : lo, hi = c == 0xED ? 0x9F : hi;
    else if (c >= 0xF0 && c <= 0xF4)
        len = 4, lo = c == 0xF0 ? 0x90 : lo, hi = c == 0xF4 ? 0x8F : hi;
    else
        return 0;
    if (n < len || s[1] < lo || s[1] > hi) return 0;
    for (size_t i = 2; i < len; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return len;
}

size_t utf8_valid_prefix(const char *s, size_t n) {
    size_t i = 0, len;
    while (i < n && (len = utf8_one((const unsigned char *)s + i, n - i)) > 0) i += len;
    return i;
}

size_t utf8_mark(const char *s, size_t n) { return n >= 3 && !memcmp(s, "\xef\xbb\xbf", 3) ? 3 : 0; }

/* The code point of a valid sequence of n bytes. */
static unsigned code_point(const unsigned char *s, size_t n) {
    static const unsigned char first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned c = s[0] & first[n];
    for (size_t i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3f);
    return c;
}

static bool is_control(unsigned c) { return c < 32 || (c >= 127 && c < 0xa0) || c == 0x2028 || c == 0x2029; }

static bool is_directional(unsigned c) {
    return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

void utf8_clean(char *s, bool lines) {
    unsigned char *from = (unsigned char *)s, *to = from;
    for (size_t left = strlen(s), n; left; from += n, left -= n) {
        n = utf8_one(from, left);
        unsigned c = n ? code_point(from, n) : 0;
        if (!n || is_directional(c)) {
            *to++ = '?';
            n += !n;
        } else if (is_control(c) && !(lines && c == '\n')) {
            *to++ = ' ';
        } else {
            memmove(to, from, n);
            to += n;
        }
    }
    *to = '\0';
}
