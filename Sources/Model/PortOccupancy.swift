/// Which ports are listened on, bound or held, and by what: a set for each, 8 KiB apiece.
package struct PortOccupancy: Equatable, Sendable {
    /// Ports with a LISTEN socket.
    package var listening = PortSet()
    /// Ports of sockets that are bound and neither listen nor are connected, where the kernel shows them.
    package var bound = PortSet()
    /// Ports of the ephemeral range that the kernel can give away; empty without the range.
    package var usable = PortSet()
    /// Local ports of ESTABLISHED sockets, usable or not.
    package var established = PortSet()
    /// Local ports of TIME_WAITs.
    package var timeWait = PortSet()
    /// Local ports of sockets in any other state but LISTEN.
    package var other = PortSet()

    /// Nothing is held.
    package init() {}
}
