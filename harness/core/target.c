/* SPDX-License-Identifier: Apache-2.0 */
/* target.c - which sites a method adapts: presets, names, globs, layer ranges.
 *
 *   spec    = pattern | [pattern, ...] | {modules: pattern or list, layers: range}
 *   range   = 7 | "4-11" | "0,4-11" | [0, "4-11"]
 *   pattern = a preset or a name or a glob (* ? [...])
 *
 * A name is compared with the site's kind (q_proj), its short name (layers.3.q_proj) and the end of its
 * module path (self_attn.q_proj), as PEFT does; a glob likewise. Presets go by the module path, not by an
 * architecture's list of names:
 *
 *   all-linear   every site but the output heads
 *   attention    below a module whose name contains "attn" or "attention"
 *   mlp          the other sites of a block (those with a layer number)
 *
 * Specs come from users: patterns are short and have few stars, so that no glob takes long. */
#include "harness/core/target.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "harness/core/net.h"
#include "harness/base/util.h"

#define MAX_PATTERN 128
#define MAX_STARS   4

static const char *const presets[] = {"all-linear", "attention", "mlp"};

/* ---- layer ranges -------------------------------------------------------------------------------------- */

/* "0,4-11": calls mark for each range; false when malformed. */
static bool each_range(const char *s, bool *set) {
    do {
        char *end;
        if (*s < '0' || *s > '9') return false;
        long a = strtol(s, &end, 10), b = a;
        if (*end == '-') {
            s = end + 1;
            if (*s < '0' || *s > '9') return false;
            b = strtol(s, &end, 10);
        }
        if (a > b || b > TARGET_MAX_LAYER) return false;
        for (long i = a; set && i <= b; i++) set[i] = true;
        s = end;
        if (!*s) return true;
        if (*s++ != ',') return false;
        while (*s == ' ') s++;
    } while (true);
}

/* One item of "layers": a number or a text. */
static bool layer_item(const json_t *v, bool *set) {
    if (json_is_string(v)) return each_range(json_string_value(v), set);
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > TARGET_MAX_LAYER)
        return false;
    if (set) set[json_integer_value(v)] = true;
    return true;
}

static bool layers_read(const json_t *v, bool *set) {
    if (!json_is_array(v)) return layer_item(v, set);
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!layer_item(json_array_get(v, i), set)) return false;
    return json_array_size(v) > 0;
}

static char *layers_text(const json_t *v) {
    bool *set = xcalloc(TARGET_MAX_LAYER + 2, sizeof *set);
    struct strbuf out = {0};
    layers_read(v, set);
    for (int a = 0; a <= TARGET_MAX_LAYER; a++) {
        if (!set[a]) continue;
        int b = a;
        while (set[b + 1]) b++;
        strbuf_addf(&out, b > a ? "%s%d-%d" : "%s%d", out.len ? "," : "", a, b);
        a = b;
    }
    free(set);
    return strbuf_detach(&out);
}

static bool layers_have(const json_t *v, int layer) {
    if (!v || json_is_null(v)) return true;
    if (layer < 0 || layer > TARGET_MAX_LAYER) return false;
    bool *set = xcalloc(TARGET_MAX_LAYER + 2, sizeof *set);
    bool yes = layers_read(v, set) && set[layer];
    free(set);
    return yes;
}

/* ---- matching ------------------------------------------------------------------------------------------ */

/* The layers that turn hidden states into an answer. They train whole or not at all. */
static bool is_head(const char *kind) {
    static const char *const heads[] = {"lm_head", "embed_out", "score", "classifier", "qa_outputs", "head"};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (!strcmp(kind, heads[i])) return true;
    return false;
}

static bool in_attention(const char *module) { return strstr(module, "attn") || strstr(module, "attention"); }

static bool pattern_match(const char *p, const char *name, const char *module, const char *kind, int layer) {
    if (!strcmp(p, "all-linear")) return !is_head(kind);
    if (!strcmp(p, "attention")) return !is_head(kind) && in_attention(module);
    if (!strcmp(p, "mlp")) return !is_head(kind) && layer >= 0 && !in_attention(module);
    if (!fnmatch(p, kind, 0) || !fnmatch(p, name, 0)) return true;
    for (const char *s = module; s; s = strchr(s, '.') ? strchr(s, '.') + 1 : NULL)
        if (!fnmatch(p, s, 0)) return true;
    return false;
}

bool target_match(const json_t *spec, const char *name, const char *module, const char *kind, int layer) {
    if (json_is_object(spec))
        return layers_have(json_object_get(spec, "layers"), layer) &&
               target_match(json_object_get(spec, "modules"), name, module, kind, layer);
    if (json_is_string(spec)) return pattern_match(json_string_value(spec), name, module, kind, layer);
    for (size_t i = 0; i < json_array_size(spec); i++)
        if (target_match(json_array_get(spec, i), name, module, kind, layer)) return true;
    return false;
}

