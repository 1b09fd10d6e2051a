// What is called of libcurl's multi interface, with which one thread runs many transfers, and the
// options of transfers that keep their connections. Loaded and declared as CCurl.h explains.
#ifndef CCURL_MULTI_H
#define CCURL_MULTI_H

#include "CCurl.h"

// CURLoption
enum {
    CCURL_OPT_NOBODY = 44,
    CCURL_OPT_FORBID_REUSE = 75,
    CCURL_OPT_HTTP_VERSION = 84,
    CCURL_OPT_BUFFERSIZE = 98,
    CCURL_OPT_NOSIGNAL = 99,
    CCURL_OPT_LOCALPORT = 139,
    CCURL_OPT_HTTP09_ALLOWED = 285,
    CCURL_OPT_MAXAGE_CONN = 288,
    CCURL_OPT_PROXY = 10004,
    CCURL_OPT_HTTPHEADER = 10023,
    CCURL_OPT_HEADERDATA = 10029,
    CCURL_OPT_PRIVATE = 10103,
    CCURL_OPT_SOCKOPTDATA = 10149,
    CCURL_OPT_CLOSESOCKETDATA = 10209,
    CCURL_OPT_CONNECT_TO = 10243,
    CCURL_OPT_HEADERFUNCTION = 20079,
    CCURL_OPT_SOCKOPTFUNCTION = 20148,
    CCURL_OPT_CLOSESOCKETFUNCTION = 20208,
};

// CURL_HTTP_VERSION_
enum { CCURL_HTTP_VERSION_1_1 = 2 };

// CURLcode
enum {
    CCURL_PARTIAL_FILE = 18,
    CCURL_WRITE_ERROR = 23,
    CCURL_TOO_LARGE = 100,
    CCURL_INTERFACE_FAILED = 45,
    CCURL_SSL_CIPHER = 59,
    CCURL_NO_CONNECTION_AVAILABLE = 89,
};

// CURLINFO
enum {
    CCURL_INFO_NUM_CONNECTS = 0x20001A,
    CCURL_INFO_CONNECT_TIME_T = 0x600034,
    CCURL_INFO_PRETRANSFER_TIME_T = 0x600035,
};

// CURLMoption
enum {
    CCURL_MULTI_PIPELINING = 3,
    CCURL_MULTI_MAXCONNECTS = 6,
    CCURL_MULTI_MAX_TOTAL_CONNECTIONS = 13,
    CCURL_MULTI_SOCKETDATA = 10002,
    CCURL_MULTI_TIMERDATA = 10005,
    CCURL_MULTI_SOCKETFUNCTION = 20001,
    CCURL_MULTI_TIMERFUNCTION = 20004,
};

// What a transfer waits for, and what has happened.
enum { CCURL_POLL_IN = 1, CCURL_POLL_OUT = 2, CCURL_POLL_INOUT = 3, CCURL_POLL_REMOVE = 4 };
enum { CCURL_SOCKET_TIMEOUT = -1, CCURL_CSELECT_IN = 1, CCURL_CSELECT_OUT = 2 };

/// A curl_socket_callback: what is to be waited for.
typedef int (*ccurl_socket_watcher)(void *curl, int socket, int what, void *context, void *of_socket);
/// A curl_multi_timer_callback: when to call without an event.
typedef int (*ccurl_timer_setter)(void *multi, long milliseconds, void *context);
/// A curl_sockopt_callback: a socket is made and not bound yet.
typedef int (*ccurl_socket_opener)(void *context, int socket, int purpose);
/// A curl_closesocket_callback: a socket is to be closed.
typedef int (*ccurl_socket_closer)(void *context, int socket);

/// The functions of a library that is loaded.
typedef struct {
    void *init, *cleanup, *add_handle, *remove_handle, *socket_action, *info_read, *setopt, *list_append, *list_free;
} ccurl_multi_functions;

/// Finds the functions; false where one is missing.
static inline bool ccurl_multi_find(ccurl_multi_functions *functions, void *library) {
    functions->init = dlsym(library, "curl_multi_init");
    functions->cleanup = dlsym(library, "curl_multi_cleanup");
    functions->add_handle = dlsym(library, "curl_multi_add_handle");
    functions->remove_handle = dlsym(library, "curl_multi_remove_handle");
    functions->socket_action = dlsym(library, "curl_multi_socket_action");
    functions->info_read = dlsym(library, "curl_multi_info_read");
    functions->setopt = dlsym(library, "curl_multi_setopt");
    functions->list_append = dlsym(library, "curl_slist_append");
    functions->list_free = dlsym(library, "curl_slist_free_all");
    return functions->init && functions->cleanup && functions->add_handle && functions->remove_handle &&
           functions->socket_action && functions->info_read && functions->setopt && functions->list_append &&
           functions->list_free;
}

