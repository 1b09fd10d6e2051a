import Glibc
package import Model
import System

/// What bind() depends on beside the sockets that are there.
package enum BindConditions {
    /// The address that a text such as `127.0.0.1`, `::1` or `fe80::1%eth0` denotes, with the index
    /// of the interface that a link-local one names; nil for a name or anything else.
    package static func address(_ text: String) -> (address: IPAddress, device: UInt32)? {
        guard let host = text.split(separator: "%", omittingEmptySubsequences: false).first.map(String.init),
            SocketAddress.isAddress(host, of: AF_INET) || SocketAddress.isAddress(host, of: AF_INET6),
            let found = try? SocketAddress.find(text, port: 0, flags: AI_NUMERICHOST).first,
            let end = ProcessHandle.end(found)
        else { return nil }
        return (end.address, found.zone)
    }

    /// Whether this process may bind ports below `ip_unprivileged_port_start`
    /// (CAP_NET_BIND_SERVICE); nil if unknown.
    package static var mayBindPrivilegedPorts: Bool? {
        let effective = try? ProcFilesystem(mount: "/proc").withContents(of: "/proc/self/status") { bytes in
            String(decoding: (0..<bytes.count).map { bytes[$0] }, as: UTF8.self)
                .split(separator: "\n").first { $0.hasPrefix("CapEff:\t") }
                .flatMap { UInt64($0.dropFirst("CapEff:\t".count), radix: 16) }
        }
        // CAP_NET_BIND_SERVICE is number 10 (include/uapi/linux/capability.h).
        return (effective ?? nil).map { $0 & 1 << 10 != 0 }
    }
}

extension ProcFilesystem {
    /// Whether bind() takes addresses that no interface has (`ip_nonlocal_bind`).
    package func bindsForeignAddresses(ofIPv4 isIPv4: Bool) -> Bool {
        let path = mount + (isIPv4 ? "/sys/net/ipv4/" : "/sys/net/ipv6/") + "ip_nonlocal_bind"
        let value = try? withSysctl(path) { line in line.decimal(in: 0..<line.count, as: Int.self) }
        return (value ?? nil) == 1
    }

    /// The namespace's own addresses, over rtnetlink or, where that is refused, from procfs.
    package func ownAddresses() throws(ReadError) -> LocalAddresses {
        if isLive {
            do throws(ReadError) {
                var routes = try RouteTable()
                return try routes.localAddresses()
            } catch {
                // Falls back to procfs.
            }
        }
        return try localAddresses()
    }
}
