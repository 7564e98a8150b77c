/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_rows.c - any bytes as JSONL, CSV or TSV: an error, or rows of valid UTF-8 without NUL bytes. The first
 * byte says which format. */
#include <string.h>

#include "harness/core/data.h"
#include "harness/base/util.h"
#include "tests/fuzz/fuzz.h"

static void use_field(const struct rows *r, long i, int c) {
    struct err e = {0};
    size_t len = 0;
    const char *s = rows_field(r, i, c, &len, &e);
    BUG_ON(!s && (!*e.msg || e.code != ERR_USER), "row %ld column %d: no field and no error", i, c);
    if (s) BUG_ON(utf8_valid_prefix(s, len) != len || memchr(s, 0, len), "row %ld column %d", i, c);
}

static void use_template(const struct rows *r) {
    struct template *t = NULL;
    struct err e = {0};
    struct strbuf out = {0};
    if (template_compile(&t, "Q: {q} {{{1}}}", r, &e)) return;
    for (long i = 0; i < rows_count(r) && i < 100; i++) template_render(t, i, &out, &e);
    strbuf_release(&out);
    template_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    struct rows_format fmt = {.kind = data[0] % 3 == 0   ? ROWS_JSONL
                                      : data[0] % 3 == 1 ? ROWS_CSV
                                                         : ROWS_TSV,
                              .no_header = data[0] / 3 & 1,
                              .literal_quotes = data[0] / 6 & 1};
    struct rows *r = NULL;
    struct err e = {0};
    int rc = rows_parse(&r, "fuzz", data + 1, size - 1, &fmt, &e);
    fuzz_check_error(rc, &e);
    if (rc) return 0;
    rows_column(r, "q");
    for (long i = 0; i < rows_count(r) && i < 200; i++) {
        for (int c = 0; c < rows_columns(r) && c < 50; c++) use_field(r, i, c);
        BUG_ON(rows_line(r, i) < 1, "row %ld", i);
    }
    use_template(r);
    rows_free(r);
    return 0;
}
