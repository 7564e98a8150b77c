/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_metric.c - the metric of a sweep: which way it is better, and whether the task tells it at all. See
 * sweep_private.h. */
#include <string.h>

#include "harness/sweep/sweep_private.h"

const char *sweep_metric_goal(const struct task *task, const char *name) {
    return task && !strncmp(name, "eval/", 5) ? task->metric_goal(name + 5) : NULL;
}

int sweep_check_metric(const struct task *task, const char *name, struct err *e) {
    if (sweep_metric_goal(task, name)) return 0;
    enum { MOST = 32 };
    const char *all[MOST], *near;
    char buf[MOST][48];
    struct strbuf list = {0};
    size_t n = 0;
    for (; task->metrics[n] && n < MOST; n++) {
        snprintf(buf[n], sizeof buf[n], "eval/%s", task->metrics[n]);
        all[n] = buf[n];
        strbuf_addf(&list, "%s%s", n ? ", " : "", buf[n]);
    }
    near = str_closest(name, all, n);
    err_set(e, ERR_USER, "'%.60s' is unknown%s%s%s; evaluations tell %s", name,
            near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", list.s);
    strbuf_release(&list);
    return ERR_USER;
}
