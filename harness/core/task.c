/* SPDX-License-Identifier: Apache-2.0 */
/* task.c - the names of the splits. See task.h; the registry of tasks is experiments/tasks/tasks.c. */
#include "harness/core/task.h"

const char *split_name(enum split s) {
    static const char *const names[SPLIT_COUNT] = {"train", "eval", "test"};
    BUG_ON((unsigned)s >= SPLIT_COUNT, "split=%d", (int)s);
    return names[s];
}
