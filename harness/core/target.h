/* target.h - one canonical form for target_modules (the matching functions are declared in net.h). */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <jansson.h>

#define TARGET_MAX_LAYER 9999 /* the highest layer that a spec may name */

/* The canonical form of a spec that target_check accepts: the same sites, written in one way, so that
 * [v_proj, q_proj] and [q_proj, v_proj] are one configuration: lists sorted without repetitions, a list of
 * one as a string, layers as "0,4-11", no "layers" where there are none. New reference. */
json_t *target_normal(const json_t *spec);

#endif
