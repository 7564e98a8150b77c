/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plan_arch.c - `bench plan --arch NAME`: what fine-tuning a known architecture takes, without its
 * weights. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/paper/arch_plan.h"
#include "harness/cli/command.h"
#include "harness/cli/cmd_plan.h"
#include "harness/core/method.h"
#include "harness/table/table.h"
#include "harness/base/util.h"

struct options {
    const char *arch;
    const struct method *methods[64]; /* NULL-terminated; all where none is named */
    const char **sets;
    int nmethods, nsets;
    enum dtype weights;
    enum table_format format;
};

/* ---- the list of presets ------------------------------------------------------------------------------- */

static int list_archs(const struct archs *book, enum table_format f, struct err *e) {
    struct table *t = table_new();
    int rc = 0;
    table_column(t, "name", "architecture", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "params", "parameters", TABLE_COUNT, TABLE_BOTH);
    table_column(t, "sites", "adaptable layers", TABLE_PLAIN, TABLE_BOTH);
    table_column(t, "source", "shapes from", TABLE_WHOLE, TABLE_BOTH);
    for (int i = 0; !rc && i < archs_count(book); i++) {
        struct arch a;
        struct net net = {0};
        rc = arch_open(&a, book, archs_name(book, i), NULL, e);
        if (!rc) rc = arch_outline(&a, NULL, &net, e);
        table_text(t, archs_name(book, i));
        table_int(t, (int64_t)arch_params(&net));
        table_int(t, net.nsites);
        table_text(t, archs_source(book, i));
        arch_outline_release(&net);
        arch_release(&a);
    }
    if (!rc) command_print_table(t, f);
    table_free(t);
    return rc;
}

/* ---- one architecture ---------------------------------------------------------------------------------- */

static struct table *new_table(void) {
    static const struct {
        enum mem_cat cat;
        const char *title;
    } shown[] = {{MEM_BASE, "frozen"},
                 {MEM_PARAM, "trained"},
                 {MEM_FIXED, "method's frozen"},
                 {MEM_GRAD, "gradients"},
                 {MEM_OPT, "optimizer"}};
    struct table *t = table_new();
    table_column(t, "method", "method", TABLE_WHOLE, TABLE_BOTH);
    table_column(t, "trainable", "trained", TABLE_COUNT, TABLE_BOTH);
    table_column(t, "trainable_fraction", "share", TABLE_PERCENT, TABLE_BOTH);
    table_column(t, "stored", "stored", TABLE_COUNT, TABLE_DATA);
    table_column(t, "checkpoint_bytes", "checkpoint", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "checkpoint_bytes_min", "at least", TABLE_BYTES, TABLE_BOTH);
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        char *key = xasprintf("%s_bytes", mem_cat_name(shown[i].cat));
        table_column(t, key, shown[i].title, TABLE_BYTES, TABLE_BOTH);
        free(key);
    }
    table_column(t, "act_bytes", "activations", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "scratch_bytes", "scratch", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "total_bytes", "total", TABLE_BYTES, TABLE_BOTH);
    table_column(t, "problem", "problem", TABLE_WHOLE, TABLE_DATA);
    return t;
}

static void add_bytes(struct table *t, size_t bytes, bool known) {
    if (known)
        table_int(t, (int64_t)bytes);
    else
        table_null(t);
}

static void add_row(struct table *t, const struct arch_plan *p) {
    static const enum mem_cat cats[] = {MEM_BASE, MEM_PARAM, MEM_FIXED, MEM_GRAD, MEM_OPT};
    bool ok = !*p->problem;
    table_text(t, p->method->name);
    add_bytes(t, p->trainable, ok);
    if (ok)
        table_num(t, (double)p->trainable / (double)p->params);
    else
        table_null(t);
    add_bytes(t, p->stored, ok);
    add_bytes(t, p->checkpoint_bytes, ok && p->checkpoint_bytes);
    add_bytes(t, p->checkpoint_bytes_min, ok && p->checkpoint_bytes);
    for (size_t i = 0; i < ARRAY_LEN(cats); i++) add_bytes(t, p->mem[cats[i]], ok);
    add_bytes(t, p->mem[MEM_ACT], ok && p->activations);
    add_bytes(t, p->mem[MEM_SCRATCH], ok && p->activations);
    add_bytes(t, p->total, ok);
    table_text(t, ok ? NULL : p->problem);
}

