// What is called of libcurl, which is neither linked with nor needed to build: it is loaded when an
// exporter elsewhere is asked, or a prober has HTTP to speak, so that the exporter that serves has
// no library more in its memory and its package no dependency more. Prototypes and numbers are
// those of curl/curl.h; libcurl.so.4 has kept them since 2006 (https://curl.se/libcurl/abi.html).
#ifndef CCURL_H
#define CCURL_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>

/// The library of Debian's curl, and the one of git and others.
#define CCURL_LIBRARY "libcurl.so.4"
#define CCURL_LIBRARY_OF_GNUTLS "libcurl-gnutls.so.4"

// CURLoption
enum {
    CCURL_OPT_TIMEOUT_MS = 155,
    CCURL_OPT_CONNECTTIMEOUT_MS = 156,
    CCURL_OPT_SSL_VERIFYPEER = 64,
    CCURL_OPT_SSL_VERIFYHOST = 81,
    CCURL_OPT_PROTOCOLS = 181,
    CCURL_OPT_WRITEDATA = 10001,
    CCURL_OPT_URL = 10002,
    CCURL_OPT_ERRORBUFFER = 10010,
    CCURL_OPT_USERAGENT = 10018,
    CCURL_OPT_SSLCERT = 10025,
    CCURL_OPT_CAINFO = 10065,
    CCURL_OPT_SSLKEY = 10087,
    CCURL_OPT_USERNAME = 10173,
    CCURL_OPT_PASSWORD = 10174,
    CCURL_OPT_WRITEFUNCTION = 20011,
};

// CURLPROTO_
enum { CCURL_PROTOCOL_HTTP = 1, CCURL_PROTOCOL_HTTPS = 2 };

// CURLcode
enum {
    CCURL_OK = 0,
    CCURL_UNSUPPORTED_PROTOCOL = 1,
    CCURL_URL_MALFORMAT = 3,
    CCURL_COULDNT_RESOLVE_PROXY = 5,
    CCURL_COULDNT_RESOLVE_HOST = 6,
    CCURL_COULDNT_CONNECT = 7,
    CCURL_WEIRD_SERVER_REPLY = 8,
    CCURL_OUT_OF_MEMORY = 27,
    CCURL_OPERATION_TIMEDOUT = 28,
    CCURL_SSL_CONNECT_ERROR = 35,
    CCURL_GOT_NOTHING = 52,
    CCURL_SEND_ERROR = 55,
    CCURL_RECV_ERROR = 56,
    CCURL_SSL_CERTPROBLEM = 58,
    CCURL_PEER_FAILED_VERIFICATION = 60,
    CCURL_SSL_CACERT_BADFILE = 77,
};

// CURLINFO
enum { CCURL_INFO_CONTENT_TYPE = 0x100012, CCURL_INFO_RESPONSE_CODE = 0x200002, CCURL_INFO_OS_ERRNO = 0x200019 };

// CURL_ERROR_SIZE
enum { CCURL_ERROR_SIZE = 256 };

/// A curl_write_callback.
typedef size_t (*ccurl_writer)(char *bytes, size_t one, size_t count, void *context);

/// The functions of a library that is loaded.
typedef struct {
    void *easy_init, *easy_setopt, *easy_perform, *easy_getinfo, *easy_cleanup, *easy_strerror;
} ccurl_functions;

/// Finds the functions; false where one is missing.
static inline bool ccurl_find(ccurl_functions *functions, void *library) {
    functions->easy_init = dlsym(library, "curl_easy_init");
    functions->easy_setopt = dlsym(library, "curl_easy_setopt");
    functions->easy_perform = dlsym(library, "curl_easy_perform");
    functions->easy_getinfo = dlsym(library, "curl_easy_getinfo");
    functions->easy_cleanup = dlsym(library, "curl_easy_cleanup");
    functions->easy_strerror = dlsym(library, "curl_easy_strerror");
    return functions->easy_init && functions->easy_setopt && functions->easy_perform && functions->easy_getinfo &&
           functions->easy_cleanup && functions->easy_strerror;
}

// The calls: Swift can neither call a variadic function nor one that it has as void *.

static inline void *ccurl_init(ccurl_functions functions) { return ((void *(*)(void))functions.easy_init)(); }

static inline int ccurl_perform(ccurl_functions functions, void *curl) {
    return ((int (*)(void *))functions.easy_perform)(curl);
}

static inline void ccurl_cleanup(ccurl_functions functions, void *curl) {
    ((void (*)(void *))functions.easy_cleanup)(curl);
}

static inline const char *ccurl_strerror(ccurl_functions functions, int code) {
    return ((const char *(*)(int))functions.easy_strerror)(code);
}

static inline int ccurl_set_number(ccurl_functions functions, void *curl, int option, long value) {
    return ((int (*)(void *, int, ...))functions.easy_setopt)(curl, option, value);
}

static inline int ccurl_set_pointer(ccurl_functions functions, void *curl, int option, const void *value) {
    return ((int (*)(void *, int, ...))functions.easy_setopt)(curl, option, value);
}

static inline int ccurl_set_writer(ccurl_functions functions, void *curl, ccurl_writer value) {
    return ((int (*)(void *, int, ...))functions.easy_setopt)(curl, CCURL_OPT_WRITEFUNCTION, value);
}

/// A number that is known of the transfer; 0 where it is not.
static inline long ccurl_number(ccurl_functions functions, void *curl, int info) {
    long value = 0;
    return ((int (*)(void *, int, ...))functions.easy_getinfo)(curl, info, &value) == CCURL_OK ? value : 0;
}

/// A text that is known of the transfer, and lives as long as the handle; NULL where it is not.
static inline const char *ccurl_text(ccurl_functions functions, void *curl, int info) {
    const char *value = NULL;
    return ((int (*)(void *, int, ...))functions.easy_getinfo)(curl, info, &value) == CCURL_OK ? value : NULL;
}

#endif
