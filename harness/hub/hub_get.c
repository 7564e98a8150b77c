/* SPDX-License-Identifier: Apache-2.0 */
/* hub_get.c - transfers from a hub: redirects, retries, continued files, checks. See hub_private.h.
 *
 * A transfer waits, runs or is done. One that is cut, or that the server has no time for (408, 429, 5xx),
 * waits and is asked again from its first URL, a file from where it ended (Range); what came is hashed as it
 * comes. Redirects are followed here and not by libcurl, so that each step is looked at: the token only for
 * the hub itself, no step from https to http.
 *
 * Bounds: MAX_TRIES failures without RENEW_BYTES arriving in between, MAX_HOPS redirects, MAX_WAIT seconds
 * that a server may ask for, STALL_SECONDS without a byte. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/hub/hub_private.h"

#define PARALLEL       4
#define MAX_TRIES      5
#define MAX_HOPS       10
#define MAX_WAIT       120
#define FIRST_BACKOFF  0.2 /* seconds, doubled each time */
#define RENEW_BYTES    ((long long)64 << 20)
#define CONNECT_LIMIT  20L
#define STALL_SECONDS  60L
#define SAID_LIMIT     4096 /* of the text that comes with an error */
#define PROGRESS_EVERY 0.1  /* seconds */

enum transfer_state { WAITING, RUNNING, DONE };

struct transfer {
    struct hub_client *c;
    struct hub_get *g;
    enum transfer_state state;
    double start_at;
    CURL *h;
    struct curl_slist *headers;
    char *url; /* after redirects */
    int hops, tries;
    char reason[CURL_ERROR_SIZE];
    /* The head of the answer. */
    bool head_seen, keep; /* keep: the body is what was asked for */
    long status;
    long long length, range_from, range_total; /* -1: not said */
    char error_code[40];
    struct strbuf said;
    /* The file. */
    int fd;
    long long have, had; /* bytes now, and at the last failure */
    EVP_MD_CTX *hash;
    bool resumed;  /* some of it came from an earlier pull */
    struct err *e; /* filled by a callback: no further try */
    bool failed;
};

