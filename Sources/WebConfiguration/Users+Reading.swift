extension WebConfiguration {
    /// Reads `basic_auth_users`. What is wrong with a name or a hash is told without it.
    static func users(_ value: Value) throws(Problem) -> [String: String] {
        var users: [String: String] = [:]
        for (name, value) in try value.entries() {
            if name.isEmpty {
                throw value.problem("the name of a user is empty, and no client can send it; expected a name")
            }
            if name.utf8.contains(UInt8(ascii: ":")) {
                throw value.problem(
                    "a colon is in the name of a user, and no client can send it; expected a space after the colon, or another name"
                )
            }
            let hash = try value.text(expecting: "a bcrypt hash")
            guard isBcrypt(hash) else {
                throw value.problem(
                    "not a bcrypt hash; expected $2y$ ($2a$, $2b$), a cost from 04 to 31, $ and 53 characters, as "
                        + #"made by: htpasswd -nBC 10 "" | tr -d ':\n'"#
                )
            }
            users[name] = hash
        }
        return users
    }

    /// Whether the text is a hash of bcrypt: `$2y$10$`, 22 characters of salt and 31 of the hash itself.
    private static func isBcrypt(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 60, ["$2a$", "$2b$", "$2y$"].contains(String(text.prefix(4))) else { return false }
        guard bytes[4].isDigit, bytes[5].isDigit, bytes[6] == UInt8(ascii: "$") else { return false }
        let cost = Int(bytes[4] - UInt8(ascii: "0")) * 10 + Int(bytes[5] - UInt8(ascii: "0"))
        return (4...31).contains(cost) && bytes[7...].allSatisfy(isOfBcrypt)
    }

    /// Whether the byte is of bcrypt's alphabet for 64 digits.
    private static func isOfBcrypt(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "."), UInt8(ascii: "/"): true
        default: byte.isDigit
        }
    }
}
