/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_help.c - `bench help [COMMAND | sweep]`: help texts, and the documents made of the same rows. */
#include <stdio.h>
#include <string.h>

#include "harness/cli/command.h"
#include "harness/cli/keys.h"
#include "harness/cli/manual.h"
#include "harness/cli/overview.h"

struct options {
    const char *topic;
    enum { AS_TEXT, AS_MAN, AS_MARKDOWN } form;
};

static int check_help(const void *options, struct err *e) {
    const struct options *o = options;
    return o->topic && o->form == AS_MAN
               ? err_set(e, ERR_USER, "--man is of all commands: without '%.60s'", o->topic)
               : 0;
}

static int write_topic(const struct command *const *all, const struct options *o, struct strbuf *out,
                       struct err *e) {
    const struct command *c = command_find(all, o->topic);
    bool markdown = o->form == AS_MARKDOWN;
    if (!strcmp(o->topic, "sweep")) {
        (markdown ? keys_manual_markdown : keys_manual_text)(out);
    } else if (c && c->summary) {
        (markdown ? manual_markdown : manual_text)(c, out);
    } else {
        return err_set(e, ERR_USER,
                       "unknown command '%.60s'; bench help lists them, beside: bench help sweep", o->topic);
    }
    return 0;
}

static int run_help(const struct command *const *all, void *options, struct err *e) {
    const struct options *o = options;
    struct strbuf out = {0};
    int rc = 0;
    if (o->topic)
        rc = write_topic(all, o, &out, e);
    else if (o->form == AS_MAN)
        overview_man(all, &out);
    else if (o->form == AS_MARKDOWN)
        overview_markdown(all, &out);
    else
        overview_text(all, &out);
    command_print(&out);
    return rc;
}

static const struct option_row help_options[] = {
    {NULL, 0, AT_TEXT(topic), "COMMAND|sweep", "a command, or how a sweep file is written, with all its keys",
     .otherwise = "the list of commands", .names = NAMES_COMMANDS},
    {"man", 0, AT_VALUE(form, AS_MAN), NULL, "the manual page, of all commands"},
    {"markdown", 0, AT_VALUE(form, AS_MARKDOWN), NULL,
     "as Markdown: docs/commands.md, or docs/sweep.md with `sweep`"},
    {0}};

const struct command cmd_help = {
    .name = "help",
    .summary = "the list of commands, the help of one, the keys of a sweep file, the manual page",
    .rows = help_options,
    .size = sizeof(struct options),
    .examples = "bench help run\n"
                "bench help sweep\n"
                "bench help --man > bench.1\n",
    .check = check_help,
    .run_on_all = run_help,
};
