/* SPDX-License-Identifier: Apache-2.0 */
/* hub_client.c - the hub that is asked, and being stopped.
 *
 * The token goes to the endpoint's own scheme, host and port and nowhere else: storage servers, to which the
 * hub redirects, get URLs that are signed already. */
#include <ctype.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/hub/hub_private.h"

#define ENDPOINT_DEFAULT "https://huggingface.co"

/* ---- being stopped ------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;
static struct sigaction was_int, was_term, was_pipe;

static void on_stop(int sig) {
    (void)sig;
    stopped = 1;
}

void hub_signals_take(void) {
    struct sigaction act = {.sa_handler = on_stop}, ignore = {.sa_handler = SIG_IGN};
    stopped = 0;
    sigaction(SIGINT, &act, &was_int);
    sigaction(SIGTERM, &act, &was_term);
    sigaction(SIGPIPE, &ignore, &was_pipe); /* a connection that the other side closed */
}

void hub_signals_restore(void) {
    sigaction(SIGINT, &was_int, NULL);
    sigaction(SIGTERM, &was_term, NULL);
    sigaction(SIGPIPE, &was_pipe, NULL);
}

bool hub_stopped(void) { return stopped; }

int hub_stop_error(struct err *e) {
    return err_set(e, ERR_STOP, "stopped; what has arrived is kept: the same command continues");
}

/* ---- telling ------------------------------------------------------------------------------------------- */

void hub_note(const struct hub_client *c, const char *fmt, ...) {
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (c->p->note) c->p->note(c->p->arg, line);
}

void hub_tell(const struct hub_client *c, const char *file) {
    struct hub_progress now = c->state;
    now.file = file;
    if (c->p->progress && !c->quiet) c->p->progress(c->p->arg, &now);
}

/* ---- the endpoint -------------------------------------------------------------------------------------- */

char *hub_origin(const struct hub_curl *curl, const char *url) {
    static const CURLUPart parts[3] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    char *text[3] = {NULL}, *origin = NULL;
    CURLU *u = curl->url();
    bool ok = u && !curl->url_set(u, CURLUPART_URL, url, 0);
    for (int i = 0; i < 3 && ok; i++) ok = !curl->url_get(u, parts[i], &text[i], CURLU_DEFAULT_PORT);
    if (ok) {
        origin = xasprintf("%s://%s:%s", text[0], text[1], text[2]);
        for (char *p = origin; *p; p++) *p = (char)tolower((unsigned char)*p);
    }
    for (int i = 0; i < 3; i++) curl->free(text[i]);
    if (u) curl->url_cleanup(u);
    return origin;
}

static bool printable_text(const char *s) {
    for (; *s; s++)
        if (*s <= ' ' || *s > '~') return false;
    return true;
}

static int set_endpoint(struct hub_client *c, struct err *e) {
    const char *s = getenv("HF_ENDPOINT");
    if (!s || !*s) s = ENDPOINT_DEFAULT;
    size_t n = strlen(s);
    while (n && s[n - 1] == '/') n--;
    c->endpoint = xstrndup(s, n);
    c->secure = !strncasecmp(s, "https://", 8);
    bool ok = (c->secure || !strncasecmp(s, "http://", 7)) && printable_text(s) && !strpbrk(s, "?#@\"\\") &&
              (c->origin = hub_origin(c->curl, c->endpoint)) != NULL;
    if (ok) return 0;
    return err_set(e, ERR_USER, "HF_ENDPOINT is '%.200s': an address like " ENDPOINT_DEFAULT " is expected",
                   s);
}

static int set_token(struct hub_client *c, struct err *e) {
    const char *s = getenv("HF_TOKEN");
    if (!s || !*s) return 0;
    if (!printable_text(s) || strlen(s) > 4096)
        return err_set(e, ERR_USER, "HF_TOKEN holds blanks, line ends or other characters that no token has");
    c->token = xstrdup(s);
    return 0;
}

int hub_client_open(struct hub_client *c, struct err *e) {
    c->curl = hub_curl_load(e);
    if (!c->curl) return e->code;
    int code = set_endpoint(c, e);
    if (!code) code = set_token(c, e);
    if (!code && !(c->multi = c->curl->multi_init()))
        code = err_set(e, ERR_RESOURCE, "libcurl does not start");
    return code;
}

void hub_client_close(struct hub_client *c) {
    if (c->multi) c->curl->multi_cleanup(c->multi);
    free(c->endpoint), free(c->origin), free(c->token);
    c->multi = NULL, c->endpoint = c->origin = c->token = NULL;
}
