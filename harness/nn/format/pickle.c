/* SPDX-License-Identifier: Apache-2.0 */
/* pickle.c - see pickle.h. Every node is in one list, so that what a pickle shares or ties into a ring is
 * freed once. */
#include "harness/nn/format/pickle.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/util.h"

/* What may be named. Calls first; then the types of storages, of which only some can be read. */
enum pickle_class { CALL_ORDERED_DICT, CALL_TENSOR, CALL_PARAMETER, CLASS_STORAGE };
static const struct {
    const char *module, *name;
    enum pickle_class class;
    enum pickle_dtype dtype;
} classes[] = {
    {"collections", "OrderedDict", CALL_ORDERED_DICT, 0},
    {"torch._utils", "_rebuild_tensor_v2", CALL_TENSOR, 0},
    {"torch._utils", "_rebuild_parameter", CALL_PARAMETER, 0},
    {"torch", "FloatStorage", CLASS_STORAGE, PICKLE_F32},
    {"torch", "HalfStorage", CLASS_STORAGE, PICKLE_F16},
    {"torch", "BFloat16Storage", CLASS_STORAGE, PICKLE_BF16},
    {"torch", "DoubleStorage", CLASS_STORAGE, PICKLE_F64},
    {"torch", "LongStorage", CLASS_STORAGE, PICKLE_OTHER_DTYPE},
    {"torch", "IntStorage", CLASS_STORAGE, PICKLE_OTHER_DTYPE},
    {"torch", "ShortStorage", CLASS_STORAGE, PICKLE_OTHER_DTYPE},
    {"torch", "CharStorage", CLASS_STORAGE, PICKLE_OTHER_DTYPE},
    {"torch", "ByteStorage", CLASS_STORAGE, PICKLE_OTHER_DTYPE},
    {"torch", "BoolStorage", CLASS_STORAGE, PICKLE_OTHER_DTYPE},
};

struct pickle {
    struct pickle_node **all, **stack, **memo;
    int nall, all_cap, nstack, stack_cap, nmemo, memo_cap;
    int *marks;
    int nmarks, marks_cap;
    const uint8_t *p, *end;
    struct err *e;
    bool failed;
};

/* ---- helpers ------------------------------------------------------------------------------------------- */

static void pickle_fail(struct pickle *p, const char *what) {
    if (!p->failed) err_set(p->e, ERR_USER, "the pickle is damaged or of another kind: %s", what);
    p->failed = true;
}

static struct pickle_node *new_node(struct pickle *p, enum pickle_type type) {
    struct pickle_node *x = xcalloc(1, sizeof *x);
    x->type = type;
    GROW(p->all, p->nall, p->all_cap);
    return p->all[p->nall++] = x;
}

static void push_node(struct pickle *p, struct pickle_node *x) {
    GROW(p->stack, p->nstack, p->stack_cap);
    p->stack[p->nstack++] = x;
}

static int floor_of(const struct pickle *p) { return p->nmarks ? p->marks[p->nmarks - 1] : 0; }

/* The topmost object above the last mark; an empty one, and the failure noted, where there is none. */
static struct pickle_node *pop_node(struct pickle *p) {
    if (p->nstack > floor_of(p)) return p->stack[--p->nstack];
    pickle_fail(p, "it takes from an empty stack");
    return new_node(p, PICKLE_NONE);
}

static struct pickle_node *top_node(struct pickle *p) {
    struct pickle_node *x = pop_node(p);
    push_node(p, x);
    return x;
}

static void append_items(struct pickle_node *to, struct pickle_node *x) {
    GROW(to->v, to->nv, to->cap);
    to->v[to->nv++] = x;
}

/* n bytes of the program, NULL past its end. */
static const uint8_t *take_bytes(struct pickle *p, uint64_t n) {
    const uint8_t *at = p->p;
    if (n > (uint64_t)(p->end - p->p)) {
        pickle_fail(p, "it is cut off");
        return NULL;
    }
    p->p += n;
    return at;
}

/* A little-endian number of `bytes` bytes. */
static uint64_t take_number(struct pickle *p, int bytes) {
    const uint8_t *at = take_bytes(p, (uint64_t)bytes);
    uint64_t v = 0;
    if (at) memcpy(&v, at, (size_t)bytes);
    return v;
}

