/* SPDX-License-Identifier: Apache-2.0 */
/* tasks.c - the registry of tasks. */
#include <string.h>

#include "harness/core/task.h"

#define TASK(name) extern const struct task task_##name;
#include "experiments/tasks/tasks.def"
#undef TASK

#define TASK(name) &task_##name,
const struct task *const task_list[] = {
#include "experiments/tasks/tasks.def"
    NULL,
};
#undef TASK

const struct task *task_find(const char *name) {
    for (int i = 0; task_list[i]; i++)
        if (!strcmp(task_list[i]->name, name)) return task_list[i];
    return NULL;
}
