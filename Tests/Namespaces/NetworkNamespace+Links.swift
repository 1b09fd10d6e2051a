import Glibc

/// Addresses of the namespace, and the way to another one.
extension NetworkNamespace {
    /// Gives a link an address with its prefix, say `10.9.9.1/32`.
    package func addAddress(_ address: String, to link: String = "lo") throws(NamespaceError) {
        // An IPv6 address would else be unusable for a second or two, until it is known to be
        // nobody else's.
        let flags = address.contains(":") ? ["nodad"] : []
        try output(of: "ip", ["address", "add", address, "dev", link] + flags)
    }

    /// Connects two namespaces by a pair of veth links; each end gets an address with its prefix,
    /// say `10.9.0.1/24` and `10.9.0.2/24`. A normal user can only connect namespaces of which one
    /// was made beside the other.
    /// - Returns: the names of the two links, to which further addresses may be added.
    @discardableResult
    package func connect(
        to other: NetworkNamespace,
        here: String,
        there: String
    ) throws(NamespaceError) -> (here: String, there: String) {
        let names = (here: "veth\(links)", there: "veth\(other.links)")
        links += 1
        other.links += 1
        let peer = ["peer", "name", names.there, "netns", "\(other.process)"]
        try output(of: "ip", ["link", "add", names.here, "type", "veth"] + peer)
        try addAddress(here, to: names.here)
        try other.addAddress(there, to: names.there)
        try output(of: "ip", ["link", "set", names.here, "up"])
        try other.output(of: "ip", ["link", "set", names.there, "up"])
        return names
    }
}