static void push_int(struct pickle *p, int64_t i) {
    struct pickle_node *x = new_node(p, PICKLE_INT);
    x->i = i;
    push_node(p, x);
}

/* LONG1: little-endian two's complement. */
static void push_long(struct pickle *p) {
    uint64_t n = take_number(p, 1), v = 0;
    const uint8_t *at = take_bytes(p, n);
    if (n > 8) pickle_fail(p, "a number of more than 64 bits");
    if (p->failed || !at) return;
    memcpy(&v, at, (size_t)n);
    if (n && n < 8 && at[n - 1] & 0x80) v |= ~(uint64_t)0 << (8 * n);
    push_int(p, (int64_t)v);
}

static void push_str(struct pickle *p, uint64_t n) {
    const uint8_t *at = take_bytes(p, n);
    struct pickle_node *x = new_node(p, PICKLE_STR);
    if (!at) return;
    x->s = (const char *)at;
    x->n = (size_t)n;
    push_node(p, x);
}

/* ---- collections --------------------------------------------------------------------------------------- */

/* What stands above the last mark goes to the end of `to`; the mark is gone. */
static void gather_tuple(struct pickle *p, struct pickle_node *to) {
    int from = floor_of(p);
    for (int i = from; i < p->nstack; i++) append_items(to, p->stack[i]);
    p->nstack = from;
    p->nmarks--;
}

static void push_tuple(struct pickle *p, int n) {
    struct pickle_node *x = new_node(p, PICKLE_SEQ), *part[3] = {0};
    for (int i = n - 1; i >= 0; i--) part[i] = pop_node(p);
    for (int i = 0; i < n; i++) append_items(x, part[i]);
    push_node(p, x);
}

/* TUPLE, APPENDS, SETITEMS, POP_MARK: up to the mark. */
static void from_mark(struct pickle *p, uint8_t op) {
    struct pickle_node *items = new_node(p, PICKLE_SEQ);
    if (!p->nmarks) return pickle_fail(p, "it goes back to a mark that is not there");
    gather_tuple(p, items);
    if (op == '1') return;
    if (op == 't') return push_node(p, items);
    struct pickle_node *to = top_node(p);
    if (to->type != (op == 'e' ? PICKLE_SEQ : PICKLE_DICT) || (op == 'u' && items->nv % 2))
        return pickle_fail(p, "it adds to what is no collection");
    for (int i = 0; i < items->nv; i++) append_items(to, items->v[i]);
}

static void set_item(struct pickle *p) {
    struct pickle_node *value = pop_node(p), *key = pop_node(p), *to = top_node(p);
    if (to->type != PICKLE_DICT) return pickle_fail(p, "it adds to what is no dictionary");
    append_items(to, key);
    append_items(to, value);
}

static void append_one(struct pickle *p) {
    struct pickle_node *x = pop_node(p), *to = top_node(p);
    if (to->type != PICKLE_SEQ) return pickle_fail(p, "it adds to what is no list");
    append_items(to, x);
}

/* ---- memo ---------------------------------------------------------------------------------------------- */

/* Pickles number what they remember in turn, so that a large number is a lie. */
static void put_memo(struct pickle *p, uint64_t at) {
    struct pickle_node *x = top_node(p);
    if (at > (uint64_t)p->nmemo) return pickle_fail(p, "its memory has gaps");
    if (at == (uint64_t)p->nmemo) {
        GROW(p->memo, p->nmemo, p->memo_cap);
        p->nmemo++;
    }
    p->memo[at] = x;
}

static void get_memo(struct pickle *p, uint64_t at) {
    if (at >= (uint64_t)p->nmemo) return pickle_fail(p, "it recalls what it has not remembered");
    push_node(p, p->memo[at]);
}

/* ---- names and calls ----------------------------------------------------------------------------------- */

static bool equals_text(const char *name, const char *s, size_t n) {
    return strlen(name) == n && !memcmp(name, s, n);
}

