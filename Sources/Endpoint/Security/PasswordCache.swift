import CGnuTLS

/// The passwords that were found right, so that a scrape does not pay bcrypt each time. Wrong ones are not kept: they
/// would drive out the right ones.
@safe
final class PasswordCache: Sendable {
    /// A password of a user with a hash, as a code that says nothing without a key that no other process has.
    struct Key: Hashable, Sendable {
        fileprivate let code: [UInt8]
    }

    /// As many as exporter-toolkit keeps.
    private static let limit = 100

    private let secret: [UInt8]
    /// The passwords, with the turn in which each was last used.
    private let kept = Guarded<(entries: [Key: UInt64], turn: UInt64)>(([:], 0))

    init() {
        var secret = [UInt8](repeating: 0, count: 32)
        // It fails only where the kernel gives no random bytes.
        guard unsafe gnutls_rnd(GNUTLS_RND_KEY, &secret, secret.count) == 0 else { fatalError("no random bytes") }
        self.secret = secret
    }

    /// The key of a password; a user whose hash was changed has another one.
    func key(_ credentials: Credentials, hash: [UInt8]) -> Key {
        // Neither holds a NUL, which parts them.
        let text = credentials.user + [0] + hash + [0] + credentials.password
        var code = [UInt8](repeating: 0, count: 32)
        // HMAC with SHA-256 writes the 32 bytes that there are.
        let result = unsafe gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, secret.count, text, text.count, &code)
        guard result == 0 else { fatalError("GnuTLS has no HMAC with SHA-256") }
        return Key(code: code)
    }

    /// Whether a password was found right.
    func contains(_ key: Key) -> Bool {
        kept.withLock { kept in
            guard kept.entries[key] != nil else { return false }
            kept.turn += 1
            kept.entries[key] = kept.turn
            return true
        }
    }

    /// Keeps a password that was found right, in place of the one that was not used for longest where there are too
    /// many.
    func insert(_ key: Key) {
        kept.withLock { kept in
            if kept.entries.count >= Self.limit, let oldest = kept.entries.min(by: { $0.value < $1.value }) {
                kept.entries[oldest.key] = nil
            }
            kept.turn += 1
            kept.entries[key] = kept.turn
        }
    }
}
