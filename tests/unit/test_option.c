/* SPDX-License-Identifier: Apache-2.0 */
/* test_option.c - options of commands: what is taken, what is refused and how; the rows of all commands. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wordexp.h>

#include <cmocka.h>

#include "harness/cli/command.h"
#include "harness/cli/manual.h"

struct options {
    bool loud;
    enum { PLAIN, FIRST, SECOND } form;
    const char *file, *second, *out, *type;
    unsigned kinds;
    struct option_list sets;
    long n;
    double x, seconds;
};

static const struct option_row rows[] = {
    {NULL, 0, AT_TEXT(file), "FILE", "what is read: a text", .required = true},
    {NULL, 0, AT_TEXT(second), "SECOND", "another"},
    {"loud", 0, AT_FLAG(loud), NULL, "a flag"},
    {"first", 0, AT_VALUE(form, FIRST), NULL, "one form"},
    {"second", 0, AT_VALUE(form, SECOND), NULL, "another form"},
    {"output", 'o', AT_TEXT(out), "OUT", "where it goes"},
    {"type", 0, AT_CHOICE(type), NULL, "a type", .def = "f32", .choices = "f32|f16|bf16"},
    {"kinds", 0, AT_SET(kinds), "LIST", "kinds", .def = "png,svg", .choices = "png|svg|pdf"},
    {"set", 0, AT_LIST(sets), "KEY=VALUE", "set a key"},
    {"number", 'n', AT_INT(n), "N", "how many", 1, 100, .otherwise = "as many as fit"},
    {"share", 0, AT_NUMBER(x), "X", "a share", 0, 1, .def = "0.5"},
    {"every", 0, AT_TIME(seconds), "TIME", "how often", 0.1, 3600, .def = "2"},
    {0}};

static struct options got;
static struct err error;
static bool help;

/* The words of a command line, separated by blanks. */
static int parse(const char *line) {
    static char *argv[64], *copy;
    int argc = 0;
    free(copy);
    copy = xasprintf("x %s", line);
    for (char *save = NULL, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    option_release(rows, &got);
    memset(&got, 0, sizeof got);
    memset(&error, 0, sizeof error);
    return option_parse(rows, argc, argv, &got, &help, &error);
}

static void refused(const char *line, const char *message) {
    assert_int_equal(parse(line), ERR_USER);
    assert_string_equal(error.msg, message);
}

static void values_arrive_in_all_spellings(void **state) {
    (void)state;
    assert_int_equal(parse("a.txt"), 0);
    assert_string_equal(got.file, "a.txt");
    assert_null(got.second);
    assert_string_equal(got.type, "f32");
    assert_int_equal(got.kinds, 3);
    assert_float_equal(got.x, 0.5, 0);
    assert_float_equal(got.seconds, 2, 0);
    assert_int_equal(got.n, 0);
    assert_int_equal(parse("-n4 a --output=b --type bf16 --set a=1 c --set b=2 --kinds pdf --second --loud"),
                     0);
    assert_int_equal(got.n, 4);
    assert_string_equal(got.file, "a");
    assert_string_equal(got.second, "c");
    assert_string_equal(got.out, "b");
    assert_string_equal(got.type, "bf16");
    assert_int_equal(got.sets.n, 2);
    assert_string_equal(got.sets.v[1], "b=2");
    assert_int_equal(got.kinds, 4);
    assert_int_equal(got.form, SECOND);
    assert_true(got.loud);
    assert_int_equal(parse("-o - -n 1e2 --every 1m -- --loud"), 0);
    assert_string_equal(got.out, "-");
    assert_int_equal(got.n, 100);
    assert_float_equal(got.seconds, 60, 0);
    assert_string_equal(got.file, "--loud");
    assert_false(got.loud);
    assert_int_equal(parse("a --num 3 --lo"), 0); /* cut short */
    assert_int_equal(got.n, 3);
    assert_true(got.loud);
    assert_int_equal(parse("a --first --second --first"), 0);
    assert_int_equal(got.form, FIRST);
}

static void help_needs_nothing_else(void **state) {
    (void)state;
    assert_int_equal(parse("-h"), 0);
    assert_true(help);
    assert_int_equal(parse("a --help b c d"), 0);
    assert_true(help);
    assert_int_equal(parse("a"), 0);
    assert_false(help);
}

static void what_is_wrong_is_told_with_what_is_allowed(void **state) {
    (void)state;
    refused("", "FILE is missing: what is read");
    refused("a b c", "'c' is one argument too many");
    refused("a -n 0", "--number: '0' is not a whole number from 1 to 100");
    refused("a -n 101", "--number: '101' is not a whole number from 1 to 100");
    refused("a -n 1.5", "--number: '1.5' is not a whole number from 1 to 100");
    refused("a -n 3x", "--number: '3x' is not a whole number from 1 to 100");
    refused("a --number=", "--number: '' is not a whole number from 1 to 100");
    refused("a --number=[3]", "--number: '[3]' is not a whole number from 1 to 100");
    refused("a --share nan", "--share: 'nan' is not a number from 0 to 1");
    refused("a --share -1e-9", "--share: '-1e-9' is not a number from 0 to 1");
    refused("a --every 2h", "--every: '2h' is not a time from 0.1 to 3600 seconds, as in 2, 90s or 1.5m");
    refused("a --type f8", "--type: 'f8' is unknown, it is one of f32, f16, bf16");
    refused("a --type bf61", "--type: 'bf61' is unknown (did you mean 'bf16'?), it is one of f32, f16, bf16");
    refused("a --kinds png,,svg", "--kinds: '' is unknown, it is one of png, svg, pdf");
    refused("a --numbr 3", "unknown option '--numbr' (did you mean '--number'?)");
    refused("a --nonsense=3", "unknown option '--nonsense'");
    refused("a -q", "unknown option '-q'");
    refused("a --se 3", "'--se' is not clear: is it --second or --set?");
    refused("a --loud=yes", "--loud takes no value: '--loud=yes'");
    refused("a --help=yes", "--help takes no value: '--help=yes'");
    refused("a --output", "--output wants a value: --output OUT");
    refused("a -o", "--output wants a value: --output OUT");
    refused("a --type", "--type wants a value: --type f32|f16|bf16");
}

static void an_argument_where_none_is_taken_is_told(void **state) {
    static const struct option_row none[] = {{"loud", 0, AT_FLAG(loud), NULL, "a flag"}, {0}};
    char *argv[] = {(char[]){"x"}, (char[]){"word"}, NULL};
    (void)state;
    memset(&got, 0, sizeof got);
    assert_int_equal(option_parse(none, 2, argv, &got, &help, &error), ERR_USER);
    assert_string_equal(error.msg, "takes no argument: 'word'");
    assert_int_equal(option_parse(NULL, 2, argv, &got, &help, &error), ERR_USER);
}

static void help_says_range_default_and_choices(void **state) {
    static const struct command c = {.name = "try",
                                     .summary = "try it",
                                     .about = "About it.",
                                     .rows = rows,
                                     .size = sizeof(struct options),
                                     .examples = "bench try a\nbench try b\n"};
    struct strbuf b = {0};
    (void)state;
    manual_text(&c, &b);
    assert_non_null(strstr(b.s, "usage: bench try FILE [SECOND] [--loud] [--first | --second]"));
    assert_non_null(strstr(b.s, "  -n, --number N      how many (1 to 100; default: as many as fit)\n"));
    assert_non_null(strstr(b.s, "  --type f32|f16|bf16\n                      a type (default f32)\n"));
    assert_non_null(strstr(b.s, "  --kinds LIST        kinds (png, svg, pdf; default png,svg)\n"));
    strbuf_release(&b);
    manual_markdown(&c, &b);
    assert_non_null(strstr(b.s, "| `--type f32\\|f16\\|bf16` | default f32 | a type |\n"));
    strbuf_release(&b);
}

static void lines_are_wrapped_and_lists_kept(void **state) {
    struct strbuf b = {0};
    (void)state;
    for (int i = 0; i < 30; i++) strbuf_adds(&b, "wörter ");
    struct strbuf out = {0};
    strbuf_adds(&out, "  ");
    manual_wrap(b.s, 2, 2, &out);
    for (char *line = out.s; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        assert_int_equal(strncmp(line, "  w", 3), 0);
    assert_int_equal(strcspn(out.s, "\n"), 2 + 11 * 8 - 1); /* eleven words of six columns, seven bytes */
    strbuf_release(&b);
    strbuf_release(&out);
    manual_wrap("one\ntwo\n\nthree", 0, 0, &out);
    assert_string_equal(out.s, "one\ntwo\n\nthree");
    strbuf_release(&out);
}

/* ---- all commands -------------------------------------------------------------------------------------- */

#define COMMAND(name) extern const struct command cmd_##name;
#include "harness/cli/commands.def"
#undef COMMAND
#define COMMAND(name) &cmd_##name,
static const struct command *const commands[] = {
#include "harness/cli/commands.def"
    NULL};

static void rows_of_every_command_are_sound(void **state) {
    (void)state;
    for (int i = 0; commands[i]; i++) {
        const struct command *c = commands[i];
        assert_true(!c->run != !c->run_on_all);
        for (const struct option_row *r = c->rows; r && r->help; r++) {
            bool number = r->type == OPTION_INT || r->type == OPTION_NUMBER || r->type == OPTION_TIME;
            bool choice = r->type == OPTION_CHOICE || r->type == OPTION_SET;
            assert_true(r->at < c->size);
            assert_true(number == (r->min < r->max));
            assert_true(choice == (r->choices || r->words));
            assert_true(choice || !option_takes_value(r) == !r->metavar);
            assert_false(r->def && r->otherwise);
            assert_int_not_equal(r->letter, 'h');
            for (const struct option_row *k = c->rows; k < r; k++) {
                assert_false(r->letter && k->letter == r->letter);
                assert_false(r->name && k->name && !strcmp(r->name, k->name));
            }
        }
    }
}

/* The words after the last "bench " of a line of shell, as far as they are this command's. */
static char *own_words(const char *line) {
    const char *s = line, *from = line;
    char quote = 0;
    for (; *s; s++) {
        if (!quote && !strncmp(s, "bench ", 6)) from = s + 6;
        if (!quote && strchr("'\"", *s))
            quote = *s;
        else if (quote == *s)
            quote = 0;
        else if (!quote && s > line && s[-1] == ' ' && strchr("#<>", *s) && from > line)
            break;
        else if (!quote && *s == ')')
            break;
    }
    return xstrndup(from, (size_t)(s - from));
}

static void check_example(const struct command *c, const char *line) {
    char *words = own_words(line);
    wordexp_t w;
    struct err e = {0};
    bool wants_help;
    assert_int_equal(wordexp(words, &w, WRDE_NOCMD), 0);
    void *options = xcalloc(1, c->size + 1);
    int rc = !strcmp(w.we_wordv[0], c->name)
                 ? option_parse(c->rows, (int)w.we_wordc, w.we_wordv, options, &wants_help, &e)
                 : err_set(&e, ERR_USER, "another command");
    if (!rc && c->check) rc = c->check(options, &e);
    if (rc) fail_msg("%s: %s", line, e.msg);
    option_release(c->rows, options);
    free(options);
    wordfree(&w);
    free(words);
}

static void every_example_is_a_command_that_its_rows_take(void **state) {
    int n = 0;
    (void)state;
    for (int i = 0; commands[i]; i++) {
        char *all = xstrdup(commands[i]->examples), *next;
        while ((next = strstr(all, "\\\n"))) memset(next, ' ', 2); /* a line that goes on */
        for (char *save = NULL, *line = strtok_r(all, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save), n++)
            check_example(commands[i], line);
        free(all);
    }
    assert_true(n >= 46);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive_in_all_spellings),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(what_is_wrong_is_told_with_what_is_allowed),
        cmocka_unit_test(an_argument_where_none_is_taken_is_told),
        cmocka_unit_test(help_says_range_default_and_choices),
        cmocka_unit_test(lines_are_wrapped_and_lists_kept),
        cmocka_unit_test(rows_of_every_command_are_sound),
        cmocka_unit_test(every_example_is_a_command_that_its_rows_take),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    option_release(rows, &got);
    return failed;
}
