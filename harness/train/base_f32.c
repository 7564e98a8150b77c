/* SPDX-License-Identifier: Apache-2.0 */
/* base_f32.c - see base_f32.h.
 *
 * `auto` is what measured faster. A product expands a block of the stored matrix for each 256 tokens that
 * pass through it, and float32 must be fetched from memory: with vector instructions expanding costs less
 * than that, whatever the type and however short the step (SmolLM2-135M in Q4_1, 32 to 1024 tokens: equal to
 * 10 % faster than float32). On the baseline path alone, with at most AUTO_TOKENS tokens at once, expanding
 * costs more than it saves: there `auto` is f32, where the limit has room for it. */
#include "harness/train/base_f32.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/config/cfg.h"
#include "harness/core/model.h"
#include "harness/base/util.h"

enum { ALIGN = 64, FIRST_FD = 10, AUTO_TOKENS = 64 };

/* Bytes that a parameter's place takes, used or not: a place that nobody writes costs nothing. */
static size_t place_bytes(const struct param *p) {
    return (param_size(p) * sizeof(float) + ALIGN - 1) / ALIGN * ALIGN;
}

static bool is_expandable(const struct param *p) {
    return p->ndim == 2 && p->role == PARAM_BASE && !p->value && (p->w.dtype != DT_F32 || p->w.rope_heads);
}

/* Where the places end that this net uses: those of the base come first, in every net of one model. */
static size_t base_extent(const struct net *net) {
    size_t at = 0, end = 0;
    for (int i = 0; i < net->nparams; i++) {
        at += place_bytes(net->params[i]);
        if (is_expandable(net->params[i])) end = at;
    }
    return end;
}

bool base_f32_wanted(const struct net *net, const json_t *config, size_t memory_limit) {
    const char *how = cfg_str(config, "weights"); /* absent in configurations older than the option */
    if (!how || !strcmp(how, "native")) return false;
    if (!strcmp(how, "f32")) return true;
    size_t all = 0;
    for (int i = 0; i < net->nparams; i++) all += place_bytes(net->params[i]);
    long tokens = cfg_int(config, "train.batch_size") * cfg_int(config, "train.max_length");
    return !strcmp(panel_cpu(), "baseline") && tokens <= AUTO_TOKENS &&
           (!memory_limit || all <= memory_limit / 2);
}

/* Write (when `to` is our own) and use. to NULL: count only. */
static void point_at_expansion(struct net *net, char *to, bool write) {
    size_t at = 0;
    for (int i = 0; i < net->nparams; i++) {
        struct param *p = net->params[i];
        size_t place = place_bytes(p);
        if (is_expandable(p)) {
            float *value = to ? (float *)(void *)(to + at) : NULL;
            if (write && value) weight_expand(&p->w, 0, p->rows, 0, p->cols, value, p->cols);
            ptrdiff_t before = (ptrdiff_t)weight_stored_bytes(&p->w);
            p->w = weight_f32(value, p->rows, p->cols, p->cols);
            mem_note(net->mem, MEM_BASE, (ptrdiff_t)weight_stored_bytes(&p->w) - before);
        }
        at += place;
    }
}

int base_f32_base(struct base_f32 *x, struct net *net, int fd, struct err *e) {
    *x = (struct base_f32){0};
    size_t bytes = base_extent(net);
    if (!bytes || net->mem->counting) {
        point_at_expansion(net, NULL, false);
        return 0;
    }
    char *map = mmap(NULL, bytes, fd > 0 ? PROT_READ : PROT_READ | PROT_WRITE,
                     fd > 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, fd > 0 ? fd : -1, 0);
    if (map == MAP_FAILED)
        return err_set(e, ERR_RESOURCE, "no room for the base as float32, %.1f MiB: %s; use weights: native",
                       (double)bytes / 1048576, strerror(errno));
    *x = (struct base_f32){map, bytes};
    point_at_expansion(net, map, fd <= 0);
    return 0;
}

void base_f32_release(struct base_f32 *x) {
    if (x->map) munmap(x->map, x->bytes);
    *x = (struct base_f32){0};
}

/* ---- for all workers ----------------------------------------------------------------------------------- */

static int no_file(size_t bytes, struct err *e) {
    return err_set(e, ERR_RESOURCE, "no room for the base as float32, %.1f MiB: %s; use weights: native",
                   (double)bytes / 1048576, strerror(errno));
}

/* All matrices of a net without a method, into a file of this process. */
static int write_all(struct net *net, struct err *e) {
    size_t bytes = base_extent(net);
    int made = memfd_create("bench-base", MFD_CLOEXEC), fd = -1;
    if (made >= 0 && ftruncate(made, (off_t)bytes) == 0) fd = fcntl(made, F_DUPFD, FIRST_FD);
    if (fd < 0) no_file(bytes, e);
    if (made >= 0) close(made);
    if (fd < 0) return e ? e->code : ERR_RESOURCE;
    char *map = bytes ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : NULL;
    if (map == MAP_FAILED) {
        close(fd);
        return no_file(bytes, e);
    }
    point_at_expansion(net, map, true);
    if (map) munmap(map, bytes);
    return fd;
}

int base_f32_shared(const char *model_path, struct err *e) {
    struct mem mem;
    struct net net;
    struct modelfile *f;
    struct task_net tn;
    int rc = modelfile_open(&f, model_path, e);
    if (rc) return rc;
    /* of this pass, which there will not be */
    json_t *config = json_pack("{s{si}}", "train", "max_length", 2);
    mem_init(&mem, false, 0);
    struct team *team = team_new(&mem, 1);
    net_init(&net, &mem, team, config, 0, false);
    const struct model *m = model_of(f, e);
    rc = m ? net_add_model(&net, m, f, NULL, &tn, e) : ERR_USER;
    if (!rc) rc = write_all(&net, e);
    net_release(&net);
    team_free(team);
    json_decref(config);
    modelfile_close(f);
    return rc;
}

static struct base_f32_entry *find_shelf(struct base_f32_pool *p, const char *path) {
    for (int i = 0; i < p->n; i++)
        if (!strcmp(p->v[i].model_path, path)) return &p->v[i];
    return NULL;
}

/* Give up those that nobody uses (all: every one). */
static void clear_shelves(struct base_f32_pool *p, bool all) {
    int kept = 0;
    for (int i = 0; i < p->n; i++) {
        if (!all && p->v[i].users) {
            p->v[kept++] = p->v[i];
            continue;
        }
        close(p->v[i].fd);
        free(p->v[i].model_path);
    }
    p->n = kept;
}

int base_f32_pool_take(struct base_f32_pool *p, const char *model_path, struct err *e) {
    struct base_f32_entry *s = find_shelf(p, model_path);
    if (!s) {
        clear_shelves(p, false);
        int fd = base_f32_shared(model_path, e);
        if (fd < 0) return fd;
        GROW(p->v, p->n, p->cap);
        s = &p->v[p->n++];
        *s = (struct base_f32_entry){xstrdup(model_path), fd, 0};
    }
    s->users++;
    return s->fd;
}

void base_f32_pool_drop(struct base_f32_pool *p, const char *model_path) {
    struct base_f32_entry *s = find_shelf(p, model_path);
    BUG_ON(!s || !s->users, "nobody uses %s", model_path);
    s->users--;
}

void base_f32_pool_release(struct base_f32_pool *p) {
    clear_shelves(p, true);
    free(p->v);
    *p = (struct base_f32_pool){0};
}