/* ---- checking ------------------------------------------------------------------------------------------ */

static int check_pattern(const json_t *v, struct err *e) {
    const char *p = json_string_value(v);
    if (!p || !*p)
        return err_set(
            e, ERR_USER,
            "target_modules: must be all-linear, attention, mlp, a name or glob, a list of those, or "
            "{modules: ..., layers: 4-11}");
    int stars = 0;
    for (const char *s = p; *s; s++) stars += *s == '*';
    if (strlen(p) > MAX_PATTERN || stars > MAX_STARS)
        return err_set(e, ERR_USER, "target_modules: '%.40s': a pattern has at most %d bytes and %d stars", p,
                       MAX_PATTERN, MAX_STARS);
    for (size_t i = 0; i < 2; i++) /* "mlp" is too short to tell a slip from a name */
        if (strcmp(p, presets[i]) && str_distance(p, presets[i]) <= 2)
            return err_set(e, ERR_USER, "target_modules: '%.40s' is unknown (did you mean '%s'?)", p,
                           presets[i]);
    return 0;
}

static int check_patterns(const json_t *v, struct err *e) {
    if (!json_is_array(v)) return check_pattern(v, e);
    if (!json_array_size(v))
        return err_set(e, ERR_USER, "target_modules: the list is empty (method: none adapts nothing)");
    for (size_t i = 0; i < json_array_size(v); i++) {
        int rc = check_pattern(json_array_get(v, i), e);
        if (rc) return rc;
    }
    return 0;
}

int target_check(const json_t *spec, struct err *e) {
    if (!json_is_object(spec)) return check_patterns(spec, e);
    static const char *const keys[] = {"modules", "layers"};
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)spec, key, v) {
        if (!strcmp(key, keys[0]) || !strcmp(key, keys[1])) continue;
        const char *near = str_closest(key, keys, 2);
        return err_set(e, ERR_USER, "target_modules: unknown key '%.40s' (%s%s%s)", key,
                       near ? "did you mean '" : "modules and layers are known", near ? near : "",
                       near ? "'?" : "");
    }
    json_t *layers = json_object_get(spec, "layers");
    if (layers && !json_is_null(layers) && !layers_read(layers, NULL))
        return err_set(
            e, ERR_USER,
            "target_modules: layers must be numbers from 0 or ranges: 7, \"4-11\", \"0,4-11\" or [0, 1]");
    json_t *modules = json_object_get(spec, "modules");
    if (!modules)
        return err_set(e, ERR_USER,
                       "target_modules: {layers: ...} needs modules as well (modules: all-linear)");
    return check_patterns(modules, e);
}

/* ---- canonical form, display --------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static json_t *normal_patterns(const json_t *spec) {
    if (!json_is_array(spec)) return json_deep_copy(spec);
    size_t n = json_array_size(spec), kept = 0;
    json_t **v = xcalloc(n + 1, sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = json_array_get(spec, i);
    qsort(v, n, sizeof *v, by_text);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        if (!i || by_text(&v[i - 1], &v[i])) kept++, json_array_append_new(list, json_deep_copy(v[i]));
    free(v);
    if (kept != 1) return list;
    json_t *one = json_incref(json_array_get(list, 0));
    json_decref(list);
    return one;
}

json_t *target_normal(const json_t *spec) {
    if (!json_is_object(spec)) return normal_patterns(spec);
    json_t *layers = json_object_get(spec, "layers"),
           *modules = normal_patterns(json_object_get(spec, "modules"));
    if (!layers || json_is_null(layers)) return modules;
    char *text = layers_text(layers);
    json_t *o = json_pack("{s:o,s:s}", "modules", modules, "layers", text);
    free(text);
    return o;
}

char *target_name(const json_t *spec) {
    struct strbuf out = {0};
    if (json_is_object(spec)) {
        json_t *layers = json_object_get(spec, "layers");
        char *inner = target_name(json_object_get(spec, "modules"));
        char *text = layers && !json_is_null(layers) ? layers_text(layers) : NULL;
        strbuf_adds(&out, inner);
        if (text) strbuf_addf(&out, "[%s]", text);
        free(inner);
        free(text);
    } else if (json_is_string(spec)) {
        strbuf_adds(&out, json_string_value(spec));
    } else {
        for (size_t i = 0; i < json_array_size(spec); i++) {
            const char *s = json_string_value(json_array_get(spec, i));
            strbuf_addf(&out, "%s%s", i ? "," : "", s ? s : "?");
        }
    }
    return strbuf_detach(&out);
}
