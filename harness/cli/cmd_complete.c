/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_complete.c - the hidden command `bench complete -- WORDS...`, which the shells' completion asks. */
#include "harness/cli/complete.h"

struct options {
    struct option_list words;
};

static int run_complete(const struct command *const *all, void *options, struct err *e) {
    const struct options *o = options;
    struct strbuf out = {0};
    (void)e;
    complete_words(all, o->words.v, o->words.n, &out);
    command_print(&out);
    return 0;
}

static const struct option_row complete_options[] = {
    {NULL, 0, AT_LIST(words), "WORD", "what stands after `bench`, the word to complete last"}, {0}};

const struct command cmd_complete = {.name = "complete",
                                     .rows = complete_options,
                                     .size = sizeof(struct options),
                                     .examples = "",
                                     .run_on_all = run_complete};
