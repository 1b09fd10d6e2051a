import CCrypt
import CGnuTLS
import Glibc
import Synchronization
import System

/// The users of the web configuration file, with the bcrypt hashes of their passwords.
struct Users: Sendable {
    private let hashes: [[UInt8]: [UInt8]]
    /// Hashes that are checked in place of those of unknown users.
    private let decoys: [[UInt8]]

    init(_ users: [String: String]) {
        hashes = Dictionary(uniqueKeysWithValues: users.map { (Array($0.key.utf8), Array($0.value.utf8)) })
        decoys = users.sorted { $0.key < $1.key }.map { Array($0.value.utf8) }
    }

    var isEmpty: Bool { hashes.isEmpty }

    /// The hash that a user's password has to have.
    ///
    /// An unknown name gets the hash of a known one, always the same within a process: to check it
    /// takes as long as to check a known user's password, whatever the costs of the hashes.
    fileprivate func hash(of user: [UInt8]) -> (bytes: [UInt8], isKnown: Bool) {
        if let hash = hashes[user] { return (hash, true) }
        guard !decoys.isEmpty else { return ([], false) }
        return (decoys[Int(UInt(bitPattern: user.hashValue) % UInt(decoys.count))], false)
    }
}

enum PasswordVerdict {
    case right
    case wrong
    /// Too many wait to be checked, or the exporter stops.
    case unchecked
}

/// Checks passwords with bcrypt on a thread of its own, one after the other: wrong passwords delay
/// only clients whose password is not known yet. Correct ones are remembered, so that a scrape does
/// not pay bcrypt each time.
final class PasswordChecker: Sendable {
    /// How many passwords wait at most, and of one address: a second address is not shut out by the
    /// first.
    private static let (limit, limitPerClient) = (16, 4)
    /// How many right passwords are remembered: as many as exporter-toolkit keeps. Wrong ones would
    /// drive them out.
    private static let memory = 100

    struct Question: Sendable {
        fileprivate let password: [UInt8]
        fileprivate let hash: [UInt8]
        /// What is remembered if it is right; nil for an unknown user.
        fileprivate let code: [UInt8]?
    }

    private struct Job {
        let question: Question
        let client: String
        let answer: @Sendable (PasswordVerdict) -> Void
    }

    private struct State {
        /// The first one is being checked.
        var jobs: [Job] = []
        /// The codes of right passwords, the one used last at the end.
        var right: [[UInt8]] = []
        var hasThread = false
        var isStopping = false
    }

    private let state = Mutex(State())
    private let wakeUp = WakeUp()
    private let secret: [UInt8]

    init() {
        var secret = [UInt8](repeating: 0, count: 32)
        // It fails only without random bytes from the kernel.
        guard unsafe gnutls_rnd(GNUTLS_RND_KEY, &secret, secret.count) == 0 else { fatalError("no random bytes") }
        self.secret = secret
    }

    /// What has to be checked of the credentials of a request, which takes time; nil where they are
    /// known to be right.
    func question(of credentials: (user: [UInt8], password: [UInt8]), among users: Users) -> Question? {
        let (user, password) = credentials
        let (hash, isKnown) = users.hash(of: user)
        // Neither holds a NUL, which parts them. A code says nothing without a secret that no other
        // process has.
        let text = user + [0] + hash + [0] + password
        var code = [UInt8](repeating: 0, count: 32)
        guard unsafe gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, secret.count, text, text.count, &code) == 0 else {
            fatalError("GnuTLS has no HMAC with SHA-256")
        }
        let key = isKnown ? code : nil
        let isRight = state.withLock { state in
            guard let key, let place = state.right.firstIndex(of: key) else { return false }
            state.right.append(state.right.remove(at: place))
            return true
        }
        return isRight ? nil : Question(password: password, hash: hash, code: key)
    }

    /// Checks a password, and calls a function with what came of it: on any thread, and perhaps
    /// before this returns.
    func check(_ question: Question, of client: String, _ answer: @escaping @Sendable (PasswordVerdict) -> Void) {
        let isQueued = state.withLock { state in
            guard !state.isStopping, state.jobs.count < Self.limit,
                state.jobs.count(where: { $0.client == client }) < Self.limitPerClient
            else { return false }
            if !state.hasThread, let thread = try? ServiceThread({ [self] in run() }) {
                // Nobody waits for its end: a hash of high cost may take minutes.
                thread.detach()
                state.hasThread = true
            }
            if state.hasThread { state.jobs.append(Job(question: question, client: client, answer: answer)) }
            return state.hasThread
        }
        if isQueued { wakeUp.announce() } else { answer(.unchecked) }
    }

    /// Checks no more passwords: those that wait are unchecked, and so is the one that is being
    /// checked, which may take minutes where the cost of its hash is high.
    func stop() {
        let jobs = state.withLock { state in
            defer { state.jobs = [] }
            state.isStopping = true
            return state.jobs
        }
        for job in jobs { job.answer(.unchecked) }
        wakeUp.announce()
    }

    private func run() {
        let bcrypt = Bcrypt()
        while true {
            let (job, isStopping) = state.withLock { ($0.jobs.first, $0.isStopping) }
            if isStopping { return }
            guard let job else {
                wakeUp.wait()
                continue
            }
            let code = bcrypt.matches(job.question.password, job.question.hash) ? job.question.code : nil
            let isAsked = state.withLock { state in
                if let code { state.right = state.right.suffix(Self.memory - 1) + [code] }
                return state.jobs.isEmpty ? nil : state.jobs.removeFirst()
            }
            if isAsked != nil { job.answer(code == nil ? .wrong : .right) }
        }
    }
}

/// bcrypt, by libxcrypt. To check a password takes 76 ms at the usual cost of 10, and twice as long
/// for each step more.
@safe
private struct Bcrypt: ~Copyable {
    /// What crypt_rn() works in, 32 KiB.
    private let memory = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)

    init() { unsafe memory.initialize(to: crypt_data()) }

    deinit {
        // It holds what passwords are hashed to.
        unsafe explicit_bzero(memory, MemoryLayout<crypt_data>.size)
        unsafe memory.deallocate()
    }

    /// Whether a password has a hash, which names its own cost and salt.
    func matches(_ password: [UInt8], _ hash: [UInt8]) -> Bool {
        let password = (password + [0]).map(CChar.init(bitPattern:))
        let setting = (hash + [0]).map(CChar.init(bitPattern:))
        let size = CInt(MemoryLayout<crypt_data>.size)
        // crypt_rn() reads both as text that ends with NUL.
        guard let result = unsafe crypt_rn(password, setting, memory, size) else { return false }
        let computed = unsafe UnsafeBufferPointer(start: result, count: strlen(result)).map(UInt8.init(bitPattern:))
        guard computed.count == hash.count else { return false }
        // Every byte is looked at, wherever the first difference is. Of the salt before them the
        // last two bits say nothing, and crypt_rn() clears them.
        var difference: UInt8 = 0
        for (left, right) in zip(computed.suffix(31), hash.suffix(31)) { difference |= left ^ right }
        return difference == 0
    }
}
