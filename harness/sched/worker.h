/* SPDX-License-Identifier: Apache-2.0 */
/* worker.h - what `bench run` and its worker processes say to each other.
 *
 * The parent starts /proc/self/exe with the hidden command `worker`, a job as one JSON object on stdin, and a
 * pipe as descriptor 3. The worker answers there with lines of JSON, batched (at most ten a second while
 * nothing is urgent):
 *
 *   {"m": [[key, step, value]...], "i": [[key, item, value, weight]...], "e": [[kind, text]...],
 *    "p": [step, steps, loss, tps, eta, phase]}
 *   {"result": {...}}                             the last line
 *
 * Numbers carry 17 digits; NaN and infinities travel as "nan", "inf", "-inf". What the worker prints is kept
 * by the parent for the error text. Job and report are for one version of the program with itself: no
 * compatibility is promised. */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "harness/train/train.h"

#define WORKER_REPORT_FD 3

/* The job as text for stdin. `index`: of the run in its sweep, for the test hook below. base_fd: the
 * inherited descriptor that becomes job->base_fd there, 0: none. Caller frees. job->stop is not sent. */
char *worker_job_text(const struct train_job *job, int index, int base_fd);

/* The worker's side: read the job from `in`, train, report to `out`. SIGTERM asks to stop after the current
 * step; SIGINT and SIGHUP are left to the parent. Returns 0 when a result was sent, whatever it says.
 *
 * Test hook, for the tests of `bench run` alone: BENCH_TEST_WORKER=ACTION:INDEX[,ACTION:INDEX...] makes the
 * run with that index, when it first reports a metric: segv - crash; exit - leave with code 7 without a
 * result; kill - SIGKILL itself; hang - ignore SIGTERM and sleep; sleep - wait a minute or for SIGTERM. */
int worker_serve(int in, int out, struct err *e);

/* The parent's side: one line of a report, without its newline. Calls `rep` for what it tells. Returns 1 when
 * the line held the result
 * (*res is filled), 0 when not, negative when it is not a report. */
int worker_parse(const char *line, size_t n, const struct train_report *rep, struct train_result *res,
                 struct err *e);

/* A result with nothing in it: counts -1, numbers NaN, strings empty, bytes 0; FAILED. */
void worker_result_init(struct train_result *res);

#endif
