/// SHA-256 (FIPS 180-4), for one short text.
enum SHA256 {
    /// The hash in Base64.
    static func base64(of message: [UInt8]) -> String {
        let digest = hash(message)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: digest.count, by: 3) {
            let group = digest[start..<min(start + 3, digest.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0...group.count { text.append(alphabet[bits >> (18 - 6 * place) & 63]) }
            text += String(repeating: "=", count: 3 - group.count)
        }
        return text
    }

    private static func hash(_ message: [UInt8]) -> [UInt8] {
        var padded = message + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        let length = UInt64(message.count) * 8
        for shift in stride(from: 56, through: 0, by: -8) { padded.append(UInt8(truncatingIfNeeded: length >> shift)) }
        var state = primes(8).map { fraction(Double($0).squareRoot()) }
        let constants = primes(64).map { fraction(cubeRoot(Double($0))) }
        for start in stride(from: 0, to: padded.count, by: 64) {
            compress(padded[start..<start + 64], into: &state, constants)
        }
        return state.flatMap { word in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> $0) } }
    }

    private static func compress(_ block: ArraySlice<UInt8>, into state: inout [UInt32], _ constants: [UInt32]) {
        func rotate(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }
        var words = (0..<16).map { word in
            block.dropFirst(4 * word).prefix(4).reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
        }
        for index in 16..<64 {
            let (first, last) = (words[index - 15], words[index - 2])
            let small = rotate(first, 7) ^ rotate(first, 18) ^ first >> 3
            let large = rotate(last, 17) ^ rotate(last, 19) ^ last >> 10
            words.append(words[index - 16] &+ small &+ words[index - 7] &+ large)
        }
        var work = state
        for index in 0..<64 {
            let (a, e) = (work[0], work[4])
            let choice = e & work[5] ^ ~e & work[6]
            let majority = a & work[1] ^ a & work[2] ^ work[1] & work[2]
            let first =
                work[7] &+ (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) &+ choice &+ constants[index] &+ words[index]
            let second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) &+ majority
            work = [first &+ second] + work[0..<3] + [work[3] &+ first] + work[4..<7]
        }
        for index in 0..<8 { state[index] &+= work[index] }
    }

    private static func primes(_ count: Int) -> [Int] {
        Array((2...).lazy.filter { number in !(2..<number).contains { number.isMultiple(of: $0) } }.prefix(count))
    }

    private static func fraction(_ number: Double) -> UInt32 {
        UInt32((number - number.rounded(.down)) * 4_294_967_296)
    }

    private static func cubeRoot(_ number: Double) -> Double {
        var root = number
        for _ in 0..<100 { root -= (root * root * root - number) / (3 * root * root) }
        return root
    }
}
