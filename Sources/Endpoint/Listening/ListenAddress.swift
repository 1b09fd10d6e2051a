/// Where to listen: an address or a name of this host, and a port.
package struct ListenAddress: Equatable, Sendable {
    enum Host: Equatable, Sendable {
        /// Every address of the host, IPv6 and IPv4.
        case every
        /// An address without brackets; an IPv6 address may carry a zone, as in `fe80::1%eth0`.
        case address(String)
        /// A name, looked up when the socket is made.
        case name(String)
    }

    let host: Host
    /// 0 lets the kernel choose.
    let port: UInt16
}

extension ListenAddress: CustomStringConvertible {
    /// The address as an operator writes it.
    package var description: String {
        switch host {
        case .every: ":\(port)"
        case .address(let address) where address.contains(":"): "[\(address)]:\(port)"
        case .address(let address): "\(address):\(port)"
        case .name(let name): "\(name):\(port)"
        }
    }
}
