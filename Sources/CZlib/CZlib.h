// zlib: gzip.
#ifndef CZLIB_H
#define CZLIB_H

#include <zlib.h>

/// deflateInit2, which is a macro: a gzip member.
static inline int czlib_begin_gzip(z_stream *_Nonnull stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY);
}

#endif
