/* SPDX-License-Identifier: Apache-2.0 */
/* manual.c - see manual.h. */
#include "harness/cli/manual.h"

#include <ctype.h>
#include <string.h>

enum { WIDTH = 80, LABELS = 22 }; /* columns of a line; where the text beside an option begins */

/* ---- wrapping ------------------------------------------------------------------------------------------ */

static void break_line(int indent, struct strbuf *out) { strbuf_addf(out, "\n%*s", indent, ""); }

/* n bytes that stay together, after a space where the line has begun. *at: the column, moved on. */
static void add_word(const char *word, size_t n, int *at, int indent, struct strbuf *out) {
    char *copy = xstrndup(word, n);
    int width = table_width(copy);
    bool begun = *at > indent && out->len && out->s[out->len - 1] != ' ';
    if (begun && *at + 1 + width >= WIDTH) {
        break_line(indent, out);
        *at = indent;
    } else if (begun) {
        strbuf_addc(out, ' ');
        ++*at;
    }
    strbuf_add(out, word, n);
    *at += width;
    free(copy);
}

void manual_wrap(const char *text, int at, int indent, struct strbuf *out) {
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (n) add_word(text, n, &at, indent, out);
        text += n;
        if (*text == '\n') {
            /* no blanks on an empty line */
            if (text[1] == '\n')
                strbuf_addc(out, '\n');
            else
                break_line(indent, out);
            at = indent;
        }
        text += *text != '\0';
    }
}

static void wrap_paragraphs(const char *text, struct strbuf *out) {
    if (!text) return;
    manual_wrap(text, 0, 0, out);
    strbuf_adds(out, "\n\n");
}

/* ---- usage --------------------------------------------------------------------------------------------- */

/* "-o DIR" or "--model MODEL". */
static void add_short_form(const struct option_row *r, struct strbuf *out) {
    if (!option_is_argument(r) && r->name)
        strbuf_addf(out, "--%s", r->name);
    else if (!option_is_argument(r))
        strbuf_addf(out, "-%c", r->letter);
    if (!option_is_argument(r) && option_takes_value(r)) strbuf_addc(out, ' ');
    option_metavar(r, out);
}

/* "--json | --csv": from `first` on, the rows that give one field its value. */
static void add_alternatives(const struct option_row *first, struct strbuf *out) {
    add_short_form(first, out);
    for (const struct option_row *r = first + 1; first->type == OPTION_VALUE && r->help; r++) {
        if (r->type != OPTION_VALUE || r->at != first->at) continue;
        strbuf_adds(out, " | ");
        add_short_form(r, out);
    }
}

/* Did an earlier row give the same field its value? */
static bool is_alternative(const struct option_row *rows, const struct option_row *r) {
    for (; rows < r; rows++)
        if (r->type == OPTION_VALUE && rows->type == OPTION_VALUE && rows->at == r->at) return true;
    return false;
}

static void add_usage_words(const struct command *c, int at, int indent, struct strbuf *out) {
    for (int pass = 0; pass < 4; pass++) /* what must be there first, arguments before options */
        for (const struct option_row *r = c->rows; r && r->help; r++) {
            struct strbuf word = {0};
            if (option_is_argument(r) != (pass % 2 == 0) || r->required != (pass < 2)) continue;
            if (is_alternative(c->rows, r)) continue;
            strbuf_adds(&word, r->required ? "" : "[");
            add_alternatives(r, &word);
            strbuf_adds(&word, r->required ? "" : "]");
            if (r->type == OPTION_LIST) strbuf_adds(&word, "...");
            add_word(word.s, word.len, &at, indent, out);
            strbuf_release(&word);
        }
}

