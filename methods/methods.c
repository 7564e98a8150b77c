/* methods.c - the registry: methods.def as declarations and as a table. */
#include <string.h>

#include "harness/method.h"

#define METHOD(name) extern const struct method method_##name;
#include "methods/methods.def"
#undef METHOD

#define METHOD(name) &method_##name,
const struct method *const method_list[] = {
#include "methods/methods.def"
    NULL,
};
#undef METHOD

const struct method *method_find(const char *name) {
    for (int i = 0; method_list[i]; i++)
        if (!strcmp(method_list[i]->name, name)) return method_list[i];
    return NULL;
}
