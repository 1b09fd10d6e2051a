/// A socket that a program may own, in any state but TIME_WAIT, and what leads to its owner.
package struct OwnedSocket: Equatable, Sendable {
    /// The socket.
    package var row: SocketRow
    /// The user who made it (`idiag_uid`), which the kernel shows to everybody.
    package var user: UInt32
    /// Its inode, which a descriptor in /proc/PID/fd names; 0 where no program owns it, as in an accept queue.
    package var inode: UInt64

    /// A socket from its parts.
    package init(row: SocketRow, user: UInt32, inode: UInt64) {
        self.row = row
        self.user = user
        self.inode = inode
    }
}

/// A process that has a socket open.
package struct SocketProcess: Hashable, Sendable {
    /// Its number in the reader's PID namespace.
    package var pid: Int32
    /// The name of its command (/proc/PID/comm), at most 15 bytes; a program chooses it at will.
    package var name: String
    /// Its systemd unit, such as `payments.service`; nil outside of one.
    package var unit: String?
    /// The first 12 digits of its container's id; nil outside of one.
    package var container: String?

    /// A process from its parts.
    package init(pid: Int32, name: String, unit: String? = nil, container: String? = nil) {
        self.pid = pid
        self.name = name
        self.unit = unit
        self.container = container
    }
}

/// What a socket's owner has set on it.
package struct SocketOptions: Equatable, Sendable {
    /// SO_REUSEADDR.
    package var reusesAddress: Bool
    /// SO_REUSEPORT.
    package var reusesPort: Bool
    /// IP_BIND_ADDRESS_NO_PORT: bind() to an address leaves the choice of the port to connect().
    /// nil where the kernel does not tell, as some do not of MPTCP sockets (Go listens on those).
    package var bindsWithoutPort: Bool?

    /// The options of one socket.
    package init(reusesAddress: Bool, reusesPort: Bool, bindsWithoutPort: Bool?) {
        self.reusesAddress = reusesAddress
        self.reusesPort = reusesPort
        self.bindsWithoutPort = bindsWithoutPort
    }
}

/// The sockets of one moment that a program may own, and their owners as far as the reader may see them.
package struct SocketOwners: Sendable {
    /// Every TCP socket of the network namespace that is not TIME_WAIT: listeners, connections, and what is only bound.
    package var sockets: [OwnedSocket] = []
    /// The processes, by the inode of their socket. Of several that share one it is that with the lowest number.
    package var processes: [UInt64: SocketProcess] = [:]
    /// The options, by inode, of the sockets that were asked.
    package var options: [UInt64: SocketOptions] = [:]
    /// The names of users, by their numbers.
    package var userNames: [UInt32: String] = [:]
    /// Sockets that have an inode, and whose process was hidden from the reader.
    package var hidden: [OwnedSocket] = []
    /// Whether options could not be asked for want of a right (PTRACE_MODE_ATTACH, or Linux 5.6).
    package var optionsAreHidden = false

    /// Nothing was seen.
    package init() {}
}