static void print_json(const struct options *o, const struct arch_plan *last, const struct table *t) {
    struct strbuf b = {0};
    json_t *j = json_object();
    json_object_set_new(j, "architecture", json_string(o->arch));
    json_object_set_new(j, "params", json_integer((json_int_t)last->params));
    json_object_set_new(j, "weights", json_string(dtype_name(o->weights)));
    json_object_set_new(j, "activations", json_boolean(last->activations));
    json_object_set_new(j, "methods", table_json(t));
    table_json_write(j, &b);
    command_print(&b);
    json_decref(j);
}

static void print_notes(const struct options *o, const struct arch_plan *plans) {
    char text[TABLE_FORMAT_MAX];
    bool act = false;
    for (int i = 0; i < o->nmethods; i++) act |= plans[i].activations;
    table_format_num(text, TABLE_COUNT, (double)plans[0].params);
    printf(
        "\n%s: %s parameters. Frozen matrices in %s; what trains, gradients and Adam's moments in float32.\n",
        o->arch, text, dtype_name(o->weights));
    if (act)
        printf("Activations: of one micro-batch of train.batch_size rows of train.max_length tokens (--set), "
               "without a task's own (logits, labels).\n");
    else
        printf("Activations are not counted: %s\n", *plans[0].unknown ? plans[0].unknown : "no method fits");
    for (int i = 0; i < o->nmethods; i++)
        if (*plans[i].problem) printf("%s: %s\n", plans[i].method->name, plans[i].problem);
}

static int plan_arch(const struct options *o, const struct archs *book, struct err *e) {
    struct arch a;
    struct arch_plan *plans = xcalloc((size_t)o->nmethods + 1, sizeof *plans);
    struct table *t = new_table();
    int rc = arch_open(&a, book, o->arch, NULL, e);
    for (int i = 0; !rc && i < o->nmethods; i++) {
        rc = arch_plan_make(&plans[i], &a, o->weights, o->methods[i], o->sets, o->nsets, e);
        if (!rc) add_row(t, &plans[i]);
    }
    if (!rc && o->format == TABLE_AS_JSON) {
        print_json(o, &plans[0], t);
    } else if (!rc) {
        command_print_table(t, o->format);
        if (o->format != TABLE_AS_CSV) print_notes(o, plans);
    }
    table_free(t);
    arch_release(&a);
    free(plans);
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int add_method(struct options *o, const char *name, struct err *e) {
    const struct method *m = method_find(name);
    if (!m || method_is_base(m))
        return err_set(e, ERR_USER,
                       "--method: '%.60s' is no method that trains something: bench ls methods lists them",
                       name);
    if (o->nmethods >= (int)ARRAY_LEN(o->methods) - 1)
        return err_set(e, ERR_USER, "--method: %d of them at most", o->nmethods);
    o->methods[o->nmethods++] = m;
    return 0;
}

/* One of the words of --weights. */
static enum dtype weights_type(const char *word) {
    if (!word || !strcmp(word, "float32")) return DT_F32;
    return strcmp(word, "float16") ? DT_BF16 : DT_F16;
}

int cmd_plan_arch(const struct cmd_plan_arch *a, const struct option_list *sets, enum table_format format,
                  struct err *e) {
    struct options o = {.arch = a->arch,
                        .sets = sets->v,
                        .nsets = sets->n,
                        .weights = weights_type(a->weights),
                        .format = format};
    struct archs *book = NULL;
    int rc = 0;
    for (int i = 0; !rc && i < a->methods.n; i++) rc = add_method(&o, a->methods.v[i], e);
    for (int i = 0; !a->methods.n && !rc && method_list[i]; i++)
        if (!method_is_base(method_list[i])) rc = add_method(&o, method_list[i]->name, e);
    if (!rc) rc = archs_load(&book, NULL, e);
    if (!rc) rc = arch_plan_check(o.methods, o.sets, o.nsets, e);
    if (!rc) rc = !strcmp(o.arch, "list") ? list_archs(book, o.format, e) : plan_arch(&o, book, e);
    archs_free(book);
    return rc;
}
