/// The sections of the page, in its order.
package enum PageSection: String, CaseIterable, Sendable {
    case socketTable = "socket_table"
    case ephemeralRange = "ephemeral_range"
    case udp
    case sysctl
    case sockstat
    case netstat
    case sampler
    case exporter
    case process
}