/* "hf:OWNER/NAME: what: " and the message. */
static int transfer_fail(struct transfer *t, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int transfer_fail(struct transfer *t, int code, const char *fmt, ...) {
    char text[800];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    t->failed = true;
    return err_set(t->e, code, "%.150s: %.200s: %s", t->c->label, t->g->what, text);
}

/* ---- files --------------------------------------------------------------------------------------------- */

static void hash_start(struct transfer *t) {
    const struct hub_get *g = t->g;
    EVP_MD_CTX_free(t->hash);
    t->hash = NULL;
    if (!g->sha256[0] && !g->git_sha1[0]) return;
    t->hash = EVP_MD_CTX_new();
    int ok = t->hash && EVP_DigestInit_ex(t->hash, g->sha256[0] ? EVP_sha256() : EVP_sha1(), NULL);
    BUG_ON(!ok, "the digest of %s does not start", g->what);
    char head[40]; /* git hashes a file behind this head */
    int n = snprintf(head, sizeof head, "blob %lld", g->size) + 1;
    if (!g->sha256[0]) EVP_DigestUpdate(t->hash, head, (size_t)n);
}

static void hash_end(struct transfer *t, char hex[2 * EVP_MAX_MD_SIZE + 1]) {
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(t->hash, d, &n);
    for (unsigned i = 0; i < n; i++) sprintf(hex + 2 * i, "%02x", d[i]);
}

/* From the first byte again. */
static int file_restart(struct transfer *t) {
    if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
        return transfer_fail(t, ERR_RESOURCE, "cannot write %s: %s", t->g->path, strerror(errno));
    t->c->state.bytes -= t->have;
    t->have = t->had = 0;
    t->resumed = false;
    hash_start(t);
    return 0;
}

/* Take up what an earlier pull left: it is read once, for the hash. */
static int file_take_up(struct transfer *t) {
    struct stat st;
    if (fstat(t->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return transfer_fail(t, ERR_RESOURCE, "%s is not a file: remove it", t->g->path);
    hash_start(t);
    if (st.st_size > t->g->size) return file_restart(t);
    char *buf = xmalloc(1 << 20);
    ssize_t got = 0;
    while (!hub_stopped() && (got = read(t->fd, buf, 1 << 20)) > 0) {
        if (t->hash) EVP_DigestUpdate(t->hash, buf, (size_t)got);
        t->have += got;
    }
    free(buf);
    if (got < 0 && !hub_stopped())
        return transfer_fail(t, ERR_RESOURCE, "cannot read %s: %s", t->g->path, strerror(errno));
    t->had = t->have;
    t->resumed = t->have > 0;
    t->c->state.bytes += t->have;
    return 0;
}

static int file_open(struct transfer *t) {
    char *dir = path_dir(t->g->path);
    int code = dir_make(dir, t->e);
    free(dir);
    if (code) {
        t->failed = true;
        return code;
    }
    t->fd = open(t->g->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (t->fd < 0) return transfer_fail(t, ERR_RESOURCE, "cannot write %s: %s", t->g->path, strerror(errno));
    return file_take_up(t);
}

static int file_append(struct transfer *t, const char *bytes, size_t n) {
    if ((long long)n > t->g->size - t->have) {
        file_restart(t);
        return transfer_fail(t, ERR_RESOURCE,
                             "wrong length: more than the %lld bytes that were announced came", t->g->size);
    }
    for (size_t put = 0; put < n;) {
        ssize_t w = write(t->fd, bytes + put, n - put);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return transfer_fail(t, ERR_RESOURCE, "cannot write %s: %s", t->g->path, strerror(errno));
        put += (size_t)w;
    }
    if (t->hash) EVP_DigestUpdate(t->hash, bytes, n);
    t->have += (long long)n;
    t->c->state.bytes += (long long)n;
    t->c->state.arrived += (long long)n;
    return 0;
}

static void wait_for(struct transfer *t, double seconds);

/* All of it is there: is it what was meant? */
static int file_check(struct transfer *t) {
    const struct hub_get *g = t->g;
    const char *want = g->sha256[0] ? g->sha256 : g->git_sha1;
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    if (t->hash) hash_end(t, hex);
    if (t->hash && strcmp(hex, want)) {
        bool again = t->resumed;
        if (file_restart(t)) return t->e->code;
        if (!again) {
            unlink(g->path);
            return transfer_fail(
                t, ERR_RESOURCE,
                "wrong checksum: %s %s, expected %s: damaged on the way, or not the file that the "
                "hub lists; it "
                "was not kept: try again",
                g->sha256[0] ? "sha256" : "git's sha1", hex, want);
        }
        hub_note(t->c, "%s: what an earlier pull left is damaged: fetching it anew", g->what);
        wait_for(t, 0);
        return 0;
    }
    if (fsync(t->fd) < 0)
        return transfer_fail(t, ERR_RESOURCE, "cannot write %s: %s", g->path, strerror(errno));
    close(t->fd);
    t->fd = -1;
    t->state = DONE;
    t->c->state.files_done++;
    hub_tell(t->c, g->what);
    return 0;
}

/* ---- what libcurl calls -------------------------------------------------------------------------------- */

static void head_reset(struct transfer *t) {
    t->head_seen = t->keep = false;
    t->status = 0;
    t->length = t->range_from = t->range_total = -1;
    t->error_code[0] = '\0';
    strbuf_reset(&t->said);
}

/* The value of a header line of this name ("content-length:"), or NULL. */
static const char *header_value(const char *line, const char *name) {
    size_t n = strlen(name);
    return strncasecmp(line, name, n) ? NULL : line + n + strspn(line + n, " \t");
}

/* <URL>; rel="next", among others. */
static void read_link(struct transfer *t, const char *v) {
    for (const char *p = strchr(v, '<'); p; p = strchr(p + 1, '<')) {
        const char *end = strchr(p, '>'), *more = end ? strchr(end, '<') : NULL,
                   *rel = end ? strstr(end, "rel=\"next\"") : NULL;
        if (!rel || (more && more < rel)) continue;
        free(t->g->next);
        t->g->next = xstrndup(p + 1, (size_t)(end - p - 1));
    }
}

static void read_header(struct transfer *t, const char *line) {
    const char *v;
    if ((v = header_value(line, "content-length:")))
        t->length = atoll(v);
    else if ((v = header_value(line, "content-range:"))) {
        if (sscanf(v, "bytes %lld-%*d/%lld", &t->range_from, &t->range_total) < 1) t->range_from = -1;
    } else if ((v = header_value(line, "x-error-code:")))
        snprintf(t->error_code, sizeof t->error_code, "%.*s", (int)strcspn(v, "\r\n \t"), v);
    else if (!t->g->path && (v = header_value(line, "link:")))
        read_link(t, v);
}

/* The head is complete: does the body fit what we have? */
static int head_check(struct transfer *t) {
    const struct hub_get *g = t->g;
    if (t->status == 200) {
        t->keep = true;
        if (!g->path) return 0;
        if (t->length >= 0 && t->length != g->size)
            return transfer_fail(
                t, ERR_RESOURCE,
                "wrong length: the server sends %lld bytes, the hub lists %lld: try again later", t->length,
                g->size);
        if (t->have == 0) return 0;
        hub_note(t->c, "%s: the server does not continue files: from the start again", g->what);
        return file_restart(t);
    }
    if (t->status != 206) return 0;
    t->keep = true;
    if (g->path && t->have > 0 && t->range_from == t->have &&
        (t->range_total < 0 || t->range_total == g->size))
        return 0;
    return transfer_fail(
        t, ERR_RESOURCE,
        "the server sent another part of the file than was asked for (byte %lld of %lld, not %lld of %lld)",
        t->range_from, t->range_total, t->have, g->size);
}

static size_t on_header(char *bytes, size_t one, size_t n, void *arg) {
    struct transfer *t = arg;
    char *line = xstrndup(bytes, n * one);
    int code = 0;
    if (!strncmp(line, "HTTP/", 5)) {
        head_reset(t);
        if (sscanf(line, "HTTP/%*s %ld", &t->status) != 1) t->status = 0;
    } else if (line[strspn(line, "\r\n")]) {
        read_header(t, line);
    } else if (t->status >= 200 && !t->head_seen) {
        t->head_seen = t->c->heard = true;
        code = head_check(t);
    }
    free(line);
    return code ? 0 : n * one;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *arg) {
    struct transfer *t = arg;
    n *= one;
    if (!t->keep) {
        if (t->said.len < SAID_LIMIT) strbuf_add(&t->said, bytes, MIN_OF(n, SAID_LIMIT - t->said.len));
        return n;
    }
    if (t->g->path) return file_append(t, bytes, n) ? 0 : n;
    if (t->g->body.len + n > HUB_BODY_LIMIT) {
        transfer_fail(t, ERR_RESOURCE, "the answer is longer than %zu MB", HUB_BODY_LIMIT >> 20);
        return 0;
    }
    strbuf_add(&t->g->body, bytes, n);
    return n;
}

/* How much of a URL may be shown: what is behind '?' can be a signature. */
static int shown_url(const char *url) { return (int)MIN_OF(strcspn(url, "?"), 200); }

/* ---- starting ------------------------------------------------------------------------------------------ */

static void wait_for(struct transfer *t, double seconds) {
    free(t->url);
    t->url = xstrdup(t->g->url);
    t->hops = 0;
    t->state = WAITING;
    t->start_at = now_seconds() + seconds;
}

static void set_options(struct transfer *t) {
    const struct hub_curl *k = t->c->curl;
    k->easy_setopt(t->h, CURLOPT_URL, t->url);
    k->easy_setopt(t->h, CURLOPT_HTTPHEADER, t->headers);
    k->easy_setopt(t->h, CURLOPT_PROTOCOLS_STR, t->c->secure ? "https" : "http,https");
    k->easy_setopt(t->h, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    k->easy_setopt(t->h, CURLOPT_USERAGENT, "bench");
    k->easy_setopt(t->h, CURLOPT_NOSIGNAL, 1L);
    k->easy_setopt(t->h, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    k->easy_setopt(t->h, CURLOPT_CONNECTTIMEOUT, CONNECT_LIMIT);
    k->easy_setopt(t->h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    k->easy_setopt(t->h, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    k->easy_setopt(t->h, CURLOPT_BUFFERSIZE, 1L << 19);
    k->easy_setopt(t->h, CURLOPT_ERRORBUFFER, t->reason);
    k->easy_setopt(t->h, CURLOPT_HEADERFUNCTION, on_header);
    k->easy_setopt(t->h, CURLOPT_HEADERDATA, (void *)t);
    k->easy_setopt(t->h, CURLOPT_WRITEFUNCTION, on_body);
    k->easy_setopt(t->h, CURLOPT_WRITEDATA, (void *)t);
    k->easy_setopt(t->h, CURLOPT_PRIVATE, (void *)t);
    char range[32];
    snprintf(range, sizeof range, "%lld-", t->have);
    if (t->g->path && t->have > 0) k->easy_setopt(t->h, CURLOPT_RANGE, range);
}

/* The token, for the hub itself. */
static void set_headers(struct transfer *t) {
    const struct hub_client *c = t->c;
    char *origin = c->token ? hub_origin(c->curl, t->url) : NULL;
    if (origin && !strcmp(origin, c->origin)) {
        char *line = xasprintf("Authorization: Bearer %s", c->token);
        t->headers = c->curl->slist_append(NULL, line);
        free(line);
    }
    free(origin);
}

static int start_transfer(struct transfer *t) {
    if (t->g->path && t->fd < 0) {
        int code = file_open(t);
        if (code || hub_stopped()) return code;
    }
    if (t->g->path && t->have == t->g->size) return file_check(t);
    if (t->c->secure && strncasecmp(t->url, "https://", 8))
        return transfer_fail(t, ERR_RESOURCE, "the hub sends us from https to %.*s: refused",
                             shown_url(t->url), t->url);
    head_reset(t);
    strbuf_reset(&t->g->body);
    t->reason[0] = '\0';
    t->h = t->c->curl->easy_init();
    if (!t->h) return transfer_fail(t, ERR_RESOURCE, "libcurl does not start");
    set_headers(t);
    set_options(t);
    t->c->curl->multi_add_handle(t->c->multi, t->h);
    t->state = RUNNING;
    return 0;
}

/* ---- ending -------------------------------------------------------------------------------------------- */

static void stop_transfer(struct transfer *t) {
    if (!t->h) return;
    t->c->curl->multi_remove_handle(t->c->multi, t->h);
    t->c->curl->easy_cleanup(t->h);
    t->c->curl->slist_free_all(t->headers);
    t->h = NULL, t->headers = NULL;
}

/* Ask again after a while, unless that was done often enough. `asked`: the seconds that the server wants, or
 * 0. */
static int try_again(struct transfer *t, const char *reason, long long asked) {
    if (t->have - t->had >= RENEW_BYTES) t->tries = 0;
    t->had = t->have;
    t->tries++;
    if (asked > MAX_WAIT)
        return transfer_fail(t, ERR_RESOURCE,
                             "%s: the server asks to wait %lld seconds: try again after that", reason, asked);
    if (t->tries >= MAX_TRIES)
        return transfer_fail(
            t, ERR_RESOURCE,
            "%s; given up after %d tries: check the network and run the same command again%s", reason,
            t->tries, t->have ? ", it continues where this one ended" : "");
    double wait = asked > 0 ? (double)asked : FIRST_BACKOFF * (1 << (t->tries - 1));
    if (t->have)
        hub_note(t->c, "%s: %s at %lld of %lld bytes: continuing in %.3g s", t->g->what, reason, t->have,
                 t->g->size, wait);
    else
        hub_note(t->c, "%s: %s: trying again in %.3g s", t->g->what, reason, wait);
    wait_for(t, wait);
    return 0;
}

/* What the server said with an error: {"error": "..."}; "" when nothing. Caller frees. */
static char *server_words(const struct transfer *t) {
    json_t *j = t->said.len ? json_loadb(t->said.s, t->said.len, 0, NULL) : NULL;
    const char *s = json_string_value(json_object_get(j, "error"));
    char *text = s ? xasprintf(" (the hub says: %.150s)", s) : xstrdup("");
    text[utf8_valid_prefix(text, strlen(text))] = '\0';
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) *p = '?';
    json_decref(j);
    return text;
}

static int host_refused(struct transfer *t, const char *said) {
    const struct hub_client *c = t->c;
    if (t->status == 403 || !strcmp(t->error_code, "GatedRepo"))
        return transfer_fail(
            t, ERR_RESOURCE,
            "access refused (%ld)%s: %s, with the account whose token is in HF_TOKEN, on %s/%s", t->status,
            said, "accept the model's terms or ask for access", c->endpoint, c->repo);
    if (c->token)
        return transfer_fail(
            t, ERR_RESOURCE,
            "access refused (401)%s: there is no such model, or the token in HF_TOKEN is not valid "
            "or may not read "
            "it: check both",
            said);
    return transfer_fail(
        t, ERR_RESOURCE,
        "access refused (401)%s: there is no such model, or it is not public: check the name, or set "
        "HF_TOKEN to a "
        "token that may read it",
        said);
}

static int answer_error(struct transfer *t) {
    curl_off_t asked = 0;
    char reason[80], *said = server_words(t);
    int code;
    t->c->curl->easy_getinfo(t->h, CURLINFO_RETRY_AFTER, &asked);
    stop_transfer(t);
    if ((t->status == 401 || t->status == 403) && t->hops) {
        code = try_again(t, "the storage server refuses the hub's link", 0); /* such links expire */
    } else if (t->status == 401 || t->status == 403) {
        code = host_refused(t, said);
    } else if (t->status == 404 && t->g->path) {
        code = transfer_fail(t, ERR_RESOURCE, "the hub lists this file but does not have it (404)%s", said);
    } else if (t->status == 404) {
        code = transfer_fail(t, ERR_RESOURCE, "no such %s (404)%s: check the name on %s",
                             !strcmp(t->error_code, "RevisionNotFound") ? "revision of this model"
                             : !strcmp(t->error_code, "RepoNotFound")   ? "model"
                                                                        : "model or revision",
                             said, t->c->endpoint);
    } else if (t->status == 416 && t->have) {
        code = file_restart(t);
        if (!code) code = try_again(t, "the server does not continue the file (416)", 0);
    } else if (t->status == 408 || t->status == 429 || t->status >= 500) {
        snprintf(reason, sizeof reason, "the server is %s (%ld)",
                 t->status == 429 ? "asked too often" : "not able to answer", t->status);
        code = try_again(t, reason, asked);
    } else {
        code = transfer_fail(t, ERR_RESOURCE, "unexpected answer %ld%s", t->status, said);
    }
    free(said);
    return code;
}

static int follow_redirect(struct transfer *t) {
    char *to = NULL;
    t->c->curl->easy_getinfo(t->h, CURLINFO_REDIRECT_URL, &to);
    char *url = to ? xstrdup(to) : NULL; /* `to` belongs to the handle */
    stop_transfer(t);
    if (!url)
        return transfer_fail(t, ERR_RESOURCE, "the server redirects (%ld) without saying where to",
                             t->status);
    free(t->url);
    t->url = url;
    if (++t->hops > MAX_HOPS)
        return transfer_fail(t, ERR_RESOURCE, "redirected more than %d times, last to %.*s", MAX_HOPS,
                             shown_url(url), url);
    t->state = WAITING;
    t->start_at = 0;
    return 0;
}

/* Failures of a connection that another try cannot cure. */
static bool is_final(CURLcode c) {
    return c == CURLE_UNSUPPORTED_PROTOCOL || c == CURLE_URL_MALFORMAT || c == CURLE_COULDNT_RESOLVE_HOST ||
           c == CURLE_COULDNT_RESOLVE_PROXY || c == CURLE_PEER_FAILED_VERIFICATION ||
           c == CURLE_SSL_CACERT_BADFILE || c == CURLE_LOGIN_DENIED;
}

static int end_transfer(struct transfer *t, CURLcode result) {
    if (t->failed) {
        stop_transfer(t);
        return t->e->code;
    }
    if (t->status >= 300 && t->status < 400) return follow_redirect(t);
    if (t->status >= 400) return answer_error(t);
    stop_transfer(t);
    bool whole = result == CURLE_OK && t->keep && (!t->g->path || t->have == t->g->size);
    if (whole && t->g->path) return file_check(t);
    if (whole) {
        t->state = DONE;
        return 0;
    }
    const char *why = t->reason[0] ? t->reason
                      : result     ? t->c->curl->easy_strerror(result)
                                   : "it ended too early";
    char reason[CURL_ERROR_SIZE + 40];
    snprintf(reason, sizeof reason, "%s (%s)", t->status ? "the connection was cut" : "no connection", why);
    bool nobody = result == CURLE_COULDNT_CONNECT && !t->c->heard;
    if (nobody || is_final(result))
        return transfer_fail(t, ERR_RESOURCE, "%s: check HF_ENDPOINT, the network and the proxy", reason);
    return try_again(t, reason, 0);
}

/* ---- all of them --------------------------------------------------------------------------------------- */

/* Start what may start. The number that is not done, negative after an error. */
static int start_due(struct transfer *v, int n) {
    int running = 0, left = 0;
    for (int i = 0; i < n; i++) running += v[i].state == RUNNING;
    for (int i = 0; i < n && !hub_stopped(); i++) {
        if (v[i].state == WAITING && running < PARALLEL && now_seconds() >= v[i].start_at) {
            int code = start_transfer(&v[i]);
            if (code) return code;
            running += v[i].state == RUNNING;
        }
        left += v[i].state != DONE;
    }
    return left;
}

static int end_finished(struct hub_client *c) {
    int left, code = 0;
    for (CURLMsg *m; !code && (m = c->curl->multi_info_read(c->multi, &left));) {
        struct transfer *t = NULL;
        CURLcode result = m->data.result;
        if (m->msg != CURLMSG_DONE) continue;
        c->curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        code = end_transfer(t, result);
    }
    return code;
}

static int run_transfer(struct hub_client *c, struct transfer *v, int n, struct err *e) {
    double told = 0;
    for (int running;;) {
        int left = start_due(v, n);
        if (hub_stopped()) return hub_stop_error(e);
        if (left <= 0) return left;
        c->curl->multi_perform(c->multi, &running);
        int code = end_finished(c);
        if (code) return code;
        if (now_seconds() - told >= PROGRESS_EVERY) {
            hub_tell(c, NULL);
            told = now_seconds();
        }
        if (running)
            c->curl->multi_poll(c->multi, NULL, 0, 50, NULL);
        else
            usleep(5000); /* all wait */
    }
}

int hub_get_all(struct hub_client *c, struct hub_get *v, int n, struct err *e) {
    struct transfer *t = xcalloc((size_t)n + 1, sizeof *t);
    for (int i = 0; i < n; i++) {
        t[i].c = c, t[i].g = &v[i], t[i].fd = -1, t[i].e = e;
        wait_for(&t[i], 0);
    }
    int code = run_transfer(c, t, n, e);
    for (int i = 0; i < n; i++) {
        stop_transfer(&t[i]);
        if (t[i].fd >= 0) close(t[i].fd);
        EVP_MD_CTX_free(t[i].hash);
        strbuf_release(&t[i].said);
        free(t[i].url);
    }
    free(t);
    return code;
}