static void push_class(struct pickle *p, const char *module, size_t nm, const char *name, size_t nn) {
    struct pickle_node *x = new_node(p, PICKLE_CLASS);
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (!equals_text(classes[i].module, module, nm) || !equals_text(classes[i].name, name, nn)) continue;
        x->i = classes[i].class;
        x->dtype = classes[i].dtype;
        return push_node(p, x);
    }
    if (!p->failed)
        err_set(p->e, ERR_USER,
                "it asks for %.*s.%.*s, which a checkpoint of tensors has no use for: refused, and nothing "
                "of it was executed (save "
                "the state dict alone)",
                (int)MIN_OF(nm, 80), module, (int)MIN_OF(nn, 80), name);
    p->failed = true;
}

/* GLOBAL: "module\nname\n". */
static void push_global(struct pickle *p) {
    const uint8_t *module = p->p, *a = memchr(p->p, '\n', (size_t)(p->end - p->p));
    const uint8_t *b = a ? memchr(a + 1, '\n', (size_t)(p->end - a - 1)) : NULL;
    if (!b) return pickle_fail(p, "it is cut off");
    p->p = b + 1;
    push_class(p, (const char *)module, (size_t)(a - module), (const char *)a + 1, (size_t)(b - a - 1));
}

static void stack_global(struct pickle *p) {
    const struct pickle_node *name = pop_node(p), *module = pop_node(p);
    if (name->type != PICKLE_STR || module->type != PICKLE_STR)
        return pickle_fail(p, "a name that is no text");
    push_class(p, module->s, module->n, name->s, name->n);
}

static bool all_ints(const struct pickle_node *x) {
    if (x->type != PICKLE_SEQ) return false;
    for (int i = 0; i < x->nv; i++)
        if (x->v[i]->type != PICKLE_INT) return false;
    return true;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, ...) */
static void make_tensor(struct pickle *p, const struct pickle_node *args) {
    struct pickle_node *x = new_node(p, PICKLE_TENSOR), **a = args->v;
    if (args->nv < 4 || a[0]->type != PICKLE_STORAGE || a[1]->type != PICKLE_INT || !all_ints(a[2]) ||
        !all_ints(a[3]) || a[2]->nv != a[3]->nv)
        return pickle_fail(p, "a tensor without storage, size and strides");
    append_items(x, a[0]);
    append_items(x, a[2]);
    append_items(x, a[3]);
    x->i = a[1]->i;
    push_node(p, x);
}

static void reduce_call(struct pickle *p) {
    const struct pickle_node *args = pop_node(p), *f = pop_node(p);
    if (f->type != PICKLE_CLASS || args->type != PICKLE_SEQ)
        return pickle_fail(p, "it calls what is no function");
    if (f->i == CALL_TENSOR) return make_tensor(p, args);
    if (f->i == CALL_ORDERED_DICT && !args->nv) return push_node(p, new_node(p, PICKLE_DICT));
    if (f->i == CALL_PARAMETER && args->nv && args->v[0]->type == PICKLE_TENSOR)
        return push_node(p, args->v[0]);
    pickle_fail(p, "a call with arguments that it does not take");
}

/* A persistent id: ("storage", type, key, place, elements, ...) */
static void make_storage(struct pickle *p) {
    const struct pickle_node *id = pop_node(p);
    struct pickle_node *x = new_node(p, PICKLE_STORAGE);
    bool ok = id->type == PICKLE_SEQ && id->nv >= 5 && id->v[0]->type == PICKLE_STR &&
              equals_text("storage", id->v[0]->s, id->v[0]->n) && id->v[1]->type == PICKLE_CLASS &&
              id->v[1]->i == CLASS_STORAGE && id->v[2]->type == PICKLE_STR && id->v[4]->type == PICKLE_INT;
    if (!ok) return pickle_fail(p, "a reference that is no storage");
    x->s = id->v[2]->s;
    x->n = id->v[2]->n;
    x->i = id->v[4]->i;
    x->dtype = id->v[1]->dtype;
    push_node(p, x);
}

/* The state of an OrderedDict is where torch notes its versions: nothing of it is wanted. */
static void build_object(struct pickle *p) {
    pop_node(p);
    if (top_node(p)->type != PICKLE_DICT) pickle_fail(p, "it sets the state of an object");
}

/* ---- the machine --------------------------------------------------------------------------------------- */

