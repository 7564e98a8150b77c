/* SPDX-License-Identifier: Apache-2.0 */
/* jsonfile.c - see jsonfile.h. */
#include "harness/nn/format/jsonfile.h"

#include "harness/base/util.h"

#define JSON_LIMIT ((size_t)16 << 20) /* bytes of config.json and of an index; real ones stay below 2 MB */

json_t *jsonfile_object(const char *path, size_t flags, struct err *e) {
    struct strbuf b = {0};
    if (file_read(path, JSON_LIMIT, &b, e) < 0) {
        strbuf_release(&b);
        return NULL;
    }
    json_error_t je;
    json_t *j = json_loadb(b.s ? b.s : "", b.len, flags, &je);
    strbuf_release(&b);
    if (!j) {
        err_set(e, ERR_USER, "%s:%d: not valid JSON: %s: the file is damaged or cut off, fetch it again",
                path, je.line, je.text);
    } else if (!json_is_object(j)) {
        err_set(e, ERR_USER, "%s: holds no JSON object", path);
        json_decref(j);
        j = NULL;
    }
    return j;
}
