import Advice
import Model

/// What the services on ports are called, as far as the reader may know.
struct ServiceNames {
    private var names: [Port: String] = [:]

    /// The names of a situation: the unit or command of a listener that was seen, else the user who runs it.
    init(_ situation: Situation) {
        guard let owners = situation.owners else { return }
        for socket in owners.sockets where socket.row.state == .listen && names[socket.row.localPort] == nil {
            let user = owners.userNames[socket.user].map { "user \(Wording.name($0))" } ?? "uid \(socket.user)"
            names[socket.row.localPort] = owners.processes[socket.inode]?.shortName ?? user
        }
    }

    /// The name of a port's service; nil where nobody knows.
    subscript(port: Port) -> String? { names[port] }
}