/* Opcodes that push a number, a text, a mark or something empty. */
static bool push_scalar(struct pickle *p, uint8_t op) {
    switch (op) {
    case 0x80: /* PROTO */
        if (take_number(p, 1) > 5) pickle_fail(p, "a protocol above 5");
        break;
    case 0x95: /* FRAME */
        take_number(p, 8);
        break;
    case '(':
        GROW(p->marks, p->nmarks, p->marks_cap);
        p->marks[p->nmarks++] = p->nstack;
        break;
    case 'N':
        push_node(p, new_node(p, PICKLE_NONE));
        break;
    case 0x88:
    case 0x89:
        push_int(p, op == 0x88);
        break;
    case 'J':
        push_int(p, (int32_t)take_number(p, 4));
        break;
    case 'K':
        push_int(p, (int64_t)take_number(p, 1));
        break;
    case 'M':
        push_int(p, (int64_t)take_number(p, 2));
        break;
    case 0x8a:
        push_long(p);
        break;
    case 'G':
        take_number(p, 8);
        push_node(p, new_node(p, PICKLE_FLOAT));
        break;
    case 'X':
        push_str(p, take_number(p, 4));
        break;
    case 0x8c:
        push_str(p, take_number(p, 1));
        break;
    case 0x8d:
        push_str(p, take_number(p, 8));
        break;
    case ')':
    case ']':
        push_node(p, new_node(p, PICKLE_SEQ));
        break;
    case '}':
        push_node(p, new_node(p, PICKLE_DICT));
        break;
    default:
        return false;
    }
    return true;
}

/* Opcodes that build something out of what stands on the stack or in the memo. */
static bool build_from_stack(struct pickle *p, uint8_t op) {
    switch (op) {
    case 0x85:
    case 0x86:
    case 0x87:
        push_tuple(p, op - 0x84);
        break;
    case 't':
    case 'e':
    case 'u':
    case '1':
        from_mark(p, op);
        break;
    case 's':
        set_item(p);
        break;
    case 'a':
        append_one(p);
        break;
    case '0':
        pop_node(p);
        break;
    case 'q':
        put_memo(p, take_number(p, 1));
        break;
    case 'r':
        put_memo(p, take_number(p, 4));
        break;
    case 0x94:
        put_memo(p, (uint64_t)p->nmemo);
        break;
    case 'h':
        get_memo(p, take_number(p, 1));
        break;
    case 'j':
        get_memo(p, take_number(p, 4));
        break;
    case 'c':
        push_global(p);
        break;
    case 0x93:
        stack_global(p);
        break;
    case 'R':
        reduce_call(p);
        break;
    case 'Q':
        make_storage(p);
        break;
    case 'b':
        build_object(p);
        break;
    default:
        return false;
    }
    return true;
}

static void run_opcode(struct pickle *p, uint8_t op) {
    char text[64];
    if (push_scalar(p, op) || build_from_stack(p, op)) return;
    snprintf(text, sizeof text, "operation 0x%02x is not one of a checkpoint", op);
    pickle_fail(p, text);
}

int pickle_read(struct pickle **ret, const void *bytes, size_t size, struct pickle_node **root, size_t *used,
                struct err *e) {
    struct pickle *p = xcalloc(1, sizeof *p);
    struct err local = {0};
    p->p = bytes;
    p->end = p->p + size;
    p->e = e ? e : &local;
    bool stopped = false;
    while (!p->failed && !stopped) {
        const uint8_t *op = take_bytes(p, 1);
        if (op && !(stopped = *op == '.')) run_opcode(p, *op);
    }
    if (!p->failed) *root = pop_node(p);
    if (used) *used = (size_t)(p->p - (const uint8_t *)bytes);
    int rc = p->failed ? p->e->code : 0;
    *ret = rc ? NULL : p;
    if (rc) pickle_free(p);
    return rc;
}

void pickle_free(struct pickle *p) {
    if (!p) return;
    for (int i = 0; i < p->nall; i++) {
        free(p->all[i]->v);
        free(p->all[i]);
    }
    free(p->all);
    free(p->stack);
    free(p->memo);
    free(p->marks);
    free(p);
}
