import Glibc

/// Why a command was not done, as a sentence for the person who reads the test's output.
struct Failure: Error {
    /// What went wrong, with errno's text where the kernel refused.
    let sentence: String

    /// A failure that the agent found itself.
    init(_ sentence: String) {
        self.sentence = sentence
    }

    /// A failed system call. Its errno has to be the last one set.
    init(call: String, errno code: Int32 = errno) {
        // A blocking socket with a time limit says so in these two ways.
        if code == EAGAIN || code == EINPROGRESS {
            sentence = "\(call): nothing happened for \(Socket.patience) s"
        } else if let text = unsafe strerror(code) {
            sentence = "\(call): \(unsafe String(cString: text))"
        } else {
            sentence = "\(call): errno \(code)"
        }
    }

    /// The same failure with how far the command had come.
    func after(_ done: Int, of count: Int) -> Failure {
        Failure("\(sentence), after \(done) of \(count)")
    }
}

/// Does a step a number of times; when one fails, the failure says how many were done.
func repeating(_ count: Int, _ step: (_ index: Int) throws(Failure) -> Void) throws(Failure) {
    for index in 0..<count {
        do {
            try step(index)
        } catch {
            throw error.after(index, of: count)
        }
    }
}
