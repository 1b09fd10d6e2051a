package import Model

/// What else is known of the namespace when its socket table is read: rows are classified by this
/// and by the listeners. What could not be read is nil.
package struct NamespaceFacts: Sendable {
    /// Whether the rows include the sockets that are bound and neither listen nor are connected.
    package var knowsBound: Bool
    /// The ephemeral range and the reserved ports.
    package var range: EphemeralRange?
    /// The ephemeral range, which may be known where the reserved ports are not.
    package var ports: PortRange?
    /// This namespace's own addresses.
    package var addresses: LocalAddresses?
    /// The sysctls that hold one number.
    package var sysctls: SysctlValues? {
        didSet { timing = TimeWaitTiming(sysctls) }
    }
    /// The local ports of UDP sockets.
    package var udpPorts: PortSet?
    /// TWRecycled of /proc/net/netstat.
    package var recycled: UInt64?

    /// How long TIME_WAIT lasts.
    private(set) var timing: TimeWaitTiming

    /// The facts of one moment.
    package init(
        knowsBound: Bool = false,
        range: EphemeralRange? = nil,
        ports: PortRange? = nil,
        addresses: LocalAddresses? = nil,
        sysctls: SysctlValues? = nil,
        udpPorts: PortSet? = nil,
        recycled: UInt64? = nil
    ) {
        self.knowsBound = knowsBound
        self.range = range
        self.ports = ports ?? range?.ports
        self.addresses = addresses
        self.sysctls = sysctls
        timing = TimeWaitTiming(sysctls)
        self.udpPorts = udpPorts
        self.recycled = recycled
    }
}
