/* SPDX-License-Identifier: Apache-2.0 */
/* methods.c - the registry: methods.def as declarations and as a table. */
#include <string.h>

#include "harness/core/method.h"

#define METHOD(name) extern const struct method method_##name;
#include "methods/methods.def"
#undef METHOD

#define METHOD(name) &method_##name,
const struct method *const method_list[] = {
#include "methods/methods.def"
    NULL,
};
#undef METHOD

int method_order(const char *name) {
    int i = 0;
    while (method_list[i] && strcmp(method_list[i]->name, name)) i++;
    return i;
}

const struct method *method_find(const char *name) { return method_list[method_order(name)]; }

const struct method *method_base(void) {
    const struct method *const *m = method_list;
    while (*m && !method_is_base(*m)) m++;
    BUG_ON(!*m, "%d methods, of which none is the base", (int)(m - method_list));
    return *m;
}

bool method_is_base(const struct method *m) { return (m->flags & METHOD_NO_SITES) && !m->select; }
