import CZlib

/// Pieces of DEFLATE data that can be put together in any choice to one gzip member.
///
/// Members behind each other would be simpler, and are gzip too (RFC 1952, 2.2), but curl 7.88 stops with an error
/// behind the first, and Chromium drops the others without a word: tried with both.
struct Deflation: Sendable {
    /// Bytes compressed without a look at what stands before them, up to a byte's end, and with more to come.
    struct Piece: Sendable {
        fileprivate let bytes: [UInt8]
        fileprivate let checksum: UInt
        fileprivate let length: Int
    }

    /// A piece for each range, in their order.
    let pieces: [Piece]

    /// Compresses ranges of bytes. Level 1 makes a page a tenth of its size; level 6 takes twice the time for a
    /// thirteenth.
    init(of bytes: [UInt8], in ranges: [Range<Int>], level: CInt = 1) {
        // On the heap, because zlib remembers where it is.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        defer { unsafe stream.deallocate() }
        guard unsafe czlib_begin_raw(stream, level) == Z_OK else { fatalError("out of memory") }
        defer { unsafe deflateEnd(stream) }
        pieces = ranges.map { range in
            unsafe deflateReset(stream)
            return unsafe Self.piece(of: bytes, in: range, with: stream)
        }
    }

    private static func piece(
        of bytes: [UInt8],
        in range: Range<Int>,
        with stream: UnsafeMutablePointer<z_stream>
    ) -> Piece {
        // The bound is for the end of a stream; a full flush takes a few bytes more.
        let capacity = Int(unsafe deflateBound(stream, UInt(range.count))) + 64
        return unsafe bytes.withUnsafeBufferPointer { all in
            // Neither zlib nor the buffers outlive this call; zlib reads its input only, const or not.
            let input = unsafe UnsafeMutableBufferPointer(mutating: UnsafeBufferPointer(rebasing: all[range]))
            let compressed = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
                unsafe stream.pointee.next_in = input.baseAddress
                unsafe stream.pointee.avail_in = UInt32(input.count)
                unsafe stream.pointee.next_out = output.baseAddress
                unsafe stream.pointee.avail_out = UInt32(capacity)
                let code = unsafe deflate(stream, Z_FULL_FLUSH)
                precondition(unsafe code == Z_OK && stream.pointee.avail_in == 0 && stream.pointee.avail_out > 0)
                count = unsafe capacity - Int(stream.pointee.avail_out)
            }
            let checksum = unsafe crc32_z(0, input.baseAddress, input.count)
            return Piece(bytes: compressed, checksum: checksum, length: range.count)
        }
    }

    /// A gzip member that holds some of the pieces, in the order given.
    static func member(_ pieces: [Piece]) -> [UInt8] {
        // Magic number, DEFLATE, no flags, no time, nothing said of the level, Unix.
        var member: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
        member.reserveCapacity(pieces.reduce(20) { $0 + $1.bytes.count })
        var checksum: UInt = crc32(0, nil, 0)
        var length = 0
        for piece in pieces {
            member += piece.bytes
            checksum = crc32_combine(checksum, piece.checksum, piece.length)
            length += piece.length
        }
        // An empty block that is the last.
        member += [0x03, 0x00]
        for number in [UInt32(truncatingIfNeeded: checksum), UInt32(truncatingIfNeeded: length)] {
            for shift in stride(from: UInt32(0), to: 32, by: 8) {
                member.append(UInt8(truncatingIfNeeded: number >> shift))
            }
        }
        return member
    }
}
