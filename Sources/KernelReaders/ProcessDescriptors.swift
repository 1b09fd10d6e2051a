import Glibc
package import Model
import System

/// A process whose sockets are looked at, by a handle that a later process of the same number does
/// not take over.
///
/// For a moment it makes a descriptor of the process ours as well (pidfd_getfd(2)), which takes the
/// right to trace it (PTRACE_MODE_ATTACH). The process notices nothing of that: closing a copy
/// leaves the connection and the listener alone. But as long as a copy is open the socket is, even
/// if its process ends; so none is kept.
package struct ProcessHandle: ~Copyable {
    private let process: ProcessDescriptor

    /// The handle of the process with a number in our PID namespace.
    package init(_ process: Int32) throws(ReadError) {
        do throws(SystemError) {
            self.process = try ProcessDescriptor(open: process)
        } catch {
            throw ReadError(error)
        }
    }

    /// Both ends of the process' TCP or UDP socket with an inode; nil where it has none, or where
    /// another file has taken its place.
    ///
    /// - Parameter number: the descriptor that the socket was seen at.
    func ends(
        ofSocket inode: UInt64,
        at number: Int32
    ) -> (local: (address: IPAddress, port: Port), remote: (address: IPAddress, port: Port))? {
        guard let copy = try? process.copy(of: number), copy.inode == inode,
            let remote = copy.remoteAddress.flatMap(Self.end), let local = copy.localAddress.flatMap(Self.end)
        else { return nil }
        return (local, remote)
    }

    static func end(_ address: SocketAddress) -> (address: IPAddress, port: Port)? {
        guard let numbers = address.numbers else { return nil }
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        let bytes = numbers.address
        let ip =
            bytes.count == 4
            ? IPAddress(v4: UInt32(number(bytes)))
            : IPAddress(high: number(bytes.prefix(8)), low: number(bytes.suffix(8)))
        return (ip, numbers.port)
    }

    /// The options of the process' socket with an inode.
    ///
    /// - Parameter number: the descriptor that the socket was seen at.
    /// - Returns: nil where another file has taken its place.
    package func options(ofSocket inode: UInt64, at number: Int32) throws(ReadError) -> SocketOptions? {
        let copy: Socket
        do throws(SystemError) {
            copy = try process.copy(of: number)
        } catch {
            // EBADF: the process has closed it.
            throw ReadError(call: error.call, path: error.path, errno: error.errno == EBADF ? ENOENT : error.errno)
        }
        guard copy.inode == inode, let reusesAddress = Self.isSet(SO_REUSEADDR, SOL_SOCKET, of: copy),
            let reusesPort = Self.isSet(SO_REUSEPORT, SOL_SOCKET, of: copy)
        else { return nil }
        return SocketOptions(
            reusesAddress: reusesAddress,
            reusesPort: reusesPort,
            // IPv6 sockets have it too, on this level.
            bindsWithoutPort: Self.isSet(IP_BIND_ADDRESS_NO_PORT, CInt(IPPROTO_IP), of: copy)
        )
    }

    private static func isSet(_ option: CInt, _ level: CInt, of socket: borrowing Socket) -> Bool? {
        Sockets.option(option, level, of: socket.descriptor).map { $0 != 0 }
    }
}

/// The entries of a folder of procfs whose names are numbers, some at a time: processes, or
/// descriptors.
struct NumberedEntries {
    private var buffer = [UInt8](repeating: 0, count: 32 * 1024)
    /// The numbers of the last reading.
    private(set) var numbers: [Int32] = []

    /// Reads the next ones.
    ///
    /// - Returns: false at the end of the folder.
    mutating func read(from folder: borrowing Folder) throws(ReadError) -> Bool {
        let count = try folder.readEntries(into: &buffer)
        numbers = buffer.span.extracting(0..<count).numbersOfEntries
        return count > 0
    }

    /// Appends the numbers of all entries of a folder, or, if an error is thrown, of those before
    /// it.
    mutating func append(allOf path: String, to numbers: inout [Int32]) throws(ReadError) {
        let folder = try Folder(path)
        while try read(from: folder) { numbers += self.numbers }
    }
}

extension Span<UInt8> {
    /// The names that are numbers, of bytes that are filled with `struct linux_dirent64`: two
    /// numbers of 64 bits, the entry's length in 16, a type in 8, and its name with a zero behind
    /// it.
    fileprivate var numbersOfEntries: [Int32] {
        var numbers: [Int32] = []
        var start = 0
        while start + 19 < count {
            let length = Int(native16(at: start + 16))
            guard length > 19, start + length <= count else { break }
            var end = start + 19
            while end < start + length, self[end] != 0 { end += 1 }
            if let number = decimal(in: start + 19..<end, as: Int32.self) { numbers.append(number) }
            start += length
        }
        return numbers
    }
}
