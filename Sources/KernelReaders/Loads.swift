/// Numbers out of the kernel's memory, wherever they lie in the bytes.
extension Span<UInt8> {
    /// A C struct of integers as it lies in the bytes.
    @inline(__always)
    func load<Struct: BitwiseCopyable>(_ type: Struct.Type, at offset: Int) -> Struct {
        // As below: every bit pattern is a value.
        unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type)
    }

    /// Eight bytes as a number, the first one lowest.
    @inline(__always)
    func word64(at offset: Int) -> UInt64 {
        // Checked against the span's bounds, and every bit pattern is a UInt64: what is unsafe
        // about it is only the name.
        unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Two bytes as a number in the byte order of this machine.
    @inline(__always)
    func native16(at offset: Int) -> UInt16 {
        // As below.
        unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }

    /// Four bytes as a number in the byte order of this machine.
    @inline(__always)
    func native32(at offset: Int) -> UInt32 {
        // As below.
        unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }

    /// Four bytes as a number, the first one highest.
    @inline(__always)
    func bigEndian32(at offset: Int) -> UInt32 { UInt32(bigEndian: native32(at: offset)) }
}
