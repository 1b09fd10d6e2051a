import CLinux
import Glibc
import System

extension NetlinkSocket {
    /// Opens a socket.
    init(_ family: Family) throws(ReadError) {
        do throws(SystemError) {
            self = try NetlinkSocket(open: family)
        } catch {
            throw ReadError(error)
        }
    }

    /// Sends a request to the kernel.
    func send(_ bytes: [UInt8]) throws(ReadError) {
        do throws(SystemError) {
            try request(bytes)
        } catch {
            throw ReadError(error)
        }
    }

    /// How often it waits for a datagram: for ten seconds in all.
    private static let mostWaits = 50

    /// Receives one datagram whole.
    ///
    /// - Parameter patience: checked after each wait, so that an unwanted answer is given up.
    /// - Returns: its size.
    func receive(into buffer: inout [UInt8], _ patience: Patience = .unlimited) throws(ReadError) -> Int {
        var waits = 0
        while true {
            let count: Int
            do throws(SystemError) {
                count = try fill(&buffer)
            } catch {
                waits += 1
                guard error.errno == EAGAIN, waits < Self.mostWaits else { throw ReadError(error) }
                try patience.check(name)
                continue
            }
            guard count <= buffer.count else {
                throw .malformed(name, "a datagram of \(count) bytes, expected at most \(buffer.count)")
            }
            return count
        }
    }
}

/// The bytes of a netlink request, in the byte order of this machine.
struct NetlinkRequest {
    private(set) var bytes: [UInt8] = []

    /// A request's header; its length is set when it is finished.
    ///
    /// - Parameters:
    ///   - type: what is asked for.
    ///   - flags: beside NLM_F_REQUEST.
    ///   - sequence: the number that the answers carry.
    init(_ type: Int32, flags: Int32, sequence: UInt32) {
        append(UInt32(0))
        append(UInt16(type))
        append(UInt16(NLM_F_REQUEST | flags))
        append(sequence)
        append(UInt32(0))  // to and from port 0: the kernel
    }

    /// Appends a number.
    mutating func append(_ number: some FixedWidthInteger) {
        for shift in 0..<number.bitWidth / 8 {
            #if _endian(little)
            bytes.append(UInt8(truncatingIfNeeded: number >> (8 * shift)))
            #else
            bytes.append(UInt8(truncatingIfNeeded: number >> (number.bitWidth - 8 - 8 * shift)))
            #endif
        }
    }

    /// Appends a number with its highest byte first, as addresses and ports are sent.
    mutating func append(bigEndian number: some FixedWidthInteger) { append(number.bigEndian) }

    mutating func appendZeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }

    /// The whole request, with its length.
    consuming func finished() -> [UInt8] {
        let count = UInt32(bytes.count)
        for index in 0..<4 {
            #if _endian(little)
            bytes[index] = UInt8(truncatingIfNeeded: count >> UInt32(8 * index))
            #else
            bytes[index] = UInt8(truncatingIfNeeded: count >> UInt32(24 - 8 * index))
            #endif
        }
        return bytes
    }
}
