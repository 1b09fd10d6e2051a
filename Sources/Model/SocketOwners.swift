/// A socket in any state but TIME_WAIT, with what identifies its owner.
package struct OwnedSocket: Equatable, Sendable {
    package var row: SocketRow
    /// The user who created it (`idiag_uid`), which is visible without privilege.
    package var user: UInt32
    /// Its inode, to which a descriptor in /proc/PID/fd links; 0 if no process owns it, as in an
    /// accept queue.
    package var inode: UInt64

    package init(row: SocketRow, user: UInt32, inode: UInt64) {
        self.row = row
        self.user = user
        self.inode = inode
    }
}

/// A socket that keeps a service from binding its port.
package struct PortObstacle: Equatable, Sendable {
    package var socket: OwnedSocket
    /// Whether a listener on the port accepted the connection; if not, it is an outgoing one.
    package var isAccepted: Bool

    package init(socket: OwnedSocket, isAccepted: Bool) {
        self.socket = socket
        self.isAccepted = isAccepted
    }
}

/// A process that has a socket open.
package struct SocketProcess: Hashable, Sendable {
    /// The PID in the reader's PID namespace.
    package var pid: Int32
    /// /proc/PID/comm, at most 15 bytes; the process can set it to anything.
    package var name: String
    /// Its systemd unit, such as `payments.service`; nil outside a unit.
    package var unit: String?
    /// The first 12 digits of its container's id; nil outside a container.
    package var container: String?

    package init(pid: Int32, name: String, unit: String? = nil, container: String? = nil) {
        self.pid = pid
        self.name = name
        self.unit = unit
        self.container = container
    }
}

/// The options of a socket that matter for sharing its port.
package struct SocketOptions: Equatable, Sendable {
    /// SO_REUSEADDR.
    package var reusesAddress: Bool
    /// SO_REUSEPORT.
    package var reusesPort: Bool
    /// IP_BIND_ADDRESS_NO_PORT: bind() to an address leaves the choice of the port to connect().
    /// Nil if the kernel does not report it, as some kernels for MPTCP sockets (the default of Go's
    /// listeners).
    package var bindsWithoutPort: Bool?

    package init(reusesAddress: Bool, reusesPort: Bool, bindsWithoutPort: Bool?) {
        self.reusesAddress = reusesAddress
        self.reusesPort = reusesPort
        self.bindsWithoutPort = bindsWithoutPort
    }
}

/// The sockets of one moment and their owners, as far as the reader has the permission to see them.
package struct SocketOwners: Sendable {
    /// Every TCP socket of the network namespace but TIME_WAITs: listeners, connections, and bound
    /// sockets.
    package var sockets: [OwnedSocket] = []
    /// Processes by the inode of their socket; of several that share a socket, the one with the
    /// lowest PID.
    package var processes: [UInt64: SocketProcess] = [:]
    /// The options of the sockets that were queried, by inode.
    package var options: [UInt64: SocketOptions] = [:]
    /// User names by uid.
    package var userNames: [UInt32: String] = [:]
    /// Sockets with an inode whose process was hidden from the reader.
    package var hidden: [OwnedSocket] = []
    /// Whether options could not be queried without PTRACE_MODE_ATTACH or Linux 5.6.
    package var optionsAreHidden = false

    package init() {}
}
