/* cmd_plan_arch.c - `bench plan --arch NAME`: what fine-tuning a known architecture takes, without its
 * weights. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/paper/arch_plan.h"
#include "harness/cli/cmd.h"
#include "harness/cli/cmd_plan.h"
#include "harness/core/method.h"
#include "harness/table/table.h"
#include "harness/base/util.h"

struct options {
    const char *arch;
    const struct method *methods[64]; /* NULL-terminated; all where none is named */
    const char *sets[64];
    int nmethods, nsets;
    enum dtype weights;
    enum table_format format;
};

static int usage(int code) {
    fputs("usage: bench plan --arch NAME|CONFIG.json [--method M]... [--set KEY=VALUE]... [--weights "
          "float32|bfloat16|float16]\n",
          code ? stderr : stdout);
    fputs("`bench plan --arch list` lists the presets; `bench plan --help` says more\n",
          code ? stderr : stdout);
    return code;
}

static void print_table(const struct table *t, enum table_format f) {
    struct strbuf b = {0};
    table_write(t, f, table_terminal(), &b);
    fwrite(b.s, 1, b.len, stdout);
    strbuf_release(&b);
}

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
    if (!rc) print_table(t, f);
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
    fwrite(b.s, 1, b.len, stdout);
    strbuf_release(&b);
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
        print_table(t, o->format);
        if (o->format != TABLE_AS_CSV) print_notes(o, plans);
    }
    table_free(t);
    arch_release(&a);
    free(plans);
    return rc;
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int add_method(struct options *o, const char *name) {
    const struct method *m = method_find(name);
    if (m && !method_is_base(m) && o->nmethods < (int)ARRAY_LEN(o->methods) - 1) {
        o->methods[o->nmethods++] = m;
        return 0;
    }
    fprintf(stderr, "bench plan: '%s' is no method that trains something: bench ls methods lists them\n",
            name);
    return 2;
}

static int set_weights(struct options *o, const char *name) {
    static const struct {
        const char *name;
        enum dtype type;
    } known[] = {{"float32", DT_F32}, {"bfloat16", DT_BF16}, {"bf16", DT_BF16}, {"float16", DT_F16}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i].name, name)) return o->weights = known[i].type, 0;
    fprintf(stderr, "bench plan: --weights %s: must be float32, bfloat16 or float16\n", name);
    return 2;
}

static int parse_options(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {
        {"arch", required_argument, NULL, 'a'}, {"method", required_argument, NULL, 'm'},
        {"set", required_argument, NULL, 's'},  {"weights", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'J'},       {"csv", no_argument, NULL, 'C'},
        {"markdown", no_argument, NULL, 'M'},   {0}};
    int rc = 0;
    for (int ch; !rc && (ch = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        if (ch == 'a')
            o->arch = optarg;
        else if (ch == 'm')
            rc = add_method(o, optarg);
        else if (ch == 'w')
            rc = set_weights(o, optarg);
        else if (ch == 's' && o->nsets < (int)ARRAY_LEN(o->sets))
            o->sets[o->nsets++] = optarg;
        else if (strchr("JCM", ch))
            o->format = ch == 'J' ? TABLE_AS_JSON : ch == 'C' ? TABLE_AS_CSV : TABLE_AS_MARKDOWN;
        else
            return usage(2);
    }
    if (rc) return rc;
    if (optind < argc) return usage(2);
    bool all = !o->nmethods;
    for (int i = 0; all && !rc && method_list[i]; i++)
        if (!method_is_base(method_list[i])) rc = add_method(o, method_list[i]->name);
    return rc;
}

bool cmd_plan_wants_arch(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--arch") || !strncmp(argv[i], "--arch=", 7)) return true;
    return false;
}

int cmd_plan_arch(int argc, char **argv) {
    struct options o = {.weights = DT_F32};
    struct archs *book;
    struct err e = {0};
    int rc = parse_options(argc, argv, &o);
    if (rc) return rc;
    rc = archs_load(&book, NULL, &e);
    if (!rc) rc = arch_plan_check(o.methods, o.sets, o.nsets, &e);
    if (!rc) rc = !strcmp(o.arch, "list") ? list_archs(book, o.format, &e) : plan_arch(&o, book, &e);
    archs_free(book);
    if (!rc) return 0;
    fprintf(stderr, "bench plan: %s\n", e.msg);
    return err_exit_code(&e);
}
