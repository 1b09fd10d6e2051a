// GnuTLS, on which libmicrohttpd builds its TLS: what libmicrohttpd leaves to the application.
#ifndef CGNUTLS_H
#define CGNUTLS_H

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

/// gnutls_free, which is a variable that anybody could change, so that Swift would not call it from
/// several threads.
static inline void cgnutls_free(void *_Nullable memory) { gnutls_free(memory); }

#endif
