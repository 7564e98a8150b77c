/* SPDX-License-Identifier: Apache-2.0 */
/* run_result.c - the states of a run by name and kind (see run_result.h). */
#include "harness/core/run_result.h"

#include <string.h>

enum kind { OPEN, STOPPED, RESULT, BAD };

static const struct {
    const char *name;
    enum kind kind;
} states[] = {
#define STATE_ROW(id, name, kind) {name, kind},
    RUN_STATES(STATE_ROW)
#undef STATE_ROW
};

const char *run_state_name(enum run_state s) { return s < RUN_NSTATES ? states[s].name : "?"; }

enum run_state run_state_parse(const char *name) {
    int i = 0;
    while (i < RUN_NSTATES && (!name || strcmp(name, states[i].name) != 0)) i++;
    return (enum run_state)i;
}

bool run_state_is_finished(enum run_state s) { return states[s].kind == RESULT; }

bool run_state_is_bad(enum run_state s) { return states[s].kind == BAD; }
