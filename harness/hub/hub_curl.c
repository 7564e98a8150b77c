/* SPDX-License-Identifier: Apache-2.0 */
/* hub_curl.c - libcurl's functions, loaded when a pull needs them.
 *
 * libcurl brings some thirty libraries (TLS, Kerberos, LDAP, ...): linked, they cost every start of the
 * program, every worker's too, 4.4 ms (5.6 -> 10.0 ms for `bench --version`). So it is opened here and
 * nowhere else; it is never closed again, because its libraries register exit handlers. */
#include <dlfcn.h>
#include <string.h>

#include "harness/hub/hub_private.h"

struct symbol {
    const char *name;
    size_t at; /* offset in struct hub_curl */
};

#define SYMBOL(field)                                                                                        \
    { "curl_" #field, offsetof(struct hub_curl, field) }
static const struct symbol symbols[] = {
    SYMBOL(global_init),
    SYMBOL(easy_init),
    SYMBOL(easy_setopt),
    SYMBOL(easy_getinfo),
    SYMBOL(easy_cleanup),
    SYMBOL(easy_strerror),
    SYMBOL(multi_init),
    SYMBOL(multi_add_handle),
    SYMBOL(multi_perform),
    SYMBOL(multi_poll),
    SYMBOL(multi_remove_handle),
    SYMBOL(multi_info_read),
    SYMBOL(multi_cleanup),
    SYMBOL(slist_append),
    SYMBOL(slist_free_all),
    SYMBOL(url),
    SYMBOL(url_cleanup),
    SYMBOL(url_set),
    SYMBOL(url_get),
    SYMBOL(free),
};
#undef SYMBOL

static int load_library(struct hub_curl *t, struct err *e) {
    void *lib = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!lib)
        return err_set(
            e, ERR_RESOURCE,
            "libcurl is missing, which fetches models (%s): run `apt-get install libcurl4` (as root "
            "or with sudo)",
            dlerror());
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        void *f = dlsym(lib, symbols[i].name);
        if (!f)
            return err_set(e, ERR_RESOURCE,
                           "this libcurl is too old: it has no %s: 7.85 or newer is needed, run `apt-get "
                           "install libcurl4` (as root or with sudo)",
                           symbols[i].name);
        memcpy((char *)t + symbols[i].at, &f, sizeof f);
    }
    if (t->global_init(CURL_GLOBAL_DEFAULT)) return err_set(e, ERR_RESOURCE, "libcurl does not start");
    return 0;
}

const struct hub_curl *hub_curl_load(struct err *e) {
    static struct hub_curl table;
    static bool loaded;
    if (!loaded && load_library(&table, e)) return NULL;
    loaded = true;
    return &table;
}
