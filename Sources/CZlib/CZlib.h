// zlib: DEFLATE and CRC-32.
#ifndef CZLIB_H
#define CZLIB_H

#include <zlib.h>

/// deflateInit2, which is a macro: raw DEFLATE, without the header of zlib or of gzip.
static inline int czlib_begin_raw(z_stream *_Nonnull stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}

#endif
