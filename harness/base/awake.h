/* SPDX-License-Identifier: Apache-2.0 */
/* awake.h - time that counts: the clock of the machine, less what this process spent stopped (Ctrl-Z, a
 * debugger, a virtual machine that was paused). A suspended laptop's clock stands still anyway.
 *
 * A thread that looks at the clock every 50 ms finds the gaps: more than a second between two looks is a
 * stop. A machine so loaded that a sleeping thread waits that long loses the time, too, which is what one
 * wants of a limit. */
#ifndef BENCH_AWAKE_H
#define BENCH_AWAKE_H

/* Seconds since some moment. The first call starts the thread; where it cannot be started, stops count. */
double awake_seconds(void);

#endif
