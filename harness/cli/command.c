/* SPDX-License-Identifier: Apache-2.0 */
/* command.c - from the words on the command line to a command that runs. See command.h. */
#include "harness/cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/manual.h"

const struct command *command_find(const struct command *const *all, const char *name) {
    for (; *all; all++)
        if (!strcmp((*all)->name, name)) return *all;
    return NULL;
}

void command_print(struct strbuf *out) {
    if (out->len) fwrite(out->s, 1, out->len, stdout);
    strbuf_release(out);
}

void command_print_table(const struct table *t, enum table_format format) {
    struct strbuf b = {0};
    table_write(t, format, format == TABLE_AS_TEXT ? table_terminal() : 0, &b);
    command_print(&b);
}

void command_release(const struct command *c, void *options) {
    option_release(c->rows, options);
    free(options);
}

int command_parse(const struct command *c, int argc, char **argv, void **options) {
    struct err e = {0};
    bool help;
    *options = xcalloc(1, c->size + 1);
    int rc = option_parse(c->rows, argc, argv, *options, &help, &e);
    if (!rc && help) {
        struct strbuf text = {0};
        manual_text(c, &text);
        command_print(&text);
    } else {
        if (!rc && c->check) rc = c->check(*options, &e);
        if (!rc) return -1;
        fprintf(stderr, "bench %s: %s; see `bench %s --help`\n", c->name, e.msg, c->name);
    }
    command_release(c, *options);
    return rc ? err_exit_code(&e) : 0;
}

int command_run(const struct command *c, const struct command *const *all, void *options) {
    struct err e = {0};
    int rc = c->run ? c->run(options, &e) : c->run_on_all(all, options, &e);
    command_release(c, options);
    if (rc >= 0) return rc;
    fflush(stdout);
    fprintf(stderr, "bench %s: %s\n", c->name, e.msg);
    return err_exit_code(&e);
}
