// GNU libmicrohttpd, and what Swift cannot call of it: functions with a variable number of
// arguments, and a callback that takes a va_list, which Swift is known to hand over faithfully on
// x86-64 only.
#ifndef CMICROHTTPD_H
#define CMICROHTTPD_H

// libmicrohttpd 1.0 deprecates functions whose successors 0.9.75 does not have.
#define MHD_NO_DEPRECATION 1
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>

/// Who receives libmicrohttpd's own log lines, as text. It must live as long as the daemon.
struct cmhd_log_sink {
    void (*_Nonnull line)(void *_Nonnull context, const char *_Nonnull text);
    void *_Nonnull context;
};

/// The functions that libmicrohttpd calls, all with the same context.
struct cmhd_callbacks {
    MHD_NotifyConnectionCallback _Nonnull connection_changes;
    void *_Nullable (*_Nonnull request_begins)(void *_Nullable context, const char *_Nullable uri,
                                               struct MHD_Connection *_Nullable connection);
    MHD_AccessHandlerCallback _Nonnull request;
    MHD_RequestCompletedCallback _Nonnull request_ends;
    void *_Nonnull context;
};

/// The numbers of a daemon.
struct cmhd_limits {
    unsigned int connections;
    size_t memory_per_connection;
    /// Seconds without a byte after which a connection is closed.
    unsigned int idle_seconds;
};

/// An MHD_LogCallback. In C because of the va_list.
static inline void cmhd_log(void *_Nonnull sink, const char *_Nonnull format, va_list arguments) {
    const struct cmhd_log_sink *to = (const struct cmhd_log_sink *)sink;
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    to->line(to->context, text);
}

/// A gnutls_certificate_retrieve_function2 without any certificate. libmicrohttpd wants a
/// certificate or such a function before it starts; each connection is given its credentials before
/// the handshake.
static inline int cmhd_no_certificate(void) { return -1; }

/// MHD_start_daemon, which is variadic: a daemon that serves the connections it is given. The
/// logger comes first, or what goes wrong in later options is printed on stderr.
static inline struct MHD_Daemon *_Nullable cmhd_start(int tls, struct cmhd_limits limits, struct cmhd_callbacks callbacks,
                                                      struct cmhd_log_sink *_Nonnull sink) {
    struct MHD_OptionItem tls_options[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)cmhd_no_certificate},
        {MHD_OPTION_END, 0, NULL},
    };
    // With epoll, 0.9.75 calls gnutls_handshake() without a pause as long as a client that has sent
    // a byte of its handshake does not go on: one such client takes a whole core.
    unsigned int flags = (tls ? MHD_USE_POLL_INTERNAL_THREAD : MHD_USE_EPOLL_INTERNAL_THREAD) | MHD_USE_NO_LISTEN_SOCKET |
                         MHD_USE_ITC | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
    return MHD_start_daemon(
        tls ? flags | MHD_USE_TLS : flags, 0, NULL, NULL,
        callbacks.request, callbacks.context,
        MHD_OPTION_EXTERNAL_LOGGER, cmhd_log, sink,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, limits.connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits.memory_per_connection,
        MHD_OPTION_CONNECTION_TIMEOUT, limits.idle_seconds,
        MHD_OPTION_NOTIFY_CONNECTION, callbacks.connection_changes, callbacks.context,
        MHD_OPTION_URI_LOG_CALLBACK, callbacks.request_begins, callbacks.context,
        MHD_OPTION_NOTIFY_COMPLETED, callbacks.request_ends, callbacks.context,
        MHD_OPTION_ARRAY, tls ? tls_options : tls_options + 1,
        MHD_OPTION_END);
}

/// MHD_set_connection_option, which is variadic: the seconds without a byte after which this
/// connection is closed.
static inline void cmhd_set_idle_seconds(struct MHD_Connection *_Nonnull connection, unsigned int seconds) {
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

/// MHD_get_connection_info, which is variadic: the status code of the answer queued on a
/// connection, 0 where there is none.
static inline unsigned int cmhd_status(struct MHD_Connection *_Nonnull connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    return info == NULL ? 0 : info->http_status;
}

/// MHD_get_connection_info again: the socket of a connection.
static inline int cmhd_socket(struct MHD_Connection *_Nonnull connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

/// MHD_get_connection_info again: the GnuTLS session of a connection, NULL where it is plain HTTP.
static inline void *_Nullable cmhd_tls_session(struct MHD_Connection *_Nonnull connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info == NULL ? NULL : info->tls_session;
}

/// MHD_get_connection_info again: what the callback connection_changes has attached to a
/// connection.
static inline void *_Nullable cmhd_context(struct MHD_Connection *_Nonnull connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

#endif
