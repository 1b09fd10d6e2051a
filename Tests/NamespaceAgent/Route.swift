import Glibc

/// Where a connection goes, and from where.
struct Route {
    /// The address to connect to.
    let address: Address
    /// The port to connect to.
    let port: UInt16
    /// The address to connect from; nil leaves it to the kernel.
    var source: Address?
    /// The first source port, bound explicitly as a program with a fixed port does it; the next
    /// connections of the command take the ports after it. Nil takes ports of ip_local_port_range
    /// as connect() does by itself.
    var sourcePort: UInt16?
    /// Whether the client sets SO_REUSEADDR before it binds its source port.
    var reuseAddress = false

    /// The route in a failure's sentence.
    var text: String { "\(address.text) port \(port)" + (source.map { " from \($0.text)" } ?? "") }
}

/// How a command gives its route.
extension Words {
    /// `ADDRESS PORT [from SOURCE_ADDRESS] [port N] [reuseaddr]`, and a last word that the command
    /// may know.
    mutating func route(flag: String? = nil) throws(Failure) -> (route: Route, flagged: Bool) {
        var route = Route(address: try address(), port: try port())
        var flagged = false
        while let word = optional() {
            switch word {
            case "from": route.source = try address("SOURCE_ADDRESS")
            case "port": route.sourcePort = try port()
            case "reuseaddr": route.reuseAddress = true
            case flag: flagged = true
            default: throw Failure("the word \(word) is not understood here")
            }
        }
        if let source = route.source, source.family != route.address.family {
            throw Failure("\(source.text) and \(route.address.text) are of two address families")
        }
        return (route, flagged)
    }
}
