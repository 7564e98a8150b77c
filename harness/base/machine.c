/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c - cores and memory of this machine as this process may use them (see machine.h). */
#include "harness/base/machine.h"

#include <limits.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* First line of a small file, without its newline; 0 when unreadable. */
static int read_line(const char *path, char *buf, size_t size) {
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    int ok = fgets(buf, (int)size, f) != NULL;
    fclose(f);
    if (ok) buf[strcspn(buf, "\n")] = '\0';
    return ok;
}

/* The value behind "key" at the start of a line: "MemTotal:   123 kB", "inactive_file 123", "model name\t:
 * x". */
static int read_field(const char *path, const char *key, char *buf, size_t size) {
    FILE *f = fopen(path, "re");
    if (!f) return 0;
    char line[1024];
    size_t n = strlen(key);
    int ok = 0;
    while (!ok && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, n) != 0) continue;
        const char *v = line + n;
        v += strspn(v, " \t:=");
        snprintf(buf, size, "%.*s", (int)strcspn(v, "\n"), v);
        ok = 1;
    }
    fclose(f);
    return ok;
}

static size_t read_size(const char *path, size_t none) {
    char buf[64], *end;
    if (!read_line(path, buf, sizeof buf)) return none;
    unsigned long long v = strtoull(buf, &end, 10); /* "max" has no digits */
    return end == buf ? none : (size_t)v;
}

static size_t read_meminfo(const char *root, const char *key) {
    char path[PATH_MAX], buf[64];
    snprintf(path, sizeof path, "%s/proc/meminfo", root);
    return read_field(path, key, buf, sizeof buf) ? (size_t)strtoull(buf, NULL, 10) * 1024 : 0;
}

/* One control group's folder: its memory and CPU limits lower what `m` says. */
static void read_group(struct machine *m, const char *dir) {
    char path[PATH_MAX + 64], buf[64];
    const size_t none = SIZE_MAX;
    /* v1 writes a number near 2^63 for "no limit". */
    const size_t unlimited = (size_t)1 << 60;
    for (int v1 = 0; v1 < 2; v1++) {
        snprintf(path, sizeof path, "%s/%s", dir, v1 ? "memory.limit_in_bytes" : "memory.max");
        size_t limit = read_size(path, none);
        if (limit >= unlimited) continue;
        snprintf(path, sizeof path, "%s/%s", dir, v1 ? "memory.usage_in_bytes" : "memory.current");
        size_t used = read_size(path, 0), cache = 0;
        snprintf(path, sizeof path, "%s/memory.stat", dir);
        if (read_field(path, v1 ? "total_inactive_file " : "inactive_file ", buf, sizeof buf))
            cache = (size_t)strtoull(buf, NULL, 10);
        used -= cache < used ? cache : used;
        size_t left = limit > used ? limit - used : 0;
        if (!m->mem_limit || limit < m->mem_limit) m->mem_limit = limit;
        if (left < m->mem_free) m->mem_free = left;
    }
    double quota = -1, period = 100000;
    snprintf(path, sizeof path, "%s/cpu.max", dir);
    if (!read_line(path, buf, sizeof buf) || sscanf(buf, "%lf %lf", &quota, &period) < 1) {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
        if (!read_line(path, buf, sizeof buf) || sscanf(buf, "%lf", &quota) != 1) return;
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
        if (read_line(path, buf, sizeof buf)) sscanf(buf, "%lf", &period);
    }
    if (quota > 0 && period > 0 && (m->quota <= 0 || quota / period < m->quota)) m->quota = quota / period;
}

/* The group's folder and every one above it, up to the mount: `top` must not be left. In a container that
 * sees only its own part of the hierarchy the named path does not exist, and the mount itself is the group.
 */
static void read_groups_up(struct machine *m, const char *top, const char *group) {
    char dir[PATH_MAX];
    if (strstr(group, "..")) group = "/";
    int n = snprintf(dir, sizeof dir, "%s%s", top, group);
    if (n < 0 || (size_t)n >= sizeof dir) return;
    size_t keep = strlen(top);
    while (n > 0 && dir[n - 1] == '/') dir[--n] = '\0';
    for (;;) {
        read_group(m, dir);
        char *slash = strrchr(dir, '/');
        if (strlen(dir) <= keep || !slash || (size_t)(slash - dir) < keep) return;
        *slash = '\0';
    }
}

static void read_groups(struct machine *m, const char *root) {
    char path[PATH_MAX], line[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    if (!f) return;
    while (fgets(line, sizeof line, f)) { /* "4:memory:/group", v2: "0::/group" */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *group++ = '\0';
        controllers++;
        if (*controllers && strcmp(controllers, "memory") != 0 && !strstr(controllers, "cpu")) continue;
        char top[PATH_MAX + 32];
        int n = snprintf(top, sizeof top, "%s/sys/fs/cgroup%s%s", root, *controllers ? "/" : "", controllers);
        if (n > 0 && n < PATH_MAX) read_groups_up(m, top, group);
        if (!*controllers) { /* where v1 is mounted as well, v2 sits in unified/ */
            n = snprintf(top, sizeof top, "%s/sys/fs/cgroup/unified", root);
            if (n > 0 && n < PATH_MAX) read_groups_up(m, top, group);
        }
    }
    fclose(f);
}

static int count_affinity(void) {
    /* More processors than a fixed set holds: grow until the kernel is content. */
    for (int n = 1024; n <= 1 << 18; n *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)n);
        if (!set) break;
        size_t size = CPU_ALLOC_SIZE((size_t)n);
        int rc = sched_getaffinity(0, size, set), count = rc == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (rc == 0) return count;
    }
    return 0;
}

static void read_names(struct machine *m, const char *root) {
    char path[PATH_MAX], os[64] = "";
    snprintf(path, sizeof path, "%s/proc/cpuinfo", root);
    if (!read_field(path, "model name", m->cpu, sizeof m->cpu)) snprintf(m->cpu, sizeof m->cpu, "unknown");
    snprintf(path, sizeof path, "%s/etc/os-release", root);
    if (read_field(path, "PRETTY_NAME", os, sizeof os)) {
        size_t n = strlen(os);
        if (n >= 2 && os[0] == '"') {
            memmove(os, os + 1, n - 2);
            os[n - 2] = '\0';
        }
    }
    struct utsname u;
    if (uname(&u) == 0)
        snprintf(m->os, sizeof m->os, "%s%s%.16s %.40s", os, *os ? ", " : "", u.sysname, u.release);
    if (gethostname(m->host, sizeof m->host - 1) != 0) snprintf(m->host, sizeof m->host, "unknown");
}

void machine_read_at(struct machine *m, const char *root) {
    memset(m, 0, sizeof *m);
    m->mem_total = read_meminfo(root, "MemTotal:");
    m->mem_free = read_meminfo(root, "MemAvailable:");
    if (!m->mem_free) m->mem_free = m->mem_total ? m->mem_total : SIZE_MAX;
    read_groups(m, root);
    if (m->mem_limit >= m->mem_total && m->mem_total) m->mem_limit = 0;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    m->online = online > 0 ? (int)online : 1;
    m->affinity = count_affinity();
    m->cores = m->affinity > 0 && m->affinity < m->online ? m->affinity : m->online;
    /* 2.5 CPUs feed two busy threads well and three badly. */
    if (m->quota > 0 && m->quota < m->cores) m->cores = (int)m->quota > 1 ? (int)m->quota : 1;
    read_names(m, root);
}

void machine_read(struct machine *m) { machine_read_at(m, ""); }
