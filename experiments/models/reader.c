/* reader.c - see reader.h. */
#include "experiments/models/reader.h"

#include <stdio.h>
#include <stdlib.h>

void reader_fail(struct reader *r, const char *what, const char *key) {
    if (!r->failed) err_set(r->e, ERR_USER, "%s: %s '%s'", modelfile_path(r->f), what, key);
    r->failed = true;
}

void reader_refuse(struct reader *r, const char *key, bool when) {
    if (when) reader_fail(r, "not implemented (it would change the computation): config field", key);
}

static const json_t *find_value(const struct reader *r, const char *key) {
    const json_t *v = json_object_get(r->config, key);
    return v && json_is_null(v) ? NULL : v;
}

int reader_int(struct reader *r, const char *key, int def) {
    const json_t *v = find_value(r, key);
    if (!v) {
        if (def < 0) reader_fail(r, "the config lacks", key);
        return def;
    }
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : -1;
    if (n < 1 || n > 1 << 28) reader_fail(r, "the config has a bad value for", key);
    return (int)n;
}

double reader_num(struct reader *r, const char *key, double def) {
    const json_t *v = find_value(r, key);
    if (!v) return def;
    if (!json_is_number(v) || !(json_number_value(v) > 0))
        reader_fail(r, "the config has a bad value for", key);
    return json_number_value(v);
}

bool reader_bool(struct reader *r, const char *key, bool def) {
    const json_t *v = find_value(r, key);
    if (!v) return def;
    if (!json_is_boolean(v)) reader_fail(r, "the config has a bad value for", key);
    return json_is_true(v);
}

int reader_id(const struct reader *r, const char *key) {
    const json_t *v = json_object_get(r->config, key);
    if (json_is_array(v)) v = json_array_get(v, 0);
    return json_is_integer(v) ? (int)json_integer_value(v) : -1;
}

bool reader_has(const struct reader *r, const char *key) {
    const json_t *v = find_value(r, key);
    return v && !json_is_false(v);
}

struct param *reader_param(struct reader *r, struct net *net, const struct reader_tensor *want) {
    const struct tensor *t = modelfile_find(r->f, want->file);
    struct weight w;
    if (!t) {
        reader_fail(r, "the model is incomplete (fetch it again): it lacks the tensor", want->file);
        return NULL;
    }
    int ndim = want->rows ? 2 : 1;
    int64_t first = want->transposed ? want->cols : want->rows,
            last = want->transposed ? want->rows : want->cols;
    if (t->ndim != ndim || t->shape[ndim - 1] != last || (ndim == 2 && t->shape[0] != first)) {
        reader_fail(r,
                    "the config and the weights are of different models (fetch both again): the shapes "
                    "disagree for tensor",
                    want->file);
        return NULL;
    }
    if (tensor_weight(t, &w, r->e)) {
        r->failed = true;
        return NULL;
    }
    if (want->transposed) {
        w.rows = want->rows;
        w.cols = want->cols;
        w.transposed = true;
    }
    w.rope_heads = want->rope_heads;
    return net_base_param(net, want->name, ndim, &w);
}

json_t *reader_float(float x) {
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)x);
        if ((float)strtod(text, NULL) == x) break;
    }
    return json_real(strtod(text, NULL));
}
