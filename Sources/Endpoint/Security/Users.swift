/// The users of the web configuration file, with the bcrypt hashes of their passwords.
struct Users: Sendable {
    private let hashes: [[UInt8]: [UInt8]]
    /// Hashes that stand for those of users that there are not.
    private let decoys: [[UInt8]]

    init(_ users: [String: String]) {
        hashes = Dictionary(uniqueKeysWithValues: users.map { (Array($0.key.utf8), Array($0.value.utf8)) })
        decoys = users.sorted { $0.key < $1.key }.map { Array($0.value.utf8) }
    }

    /// Without users everybody is let in.
    var isEmpty: Bool { hashes.isEmpty }

    /// The hash that a user's password has to have.
    ///
    /// A name that is not known gets the hash of one that is, always the same one, as Swift's hashes differ with each
    /// process only: to check it takes as long as to check a known user's password, whatever the costs of the hashes.
    func hash(of user: [UInt8]) -> (bytes: [UInt8], isKnown: Bool) {
        if let hash = hashes[user] { return (hash, true) }
        guard !decoys.isEmpty else { return ([], false) }
        return (decoys[Int(UInt(bitPattern: user.hashValue) % UInt(decoys.count))], false)
    }
}