/* Lines without a newline at the end; the first begins with "usage: ", other forms stand below it. */
static void add_usage(const struct command *c, struct strbuf *out) {
    const char *form = c->usage;
    int at = (int)strlen("usage: bench ") + (int)strlen(c->name) + 1;
    strbuf_addf(out, "usage: bench %s", c->name);
    if (!form) {
        strbuf_addc(out, ' ');
        return add_usage_words(c, at, at, out);
    }
    while (*form) {
        size_t n = strcspn(form, "\n");
        strbuf_addf(out, " %.*s", (int)n, form);
        form += n + (form[n] == '\n');
        if (*form == ' ') /* the form goes on */
            strbuf_addf(out, "\n%*s", at - 1, "");
        else if (*form)
            strbuf_addf(out, "\n       bench %s", c->name);
        form += strspn(form, " ");
    }
}

/* ---- options ------------------------------------------------------------------------------------------- */

/* "-j, --workers N". */
static void add_label(const struct option_row *r, struct strbuf *out) {
    if (r->letter && r->name) strbuf_addf(out, "-%c, ", r->letter);
    add_short_form(r, out);
}

/* The help line with range and default in parentheses. */
static void add_help(const struct option_row *r, struct strbuf *out) {
    struct strbuf range = {0};
    strbuf_adds(out, r->help);
    option_range(r, &range);
    if (range.len) strbuf_addf(out, " (%s)", range.s);
    strbuf_release(&range);
}

static const struct option_row help_rows[] = {{"help", 'h', .help = "this text"}, {0}};

static void text_row(const struct option_row *r, struct strbuf *out) {
    struct strbuf label = {0}, help = {0};
    add_label(r, &label);
    add_help(r, &help);
    strbuf_addf(out, "  %s", label.s);
    int at = 2 + table_width(label.s);
    if (at + 2 > LABELS) {
        break_line(LABELS, out);
        at = LABELS;
    }
    strbuf_addf(out, "%*s", LABELS - at, "");
    manual_wrap(help.s, LABELS, LABELS, out);
    strbuf_addc(out, '\n');
    for (const struct option_word *w = r->words; w && w->name; w++) {
        if (!w->help) continue;
        strbuf_addf(out, "    %-*s", LABELS - 5, w->name);
        strbuf_addc(out, ' ');
        manual_wrap(w->help, LABELS, LABELS, out);
        strbuf_addc(out, '\n');
    }
    strbuf_release(&label);
    strbuf_release(&help);
}

static void each_row(const struct command *c, void (*write)(const struct option_row *, struct strbuf *),
                     struct strbuf *out) {
    for (int arguments = 1; arguments >= 0; arguments--)
        for (const struct option_row *r = c->rows; r && r->help; r++)
            if (option_is_argument(r) == arguments) write(r, out);
    write(help_rows, out);
}

static void add_examples(const char *examples, const char *indent, struct strbuf *out) {
    for (const char *s = examples; *s;) {
        size_t n = strcspn(s, "\n");
        strbuf_addf(out, "%s%.*s\n", indent, (int)n, s);
        s += n + (s[n] == '\n');
    }
}

void manual_text(const struct command *c, struct strbuf *out) {
    add_usage(c, out);
    strbuf_adds(out, "\n\n");
    wrap_paragraphs(c->about, out);
    each_row(c, text_row, out);
    strbuf_addc(out, '\n');
    wrap_paragraphs(c->notes, out);
    strbuf_adds(out, "examples:\n");
    add_examples(c->examples, "  ", out);
}

/* ---- roff ---------------------------------------------------------------------------------------------- */

void manual_roff_text(const char *s, struct strbuf *out) {
    for (bool start = true; *s; start = *s++ == '\n') {
        if (start && (*s == '.' || *s == '\'')) strbuf_adds(out, "\\&");
        if (*s == '\\')
            strbuf_adds(out, "\\e");
        else if (*s == '-')
            strbuf_adds(out, "\\-");
        else
            strbuf_addc(out, *s);
    }
}

