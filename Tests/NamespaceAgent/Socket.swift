import Glibc

/// A socket, closed when nobody holds it any more.
final class Socket {
    /// How many seconds any step of a socket may take: far more than a working one needs, and a
    /// bound for a broken one.
    static let patience = 5

    /// The socket's file descriptor.
    let descriptor: Int32

    /// A new socket of an address family, for TCP unless it is said otherwise.
    init(family: Int32, type: __socket_type = SOCK_STREAM) throws(Failure) {
        descriptor = socket(family, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(call: "socket") }
        // They bound connect() and accept() as well, and accepted sockets inherit them.
        try set(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: Self.patience, tv_usec: 0))
        try set(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: Self.patience, tv_usec: 0))
    }

    /// Takes over a descriptor that accept() gave.
    private init(accepted descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Sets an option of any type.
    func set<Value: BitwiseCopyable>(_ level: Int32, _ option: Int32, _ value: Value) throws(Failure) {
        let result = unsafe withUnsafeBytes(of: value) {
            unsafe setsockopt(descriptor, level, option, $0.baseAddress, socklen_t($0.count))
        }
        guard result == 0 else { throw Failure(call: "setsockopt \(option)") }
    }

    /// Binds to an address and a port; port 0 leaves the choice to the kernel.
    func bind(to address: Address, _ port: UInt16) throws(Failure) {
        let result = unsafe address.withSocketAddress(port: port) { unsafe Glibc.bind(descriptor, $0, $1) }
        guard result == 0 else { throw Failure(call: "bind \(address.text) port \(port)") }
    }

    /// Listens, with room for a number of connections that wait for accept().
    func listen(backlog: Int) throws(Failure) {
        guard Glibc.listen(descriptor, Int32(backlog)) == 0 else { throw Failure(call: "listen") }
    }

    /// Connects. False if the kernel has no source port to give, or not the one it was told to
    /// take: another may do.
    func connect(to address: Address, _ port: UInt16) throws(Failure) -> Bool {
        let result = unsafe address.withSocketAddress(port: port) { unsafe Glibc.connect(descriptor, $0, $1) }
        if result == 0 { return true }
        if errno == EADDRNOTAVAIL { return false }
        throw Failure(call: "connect to \(address.text) port \(port)")
    }

    /// The next connection of a listener, and the port of the peer.
    func accept() throws(Failure) -> (socket: Socket, peerPort: UInt16) {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw Failure(call: "accept") }
        let socket = Socket(accepted: accepted)
        return (socket, try socket.port(ofPeer: true))
    }

    /// The port that the socket is bound to.
    func localPort() throws(Failure) -> UInt16 {
        try port(ofPeer: false)
    }

    /// The port of one of the two ends.
    private func port(ofPeer: Bool) throws(Failure) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = unsafe withUnsafeMutablePointer(to: &storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe ofPeer ? getpeername(descriptor, address, &length) : getsockname(descriptor, address, &length)
            }
        }
        guard result == 0 else { throw Failure(call: ofPeer ? "getpeername" : "getsockname") }
        // The port stands at the same place for IPv4 and IPv6.
        return unsafe withUnsafeBytes(of: storage) { unsafe UInt16($0[2]) << 8 | UInt16($0[3]) }
    }
}
