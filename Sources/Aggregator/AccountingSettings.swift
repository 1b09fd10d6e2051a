package import Model

/// How much the accounting keeps and tells, as flags say it.
package struct AccountingSettings: Sendable {
    /// How many LISTEN ports get a line of their own; 0 for none.
    package var portsLimit = 100
    /// The ports that may get a line of their own, or be learnt as a service's; nil for all.
    package var portsIncluded: PortSet?
    /// Those of them that may not.
    package var portsExcluded = PortSet()
    /// Of how many ports the counters are kept when nobody listens any more.
    package var portsRemembered = 4096
    /// How many TIME_WAIT sockets are told apart from one reading to the next.
    package var socketsLimit = 4_194_304
    /// How many destinations get a line of their own; 0 for none.
    package var destinationsLimit = 10
    /// How many peers of each port get a line; 0 for none.
    package var peersLimit = 0
    /// The TCP ports that services are known to need.
    package var servicePorts = PortSet()
    /// The UDP ports that they do.
    package var udpServicePorts = PortSet()
    /// How many service ports get a line; 0 for none.
    package var servicesLimit = 100

    /// Whether a port may get a line of its own, or be learnt as a service's.
    func includes(_ port: Port) -> Bool {
        portsIncluded?.contains(port) != false && !portsExcluded.contains(port)
    }

    /// The settings that hold where nothing else is said.
    package init() {}
}
