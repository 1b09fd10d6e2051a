package import Ports

/// How much the accounting keeps and tells, as flags say it.
package struct AccountingSettings: Sendable {
    /// How many LISTEN ports get a line of their own; 0 for none.
    package var portsLimit = 100
    /// Of how many ports the counters are kept when nobody listens any more.
    package var portsRemembered = 4096
    /// How many TIME_WAIT sockets are told apart from one reading to the next.
    package var socketsLimit = 4_194_304
    /// How many destinations get a line of their own; 0 for none.
    package var destinationsLimit = 10
    /// How many peers of each port get a line; 0 for none.
    package var peersLimit = 0
    /// The ports that services are known to need.
    package var servicePorts = PortSet()
    /// How many service ports get a line; 0 for none.
    package var servicesLimit = 100

    /// The settings that hold where nothing else is said.
    package init() {}
}
