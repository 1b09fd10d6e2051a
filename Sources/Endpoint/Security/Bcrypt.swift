import CCrypt
import Glibc

/// bcrypt, by libxcrypt. To check a password takes 76 ms at the usual cost of 10, and twice as long for each step more.
@safe
struct Bcrypt: ~Copyable {
    /// The room that crypt_rn() works in, 32 KiB.
    private let room = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)

    init() {
        unsafe room.initialize(to: crypt_data())
    }

    deinit {
        // The room holds what passwords are hashed to.
        unsafe explicit_bzero(room, MemoryLayout<crypt_data>.size)
        unsafe room.deallocate()
    }

    /// Whether a password has a hash, which names its own cost and salt.
    func matches(_ password: [UInt8], _ hash: [UInt8]) -> Bool {
        // crypt_rn() reads both as text that ends with NUL; a password that holds one is none.
        guard !password.contains(0) else { return false }
        let password = (password + [0]).map(CChar.init(bitPattern:))
        let setting = (hash + [0]).map(CChar.init(bitPattern:))
        let size = CInt(MemoryLayout<crypt_data>.size)
        guard let result = unsafe crypt_rn(password, setting, room, size) else { return false }
        let computed = unsafe UnsafeBufferPointer(start: result, count: strlen(result)).map(UInt8.init(bitPattern:))
        guard computed.count == hash.count else { return false }
        // Every byte is looked at, wherever the first difference is. Of the salt before them the last two bits say
        // nothing, and crypt_rn() clears them.
        var difference: UInt8 = 0
        for (left, right) in zip(computed.suffix(31), hash.suffix(31)) { difference |= left ^ right }
        return difference == 0
    }
}
