/* SPDX-License-Identifier: Apache-2.0 */
/* sweep_fixture.h - sweep files in a temporary folder, loaded with made-up models and data: for test_sweep.c
 * and test_sweep_grid.c.
 *
 * The group's setup changes into that folder, so that messages read "s.yaml:12: ...". */
#ifndef BENCH_TESTS_SWEEP_FIXTURE_H
#define BENCH_TESTS_SWEEP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "harness/config/cfg.h"
#include "harness/core/net.h"
#include "harness/sweep/sweep.h"
#include "harness/base/util.h"

static char fixture_root[4096], fixture_dir[64];

static char *fake_model_path(const char *name, struct err *e) {
    if (strstr(name, "missing")) {
        err_set(e, ERR_RESOURCE, "model '%s' is not there: run `bench pull %s`", name, name);
        return NULL;
    }
    return name[0] == '/' ? xstrdup(name) : xasprintf("/models/%s", name);
}

/* By the last part of the path: two paths to one model have one digest. */
static int fake_model_digest(const char *path, char out[65], struct err *e) {
    (void)e;
    const char *slash = strrchr(path, '/');
    sha256_hex(slash + 1, strlen(slash + 1), out);
    return 0;
}

/* By content, as the real one. */
static int fake_data_digest(const json_t *data, json_t *remarks, char out[65], struct err *e) {
    (void)remarks;
    static const char *const keys[] = {"name", "train", "eval", "test"};
    struct strbuf b = {0};
    for (int i = 0; i < 4; i++) {
        const char *s = cfg_str(data, keys[i]);
        char one[65] = "-";
        if (s && i == 0 && strcmp(s, "glosses") && strcmp(s, "smoke"))
            return err_set(e, ERR_USER, "unknown data set '%s' (did you mean 'glosses'?)", s);
        if (s && i > 0) assert_int_equal(sha256_file(s, one, e), 0);
        strbuf_addf(&b, "%s=%s;", keys[i], i ? one : s ? s : "-");
    }
    sha256_hex(b.s, b.len, out);
    strbuf_release(&b);
    return 0;
}

/* Two layers, 24 -> 24 and 24 -> 8, whatever is asked for: LoRA trains 80 numbers per rank. */
static int fake_sites(const char *path, const json_t *config, struct site_shape **ret, int *n,
                      struct err *e) {
    const char *target = cfg_str(config, "target_modules");
    if (target && !strcmp(target, "nothing"))
        return err_set(e, ERR_USER, "target_modules: 'nothing' matches no layer of %s", path);
    *ret = xcalloc(2, sizeof **ret);
    (*ret)[0] = (struct site_shape){.d_in = 24, .d_out = 24};
    (*ret)[1] = (struct site_shape){.d_in = 24, .d_out = 8};
    *n = 2;
    return 0;
}

static const struct sweep_lookup fake_lookup = {
    fake_model_path, fake_model_digest, fake_data_digest, fake_sites, NULL, NULL};

static void put_file(const char *name, const char *text) {
    struct err e = {0};
    if (file_write(name, text, strlen(text), &e)) fail_msg("%s", e.msg);
}

static int fixture_setup(void **state) {
    (void)state;
    if (!getcwd(fixture_root, sizeof fixture_root)) return -1;
    strcpy(fixture_dir, "/tmp/test_sweep.XXXXXX");
    if (!mkdtemp(fixture_dir) || chdir(fixture_dir)) return -1;
    put_file("a.jsonl", "{\"q\": 1, \"a\": 2}\n");
    put_file("b.jsonl", "{\"q\": 3, \"a\": 4}\n");
    return 0;
}

static int fixture_teardown(void **state) {
    (void)state;
    char *cmd = xasprintf("rm -rf '%s'", fixture_dir);
    int rc = chdir(fixture_root) | system(cmd);
    free(cmd);
    return rc;
}

static inline struct sweep *load_set(const char *yaml, const char *const *sets, int n) {
    struct err e = {0};
    struct sweep *s;
    put_file("s.yaml", yaml);
    if (sweep_load(&s, "s.yaml", sets, n, &fake_lookup, &e)) fail_msg("%s", e.msg);
    return s;
}

static inline struct sweep *load(const char *yaml) { return load_set(yaml, NULL, 0); }

/* The whole message when `whole`, else a part of it. */
static inline void mistake_set(const char *yaml, const char *set, int code, const char *message, int whole) {
    struct err e = {0};
    struct sweep *s;
    put_file("s.yaml", yaml);
    assert_int_equal(sweep_load(&s, "s.yaml", &set, set != NULL, &fake_lookup, &e), code);
    assert_null(s);
    assert_int_equal(e.code, code);
    if (whole ? strcmp(e.msg, message) != 0 : !strstr(e.msg, message))
        fail_msg("expected '%s'\nin '%s'", message, e.msg);
}

static inline void mistake(const char *yaml, const char *message) {
    mistake_set(yaml, NULL, ERR_USER, message, 1);
}

#define BASE                                                                                                 \
    "base:\n"                                                                                                \
    "  model: tiny\n"                                                                                        \
    "  task: lm\n"                                                                                           \
    "  data: {name: glosses}\n"

#endif
