/* SPDX-License-Identifier: Apache-2.0 */
/* html.c - pieces of a page that all parts of a report write. See report.h. */
#include <stdlib.h>

#include "harness/report/report.h"
#include "harness/table/table.h"

void report_text(struct strbuf *out, const char *s) {
    char *clean = table_clean(s ? s : "-");
    table_escape_html(out, clean);
    free(clean);
}

void report_table(struct strbuf *out, const struct table *t) {
    strbuf_adds(out, "<div class=\"wide\">\n");
    table_write(t, TABLE_AS_HTML, 0, out);
    strbuf_adds(out, "</div>\n");
}
