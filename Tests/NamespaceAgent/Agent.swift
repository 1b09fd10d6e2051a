/// What the agent keeps, and the commands that it knows.
///
///     listen ADDRESS PORT [BINDING] [backlog N]   keeps a LISTEN socket; answers its port
///     bind ADDRESS PORT [BINDING]                 the same without listen(): bound, and no more
///     unlisten ADDRESS PORT                       closes the sockets of the two; answers how many
///
///     make COUNT CLOSER ROUTE            connections to a listener here, closed by CLOSER first
///     serve COUNT CLOSER PORT            the server's half of that (Agent+Make.swift)
///     dial COUNT CLOSER ROUTE            the client's half
///
///     connect COUNT ROUTE [noaccept]     open connections; noaccept: only the client's end
///     accept COUNT PORT                  accepts connections, and keeps them open
///     close COUNT CLOSER                 closes the oldest open pairs: TIME_WAITs
///     half-close COUNT CLOSER            closes one end: orphan FIN_WAIT2 and CLOSE_WAIT
///     finish COUNT                       closes the other end: FIN_WAIT2 to TIME_WAIT
///     reset                              resets all kept connections
///
///     attempt ADDRESS PORT               a connect(); answers its errno, and 0 stays open
///     try-bind ADDRESS PORT [v6only] [reuseaddr]   bind(), listen() and close(); answers the errno
///     connect-itself ADDRESS PORT        a client that dials the port it is bound to
///     datagram ADDRESS PORT              keeps a bound UDP socket
///     scatter COUNT PORT RATE            a TIME_WAIT to each of COUNT addresses of 10.0.0.0/8
///
///     get ADDRESS PORT PATH [ACCEPT…]    an HTTP GET over a kept connection (Agent+HTTP.swift)
///     disconnect ADDRESS PORT            closes that connection
///
///     sysctl NAME VALUE…                 writes /proc/sys/net/ipv4/NAME
///     wait-port ADDRESS|* PORT MS        waits for a listener, without a connection to it
///     guard PID, unguard PID             a process to be killed when the agent's input ends
///     ping                               answers that the agent is there
///
/// BINDING is any of `v6only`, `reuseport` and `noreuseaddr`; CLOSER is `server-first` or
/// `client-first`; ROUTE is `ADDRESS PORT [from SOURCE_ADDRESS] [port N] [reuseaddr]`.
struct Agent {
    /// Sockets that listen, or are bound only.
    var bound: [BoundSocket] = []
    /// Open connections of which both ends are here, the oldest first.
    var pairs: [(client: Socket, server: Socket)] = []
    /// The open ends of connections whose other ends are closed, the oldest first.
    var halfClosed: [Socket] = []
    /// Open connections of which one end is here.
    var single: [Socket] = []
    /// The connections of `get`.
    var visits: [Visit: HTTPConnection] = [:]
    /// The processes to kill at the end.
    var guarded: Set<Int32> = []
    /// Which source port comes next.
    var sourcePorts = SourcePorts()

    /// Does a command; the bytes of the answer, its line and what may follow it.
    mutating func answer(to line: String) -> [UInt8] {
        var words = Words(line)
        do {
            let command = try words.next("the command")
            if command == "get" { return try get(&words) }
            let answer = try run(command, &words)
            try words.end()
            return Array((answer.isEmpty ? "ok\n" : "ok \(answer)\n").utf8)
        } catch {
            return Array("error \(error.sentence)\n".utf8)
        }
    }

    /// Does a command that answers one line; what that line says behind `ok`.
    private mutating func run(_ command: String, _ words: inout Words) throws(Failure) -> String {
        switch command {
        case "listen": try bind(&words, listening: true)
        case "bind": try bind(&words, listening: false)
        case "unlisten": try unlisten(&words)
        case "make": try make(&words)
        case "serve": try serve(&words)
        case "dial": try dial(&words)
        case "connect": try connect(&words)
        case "accept": try accept(&words)
        case "close": try close(&words)
        case "half-close": try halfClose(&words)
        case "finish": try finish(&words)
        case "reset": try reset(&words)
        case "attempt": try attempt(&words)
        case "try-bind": try tryBind(&words)
        case "connect-itself": try connectItself(&words)
        case "datagram": try datagram(&words)
        case "scatter": try scatter(&words)
        case "disconnect": try disconnect(&words)
        case "sysctl": try sysctl(&words)
        case "wait-port": try waitPort(&words)
        case "guard": try guardProcess(&words)
        case "unguard": try unguardProcess(&words)
        case "ping": ""
        default: throw Failure("there is no command \(command)")
        }
    }
}
