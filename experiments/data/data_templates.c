/* SPDX-License-Identifier: Apache-2.0 */
/* data_templates.c - the templates of a data set, as its configuration and its source give them. See
 * data.h. */
#include "harness/core/data.h"

const char *data_template(const struct dataset *d, const char *key, int k) {
    const json_t *v = json_object_get(d->templates, key);
    if (json_is_array(v)) return json_string_value(json_array_get(v, (size_t)k));
    return k == 0 ? json_string_value(v) : NULL;
}
