/* help.h - the help texts of the commands as data: for the man page and the shell completion.
 *
 * A command's --help is the one place where its options are written down. Here it is asked for that text, and
 * the text is read: its form is therefore a contract, which a test checks over all commands:
 *     usage: bench NAME ARGUMENTS [--option VALUE] [--flag | --other]      more lines begin with " bench
 * NAME" -s, --option VALUE  what it does          two spaces, the value after one space, the text after two
 * or more examples:                                   at least two lines of "  ... bench NAME ..." A value or
 * an argument is a word in capitals (FILE, MODEL, N), or its choices: a|b|c. */
#ifndef BENCH_HELP_H
#define BENCH_HELP_H

#include "harness/cli/cmd.h"
#include "harness/base/util.h"

/* The text that `bench NAME --help` prints, appended. Runs the command in this process with standard output
 * turned away. */
int help_text(const struct cmd *c, struct strbuf *out, struct err *e);

struct help_option {
    char *name;  /* "--db", "-j" */
    char *value; /* "FILE", "png|svg"; NULL: it takes none */
};

struct help {
    struct help_option *options;
    int noptions, options_cap;
    char **arguments; /* "SWEEP.yaml", "plane|lr" */
    int narguments, arguments_cap;
};

/* Read the text of command `name`. Zero-initialise h; help_release frees. */
void help_parse(const char *text, const char *name, struct help *h);
void help_release(struct help *h);

#endif
