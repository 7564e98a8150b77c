/* SPDX-License-Identifier: Apache-2.0 */
/* awake.c - see awake.h. */
#include "harness/base/awake.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "harness/base/util.h"

#define LOOK_S 0.05
#define STOP_S 1.0       /* a longer gap between two looks is a stop */
#define STACK  (1 << 20) /* the libraries keep much per thread */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool looking;
static double looked, stopped; /* the last look; seconds of all stops until then */

/* What the time since the last look has of a stop. */
static double gap_until(double now) { return now - looked > STOP_S ? now - looked - LOOK_S : 0; }

static void *look_on(void *arg) {
    const struct timespec pause = {0, (long)(LOOK_S * 1e9)};
    for (;;) {
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&lock);
        double now = now_seconds();
        stopped += gap_until(now);
        looked = now;
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

/* Signals are the other threads' business. */
static void start_looking(void) {
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;
    looked = now_seconds();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    looking = pthread_create(&thread, &attr, look_on, NULL) == 0;
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

double awake_seconds(void) {
    pthread_once(&once, start_looking);
    pthread_mutex_lock(&lock);
    double now = now_seconds(), awake = now - stopped - (looking ? gap_until(now) : 0);
    pthread_mutex_unlock(&lock);
    return awake;
}
