/* SPDX-License-Identifier: Apache-2.0 */
/* hub_private.h - what hub*.c share: places in the cache, libcurl's functions, transfers. */
#ifndef BENCH_HUB_PRIVATE_H
#define BENCH_HUB_PRIVATE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "harness/hub/hub.h"
#include "harness/base/util.h"

/* ---- hub_name.c: places -------------------------------------------------------------------------------- */

char *hub_models_dir(void); /* cache_dir()/models; caller frees */
/* The folder's name at a commit: "hf--OWNER--NAME[--FILE]@COMMIT". Caller frees. */
char *hub_folder(const struct hub_name *n, const char *commit);
/* Is it a whole commit id (40 or 64 lower-case hex digits)? */
bool hub_is_commit(const char *s);
/* Remember which commit n->revision means. */
int hub_ref_write(const struct hub_name *n, const char *commit, struct err *e);
/* The model at this commit when it is there: the folder or the file. NULL otherwise. Caller frees. */
char *hub_place_at(const struct hub_name *n, const char *commit);
/* Percent-encode everything but letters, digits, "-_." and the characters of `keep`. Caller frees. */
char *hub_escape(const char *s, const char *keep);

/* ---- hub_curl.c: libcurl, loaded when it is first needed ----------------------------------------------- */

struct hub_curl {
    CURLcode (*global_init)(long flags);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *h, CURLoption o, ...);
    CURLcode (*easy_getinfo)(CURL *h, CURLINFO i, ...);
    void (*easy_cleanup)(CURL *h);
    const char *(*easy_strerror)(CURLcode c);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_add_handle)(CURLM *m, CURL *h);
    CURLMcode (*multi_remove_handle)(CURLM *m, CURL *h);
    CURLMcode (*multi_perform)(CURLM *m, int *running);
    CURLMcode (*multi_poll)(CURLM *m, struct curl_waitfd *v, unsigned n, int ms, int *ready);
    CURLMsg *(*multi_info_read)(CURLM *m, int *left);
    CURLMcode (*multi_cleanup)(CURLM *m);
    struct curl_slist *(*slist_append)(struct curl_slist *l, const char *s);
    void (*slist_free_all)(struct curl_slist *l);
    CURLU *(*url)(void);
    void (*url_cleanup)(CURLU *u);
    CURLUcode (*url_set)(CURLU *u, CURLUPart part, const char *s, unsigned flags);
    CURLUcode (*url_get)(CURLU *u, CURLUPart part, char **s, unsigned flags);
    void (*free)(void *p);
};

/* NULL with e filled (ERR_RESOURCE) when there is no libcurl. The same table every time. */
const struct hub_curl *hub_curl_load(struct err *e);

/* ---- hub_get.c: transfers ------------------------------------------------------------------------------ */

/* Whom we talk to, for one pull. */
struct hub_client {
    const struct hub_curl *curl;
    CURLM *multi;
    char *endpoint;            /* without a slash at the end */
    char *origin;              /* the endpoint's scheme://host:port */
    char *token;               /* or NULL */
    bool secure;               /* the endpoint speaks https: nothing may be fetched without */
    const char *label;         /* the model as the user wrote it, for messages */
    const char *repo;          /* OWNER/NAME */
    bool heard;                /* the hub has answered something */
    bool quiet;                /* no progress for now */
    struct hub_pull *p;        /* whom to tell */
    struct hub_progress state; /* what is told */
};

/* One thing to fetch: into memory (path NULL) or into a file. */
struct hub_get {
    char *url;          /* owned */
    const char *what;   /* for messages: "config.json", "the list of files" */
    const char *path;   /* where to write; folders are made; what is there already is taken up */
    long long size;     /* of a file: exactly this many bytes are accepted */
    char sha256[65];    /* of a file, or "" */
    char git_sha1[41];  /* of a file as a git blob, or ""; looked at when there is no sha256 */
    struct strbuf body; /* out, in memory: at most HUB_BODY_LIMIT bytes; caller releases */
    char *next;         /* out: the URL of the next page (Link: <...>; rel="next"), or NULL; caller frees */
};

#define HUB_BODY_LIMIT ((size_t)64 << 20)

/* c is zeroed but for label, repo and p. Reads $HF_ENDPOINT and $HF_TOKEN. Caller closes, also after an
 * error. */
int hub_client_open(struct hub_client *c, struct err *e);
void hub_client_close(struct hub_client *c);
/* scheme://host:port of a URL, in lower case. Caller frees; NULL when it is none. */
char *hub_origin(const struct hub_curl *curl, const char *url);
void hub_tell(const struct hub_client *c, const char *file); /* progress; file: is complete, or NULL */
/* Fetch v[0..n), a few at a time. The first that fails ends it: the others stay where they are. */
int hub_get_all(struct hub_client *c, struct hub_get *v, int n, struct err *e);
/* SIGINT and SIGTERM from now on set a flag that ends hub_get_all with ERR_STOP; and as it was before. */
void hub_signals_take(void);
void hub_signals_restore(void);
bool hub_stopped(void);
int hub_stop_error(struct err *e);
void hub_note(const struct hub_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
