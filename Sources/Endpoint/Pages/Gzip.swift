import CZlib

enum Gzip {
    /// Compresses bytes. Level 1 makes a page a tenth of its size; level 6 takes twice the time for a thirteenth.
    static func compressed(_ bytes: [UInt8], level: CInt = 1) -> [UInt8] {
        // On the heap, because zlib remembers where it is.
        let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        defer { unsafe stream.deallocate() }
        guard unsafe czlib_begin_gzip(stream, level) == Z_OK else { fatalError("out of memory") }
        defer { unsafe deflateEnd(stream) }
        let capacity = Int(unsafe deflateBound(stream, UInt(bytes.count)))
        return unsafe bytes.withUnsafeBufferPointer { input in
            // Neither zlib nor the buffers outlive this call; zlib reads its input only, const or not.
            unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(input.count)
                unsafe stream.pointee.next_out = output.baseAddress
                unsafe stream.pointee.avail_out = UInt32(capacity)
                // With room for deflateBound() bytes one call is enough.
                precondition(unsafe deflate(stream, Z_FINISH) == Z_STREAM_END)
                count = unsafe capacity - Int(stream.pointee.avail_out)
            }
        }
    }
}
