/* SPDX-License-Identifier: Apache-2.0 */
/* test_machine.c - cores and memory under control groups and affinity, and the choice of OpenBLAS's kernel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/blas.h"
#include "harness/base/machine.h"
#include "harness/base/util.h"

static char root[64];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int root_make(void **state) {
    (void)state;
    strcpy(root, "/tmp/bench-machine-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int root_remove(void **state) {
    (void)state;
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text) {
    char *path = path_join(root, name), *dir = path_dir(path);
    struct err e;
    assert_int_equal(dir_make(dir, &e), 0);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    free(path);
    free(dir);
}

static const char meminfo[] = "MemTotal:       16000000 kB\nMemFree: 1 kB\nMemAvailable:   12000000 kB\n";

static void without_limits_all_that_is_available_is_free(void **state) {
    (void)state;
    put("proc/meminfo", meminfo);
    put("proc/cpuinfo", "processor\t: 0\nmodel name\t: Some CPU @ 3 GHz\n");
    put("etc/os-release", "PRETTY_NAME=\"Some OS 1\"\n");
    struct machine m;
    machine_read_at(&m, root);
    assert_int_equal(m.mem_total, 16000000ull * 1024);
    assert_int_equal(m.mem_free, 12000000ull * 1024);
    assert_int_equal(m.mem_limit, 0);
    assert_true(m.quota == 0);
    assert_true(m.cores >= 1 && m.cores <= m.online);
    assert_string_equal(m.cpu, "Some CPU @ 3 GHz");
    assert_int_equal(strncmp(m.os, "Some OS 1, ", 11), 0);
}

static void cgroup_v2_limits_count_at_every_level(void **state) {
    (void)state;
    put("proc/meminfo", meminfo);
    put("proc/self/cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/memory.max", "2147483648\n");
    put("sys/fs/cgroup/a/memory.current", "1610612736\n");
    put("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 536870912\n");
    put("sys/fs/cgroup/a/b/memory.max", "max\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    struct machine m;
    machine_read_at(&m, root);
    assert_int_equal(m.mem_limit, 2147483648ull);
    assert_int_equal(m.mem_free, 2147483648ull - 1610612736 + 536870912); /* page cache can go */
    assert_true(m.quota == 1.5);
    assert_int_equal(m.cores, 1);
}

static void cgroup_v1_limits_count_also_where_the_path_is_hidden(void **state) {
    (void)state;
    put("proc/meminfo", meminfo);
    put("proc/self/cgroup", "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
    put("sys/fs/cgroup/memory/memory.usage_in_bytes", "73741824\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "50000\n");
    struct machine m;
    machine_read_at(&m, root);
    assert_int_equal(m.mem_limit, 1073741824);
    assert_int_equal(m.mem_free, 1000000000);
    assert_true(m.quota == 2.0);
    assert_true(m.cores <= 2);
}

static void an_unlimited_v1_group_is_no_limit(void **state) {
    (void)state;
    put("proc/meminfo", meminfo);
    put("proc/self/cgroup", "4:memory:/\n1:cpu:/\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    struct machine m;
    machine_read_at(&m, root);
    assert_int_equal(m.mem_limit, 0);
    assert_true(m.quota == 0);
}

static void an_empty_root_still_gives_a_core(void **state) {
    (void)state;
    struct machine m;
    machine_read_at(&m, root);
    assert_true(m.cores >= 1);
    assert_true(m.mem_free > 0);
}

static void a_weaker_kernel_than_the_processor_is_replaced(void **state) {
    (void)state;
    assert_string_equal(blas_better("Prescott", 3, 0), "SkylakeX");
    assert_string_equal(blas_better("Haswell", 3, 0), "SkylakeX");
    assert_string_equal(blas_better("Prescott", 2, 0), "Haswell");
    assert_null(blas_better("SkylakeX", 3, 0));
    assert_null(blas_better("Cooperlake", 3, 0));
    assert_null(blas_better("Zen", 2, 0));
    assert_null(blas_better("Nehalem", 1, 0));
}

static void a_stronger_kernel_is_replaced_only_when_a_weaker_path_is_forced(void **state) {
    (void)state;
    assert_null(blas_better("SkylakeX", 2, 0));
    assert_string_equal(blas_better("SkylakeX", 2, 1), "Haswell");
    assert_string_equal(blas_better("SkylakeX", 1, 1), "Nehalem");
    assert_null(blas_better("Haswell", 2, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_limits_all_that_is_available_is_free, root_make, root_remove),
        cmocka_unit_test_setup_teardown(cgroup_v2_limits_count_at_every_level, root_make, root_remove),
        cmocka_unit_test_setup_teardown(cgroup_v1_limits_count_also_where_the_path_is_hidden, root_make,
                                        root_remove),
        cmocka_unit_test_setup_teardown(an_unlimited_v1_group_is_no_limit, root_make, root_remove),
        cmocka_unit_test_setup_teardown(an_empty_root_still_gives_a_core, root_make, root_remove),
        cmocka_unit_test(a_weaker_kernel_than_the_processor_is_replaced),
        cmocka_unit_test(a_stronger_kernel_is_replaced_only_when_a_weaker_path_is_forced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
