/* SPDX-License-Identifier: Apache-2.0 */
/* table_markup.c - tables as LaTeX (booktabs) and as HTML: a fragment to be put into a document.
 *
 * Both escape whatever their language would read: a cell's text may come from a file or a record. */
#include <string.h>

#include "harness/table/table_private.h"

static void add_latex(struct strbuf *out, const char *s) {
    static const struct {
        char c;
        const char *as;
    } special[] = {{'\\', "\\textbackslash{}"}, {'~', "\\textasciitilde{}"}, {'^', "\\textasciicircum{}"},
                   {'<', "\\textless{}"},       {'>', "\\textgreater{}"},    {'|', "\\textbar{}"},
                   {'"', "\\textquotedbl{}"}};
    for (; *s; s++) {
        const char *as = NULL;
        for (size_t i = 0; i < ARRAY_LEN(special); i++)
            if (*s == special[i].c) as = special[i].as;
        if (strchr("&%$#_{}", *s)) strbuf_addc(out, '\\');
        if (as)
            strbuf_adds(out, as);
        else
            strbuf_addc(out, *s);
    }
}

void table_write_latex(const struct table *t, struct strbuf *out) {
    struct shown s;
    shown_init(&s, t);
    strbuf_adds(out, "% needs \\usepackage{booktabs}\n\\begin{tabular}{");
    for (size_t c = 0; c < s.cols; c++) strbuf_addc(out, s.left[c] ? 'l' : 'r');
    strbuf_adds(out, "}\n\\toprule\n");
    for (size_t r = 0; r < s.rows; r++) {
        for (size_t c = 0; c < s.cols; c++) {
            if (c) strbuf_adds(out, " & ");
            add_latex(out, s.text[r * s.cols + c]);
        }
        strbuf_adds(out, r == 0 ? " \\\\\n\\midrule\n" : " \\\\\n");
    }
    strbuf_adds(out, "\\bottomrule\n\\end{tabular}\n");
    shown_release(&s);
}

void table_escape_html(struct strbuf *out, const char *s) {
    for (; *s; s++) {
        const char *as = *s == '&'   ? "&amp;"
                         : *s == '<' ? "&lt;"
                         : *s == '>' ? "&gt;"
                         : *s == '"' ? "&quot;"
                                     : NULL;
        if (as)
            strbuf_adds(out, as);
        else
            strbuf_addc(out, *s);
    }
}

void table_write_html(const struct table *t, struct strbuf *out) {
    struct shown s;
    shown_init(&s, t);
    strbuf_adds(out, "<table>\n");
    for (size_t r = 0; r < s.rows; r++) {
        strbuf_adds(out, r == 0 ? "<thead>\n<tr>" : "<tr>");
        for (size_t c = 0; c < s.cols; c++) {
            const char *tag = r == 0 ? "th scope=\"col\"" : "td";
            strbuf_addf(out, s.left[c] ? "<%s>" : "<%s style=\"text-align:right\">", tag);
            table_escape_html(out, s.text[r * s.cols + c]);
            strbuf_addf(out, "</%.2s>", tag);
        }
        strbuf_adds(out, r == 0 ? "</tr>\n</thead>\n<tbody>\n" : "</tr>\n");
    }
    strbuf_adds(out, "</tbody>\n</table>\n");
    shown_release(&s);
}
