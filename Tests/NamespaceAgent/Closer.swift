/// The end of a connection that closes first, and so the one that is left in TIME_WAIT.
enum Closer: String {
    /// The end that accepted.
    case server = "server-first"
    /// The end that connected.
    case client = "client-first"
}