// The calls.

static inline void *ccurl_multi_init(ccurl_multi_functions functions) { return ((void *(*)(void))functions.init)(); }

static inline void ccurl_multi_cleanup(ccurl_multi_functions functions, void *multi) {
    ((int (*)(void *))functions.cleanup)(multi);
}

static inline int ccurl_multi_add(ccurl_multi_functions functions, void *multi, void *curl) {
    return ((int (*)(void *, void *))functions.add_handle)(multi, curl);
}

static inline int ccurl_multi_remove(ccurl_multi_functions functions, void *multi, void *curl) {
    return ((int (*)(void *, void *))functions.remove_handle)(multi, curl);
}

static inline void ccurl_multi_action(ccurl_multi_functions functions, void *multi, int socket, int events) {
    int running = 0;
    ((int (*)(void *, int, int, int *))functions.socket_action)(multi, socket, events, &running);
}

static inline void ccurl_multi_set_number(ccurl_multi_functions functions, void *multi, int option, long value) {
    ((int (*)(void *, int, ...))functions.setopt)(multi, option, value);
}

/// Sets both callbacks, which get the context.
static inline void ccurl_multi_set_callbacks(ccurl_multi_functions functions, void *multi, ccurl_socket_watcher watcher,
                                             ccurl_timer_setter setter, void *context) {
    int (*setopt)(void *, int, ...) = (int (*)(void *, int, ...))functions.setopt;
    setopt(multi, CCURL_MULTI_SOCKETFUNCTION, watcher);
    setopt(multi, CCURL_MULTI_SOCKETDATA, context);
    setopt(multi, CCURL_MULTI_TIMERFUNCTION, setter);
    setopt(multi, CCURL_MULTI_TIMERDATA, context);
}

/// Sets the callbacks of a transfer's sockets and of its headers, which get the context.
static inline void ccurl_set_callbacks(ccurl_functions functions, void *curl, ccurl_socket_opener opener,
                                       ccurl_socket_closer closer, ccurl_writer header, void *context) {
    int (*setopt)(void *, int, ...) = (int (*)(void *, int, ...))functions.easy_setopt;
    setopt(curl, CCURL_OPT_SOCKOPTFUNCTION, opener);
    setopt(curl, CCURL_OPT_SOCKOPTDATA, context);
    setopt(curl, CCURL_OPT_CLOSESOCKETFUNCTION, closer);
    setopt(curl, CCURL_OPT_CLOSESOCKETDATA, context);
    setopt(curl, CCURL_OPT_HEADERFUNCTION, header);
    setopt(curl, CCURL_OPT_HEADERDATA, context);
}

/// The next transfer that has ended, and its CURLcode; NULL where there is no more.
static inline void *ccurl_multi_next_done(ccurl_multi_functions functions, void *multi, int *code) {
    // CURLMsg; CURLMSG_DONE, which is 1, is the only message that there is.
    typedef struct {
        int message;
        void *curl;
        union {
            void *whatever;
            int result;
        } data;
    } message;
    int left = 0;
    message *next;
    while ((next = ((message * (*)(void *, int *)) functions.info_read)(multi, &left))) {
        if (next->message != 1) continue;
        *code = next->data.result;
        return next->curl;
    }
    return NULL;
}

/// A list with one more text, which is copied; NULL where there is no memory.
static inline void *ccurl_list_append(ccurl_multi_functions functions, void *list, const char *text) {
    return ((void *(*)(void *, const char *))functions.list_append)(list, text);
}

static inline void ccurl_list_free(ccurl_multi_functions functions, void *list) {
    ((void (*)(void *))functions.list_free)(list);
}

/// A number of 64 bits that is known of the transfer; 0 where it is not.
static inline long long ccurl_large_number(ccurl_functions functions, void *curl, int info) {
    long long value = 0;
    return ((int (*)(void *, int, ...))functions.easy_getinfo)(curl, info, &value) == CCURL_OK ? value : 0;
}

#endif
