import Glibc

/// A network namespace of a test's own, held open by a `namespace_agent` that also makes the
/// sockets in it.
///
/// It has lo with 127.0.0.1 and ::1; tcp_tw_reuse is 0 and tcp_rfc1337 is 1, so that no TIME_WAIT
/// is taken away early. It ends with this object, and with the test's process at the latest. A
/// normal user's namespace lies in a user namespace of its own, in which the user is root. An
/// object is used by one thread at a time; several namespaces do not disturb each other, but for
/// what is the machine's: CPU time, and the limits of memory and orphans.
package final class NetworkNamespace {
    /// The agent's process id, the same as seen from outside.
    package let process: Int32
    /// The agent.
    private let holder: RunningProgram
    /// The way to talk with it.
    private let channel: AgentChannel
    /// The user namespace that it was made in.
    private let user: UserNamespace
    /// How many links to other namespaces it has.
    var links = 0

    /// Whose user namespace a network namespace belongs to.
    enum UserNamespace {
        /// The test's own: the test is run by root.
        case same
        /// One that was made for this namespace.
        case new
        /// The one of another namespace, named by its agent's process id.
        case of(Int32)

        /// What a namespace that stands alone has.
        static var alone: Self { geteuid() == 0 ? .same : .new }

        /// The words in front of a program that make it run in a new network namespace.
        var unsharing: [String] {
            switch self {
            case .same: ["unshare", "--net"]
            case .new: ["unshare", "--user", "--map-root-user", "--net"]
            case .of(let process):
                ["nsenter", "--target", "\(process)", "--user", "--preserve-credentials", "unshare", "--net"]
            }
        }
    }

    /// A new namespace.
    package convenience init() throws(NamespaceError) {
        try self.init(.alone)
    }

    /// A new namespace that can be connected with another one. Root can connect any two, a normal
    /// user only those that are made beside each other.
    package convenience init(beside other: NetworkNamespace) throws(NamespaceError) {
        try self.init(geteuid() == 0 ? .same : .of(other.process))
    }

    /// Starts the agent in a new namespace, and waits until it answers.
    private init(_ user: UserNamespace) throws(NamespaceError) {
        let unshare = user.unsharing
        // Every program of the line replaces the one before it, and so the process that is started
        // here becomes the agent.
        let agent = ["sh", "-c", "ip link set lo up && exec \"$0\"", try Executable.built("namespace_agent")]
        let channel = try AgentChannel()
        let holder = try RunningProgram(unshare + agent, name: "namespace_agent", channel: channel.agentEnd)
        channel.handedOver()
        self.user = user
        self.channel = channel
        self.holder = holder
        process = holder.process
        do {
            try ask("ping")
            try setSysctl("tcp_tw_reuse", "0")
            // On a busy machine a FIN is sent again before its ACK is there; the second ACK finds
            // no socket any more, and the RST that it draws would end the TIME_WAIT.
            try setSysctl("tcp_rfc1337", "1")
        } catch {
            channel.endInput()
            _ = try? holder.waitForExit(.seconds(1))
            throw .notStarted(program: unshare.joined(separator: " "), reason: holder.standardError + "\(error)")
        }
    }

    deinit {
        channel.endInput()
        _ = try? holder.waitForExit(.seconds(2))
    }

    /// Asks the agent to do something; what it answers behind `ok`.
    @discardableResult
    func ask(_ command: String) throws(NamespaceError) -> String {
        try channel.send(command)
        return try channel.answer(to: command)
    }

    /// Asks the agent for something that is counted.
    func count(_ command: String) throws(NamespaceError) -> Int {
        let answer = try ask(command)
        guard let count = Int(answer) else { throw .silent(command: command, reason: "\(answer) is no number") }
        return count
    }

    /// Gives the agent a command without waiting for it, does something else meanwhile, and reads
    /// the answer then.
    func ask(_ command: String, while other: () throws(NamespaceError) -> Void) throws(NamespaceError) {
        try channel.send(command)
        // The answer has to be read in any case, or the next command would get it.
        var failure: NamespaceError?
        do { try other() } catch { failure = error }
        do { _ = try channel.answer(to: command) } catch { failure = failure ?? error }
        if let failure { throw failure }
    }

    /// Asks the agent for a page; the words of its answer, and the body.
    func askForPage(_ command: String) throws(NamespaceError) -> (words: [Substring], body: [UInt8]) {
        let words = try ask(command).split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard words.count == 3, let length = Int(words[1]) else { throw .silent(command: command, reason: "\(words)") }
        return (words, try channel.bytes(length, of: command))
    }

    /// The words that make nsenter enter this namespace, and with which root's rights come along
    /// for a normal user.
    var entering: [String] {
        let net = ["nsenter", "--target", "\(process)", "--net"]
        return if case .same = user { net } else { net + ["--user", "--preserve-credentials"] }
    }
}