static void roff_paragraphs(const char *text, struct strbuf *out) {
    while (text && *text) {
        const char *end = strstr(text, "\n\n");
        char *one = end ? xstrndup(text, (size_t)(end - text)) : xstrdup(text);
        strbuf_adds(out, ".PP\n");
        manual_roff_text(one, out);
        strbuf_addc(out, '\n');
        free(one);
        text = end ? end + 2 : NULL;
    }
}

static void roff_row(const struct option_row *r, struct strbuf *out) {
    struct strbuf label = {0}, help = {0};
    add_label(r, &label);
    add_help(r, &help);
    strbuf_adds(out, ".TP\n.B ");
    manual_roff_text(label.s, out);
    strbuf_addc(out, '\n');
    manual_roff_text(help.s, out);
    strbuf_addc(out, '\n');
    for (const struct option_word *w = r->words; w && w->name; w++) {
        if (!w->help) continue;
        strbuf_adds(out, ".br\n");
        manual_roff_text(w->name, out);
        strbuf_adds(out, ": ");
        manual_roff_text(w->help, out);
        strbuf_addc(out, '\n');
    }
    strbuf_release(&label);
    strbuf_release(&help);
}

static void roff_block(const char *text, struct strbuf *out) {
    strbuf_adds(out, ".PP\n.nf\n");
    manual_roff_text(text, out);
    strbuf_adds(out, ".fi\n");
}

void manual_roff(const struct command *c, struct strbuf *out) {
    struct strbuf usage = {0}, examples = {0};
    strbuf_addf(out, ".SS \"bench %s\"\n", c->name);
    manual_roff_text(c->summary, out);
    strbuf_adds(out, ".\n");
    add_usage(c, &usage);
    strbuf_addc(&usage, '\n');
    roff_block(usage.s, out);
    roff_paragraphs(c->about, out);
    each_row(c, roff_row, out);
    roff_paragraphs(c->notes, out);
    add_examples(c->examples, "  ", &examples);
    strbuf_adds(out, ".PP\nexamples:\n");
    roff_block(examples.s, out);
    strbuf_release(&usage);
    strbuf_release(&examples);
}

/* ---- Markdown ------------------------------------------------------------------------------------------ */

void manual_cell(const char *s, struct strbuf *out) {
    for (; *s; s++) {
        if (*s == '|') strbuf_addc(out, '\\');
        strbuf_addc(out, *s == '\n' ? ' ' : *s);
    }
}

static void markdown_row(const struct option_row *r, struct strbuf *out) {
    struct strbuf label = {0}, range = {0};
    add_label(r, &label);
    option_range(r, &range);
    strbuf_adds(out, "| `");
    manual_cell(label.s, out);
    strbuf_adds(out, "` | ");
    manual_cell(range.s ? range.s : "", out);
    strbuf_adds(out, range.len ? " | " : "| ");
    manual_cell(r->help, out);
    for (const struct option_word *w = r->words; w && w->name; w++)
        if (w->help) {
            strbuf_addf(out, "%s `%s`: ", w == r->words ? ":<br>" : "<br>", w->name);
            manual_cell(w->help, out);
        }
    strbuf_adds(out, " |\n");
    strbuf_release(&label);
    strbuf_release(&range);
}

void manual_markdown(const struct command *c, struct strbuf *out) {
    strbuf_addf(out, "## bench %s\n\n", c->name);
    strbuf_addf(out, "%c%s.\n\n```\n", toupper((unsigned char)*c->summary), c->summary + 1);
    add_usage(c, out);
    strbuf_adds(out, "\n```\n\n");
    if (c->about) strbuf_addf(out, "%s\n\n", c->about);
    strbuf_adds(out, "| option | range, default | meaning |\n|---|---|---|\n");
    each_row(c, markdown_row, out);
    if (c->notes) strbuf_addf(out, "\n%s\n", c->notes);
    strbuf_adds(out, "\nExamples:\n\n```sh\n");
    add_examples(c->examples, "", out);
    strbuf_adds(out, "```\n");
}
