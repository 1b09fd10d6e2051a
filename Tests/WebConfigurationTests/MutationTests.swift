import Testing
import WebConfiguration

@Suite("A mutated web configuration")
struct MutationTests {
    /// SplitMix64, so that every run makes the same mutations.
    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }

    private static let valid: [[UInt8]] = [
        tls(
            "client_auth_type: RequireAndVerifyClientCert",
            "client_ca: |",
            "  -----BEGIN CERTIFICATE-----",
            "  -----END CERTIFICATE-----",
            "client_allowed_sans: [one, &two two, *two]",
            "min_version: TLS10",
            "cipher_suites:",
            "- TLS_AES_128_GCM_SHA256",
            "prefer_server_cipher_suites: off",
            "curve_preferences: [X25519]"
        ),
        headers(
            "X-Frame-Options: deny",
            "X-XSS-Protection: 1",
            "Content-Security-Policy: \"default-src 'self' \\x20\""
        ),
        "%YAML 1.1\n---\nbasic_auth_users: {alice: \(hash), ? bob : '\(hash)'}\nrate_limit:\n  interval: 1m30s\n  burst: 5\n...\n",
    ].map { Array($0.utf8) }

    /// What has a meaning in YAML, and bytes that have none.
    private static let pieces: [[UInt8]] =
        [
            ":", ": ", "- ", "? ", "[", "]", "{", "}", ",", "#", "&a ", "*a", "!", "!!str ", "|", ">", "'", "\"", "%",
            "@", "`",
            "\n", "\r", "\t", "  ", "---\n", "...\n", "<<: ", "~", "\\", "\0", "\u{85}", "\u{2028}", "\u{FEFF}", "é",
        ].map { Array($0.utf8) } + [[0xFF], [0x80], [0xC3], [0xF0, 0x9F]]

    private static func mutate(_ text: inout [UInt8], _ generator: inout Generator) {
        let place = Int.random(in: 0...text.count, using: &generator)
        let end = min(place + Int.random(in: 0...20, using: &generator), text.count)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: text.insert(contentsOf: pieces.randomElement(using: &generator) ?? [], at: place)
        case 1: text.removeSubrange(place..<end)
        case 2: text.replaceSubrange(place..<end, with: pieces.randomElement(using: &generator) ?? [])
        case 3: text.insert(contentsOf: text[place..<end], at: Int.random(in: 0...text.count, using: &generator))
        default: if place < text.count { text[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator) }
        }
    }

    @Test("A mutated file is accepted, or refused with one line that has a place and no secret")
    func mutations() {
        var generator = Generator(state: 6)
        var accepted = 0
        var reasons: Set<String> = []
        for index in 0..<10_000 {
            var text = Self.valid[index % Self.valid.count]
            for _ in 0..<Int.random(in: 1...2, using: &generator) { Self.mutate(&text, &generator) }
            guard let message = refusal(of: text) else {
                accepted += 1
                continue
            }
            let lines = text.count { $0 == 0x0A || $0 == 0x0D || $0 == 0x85 || $0 == 0xA8 } + 1
            let place = message.split(separator: ":", maxSplits: 2)
            #expect(place.count == 3 && place[0] == "web.yml", "\(message)")
            #expect(Int(place[1]).map { (1...lines + 1).contains($0) } == true, "\(message)")
            #expect(!message.unicodeScalars.contains { $0.properties.generalCategory == .control }, "\(message)")
            #expect(!message.contains(hash.suffix(33)), "\(message)")
            #expect(message.utf8.count < 2_000, "\(message)")
            reasons.insert(String(place[2].prefix(40)))
        }
        // Both kinds were met, and the refusals came from many places.
        #expect(accepted > 500 && accepted < 9_500)
        #expect(reasons.count > 50)
    }
}
